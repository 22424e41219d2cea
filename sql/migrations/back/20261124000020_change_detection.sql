set local search_path = pg_catalog, pg_temp;
drop table if exists stats.detection_pass, stats.day_ledger, stats.exclusion_change;

create or replace function stats.range_state(p_from date, p_to date)
returns table (as_of timestamptz, complete boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    -- Days still to come are not missing.
    select min(s.computed_at),
           count(s.bucket_date) = count(days.day) and p_from >= (select c.first_partition from stats.calendar c)
    from generate_series(
        p_from,
        least(p_to, (select (now() at time zone c.time_zone)::date from stats.calendar c)),
        interval '1 day'
    ) as days (day)
    left join stats.partition_state s on s.bucket_date = days.day::date
$$;
comment on function stats.range_state(date, date) is
    'as_of: the oldest time a day of the range was computed; complete: every day of it up to today is computed.';
