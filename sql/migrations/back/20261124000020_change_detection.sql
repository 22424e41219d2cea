set local search_path = pg_catalog, pg_temp;
drop table if exists stats.detection_pass, stats.day_ledger, stats.exclusion_change;

create or replace function stats.range_state(p_from date, p_to date)
returns table (as_of timestamptz, complete boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    -- Days still to come are not missing.
    select min(s.computed_at),
           count(s.computed_at) = case when p_from <= min(b.last_day) then min(b.last_day) - p_from + 1 else 0 end
           and p_from >= min(b.first_partition)
    from (select c.first_partition, least(p_to, stats.today()) as last_day from stats.build_settings c) b
    left join stats.partition_state s
        on p_from >= b.first_partition and s.bucket_date between p_from and b.last_day
$$;
comment on function stats.range_state(date, date) is
    'as_of: the oldest time a day of the range was computed; complete: every day of it up to today is computed.';
