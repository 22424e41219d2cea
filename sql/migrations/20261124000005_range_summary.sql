-- Reading: sums and exact distinct visits of a range at any published grain (M5, M6).

create or replace function stats.require_range(p_grain text, p_from date, p_to date) returns void
language plpgsql stable
as $$
declare
    calendar stats.calendar;
    missing date;
begin
    if not exists (select from stats.grain where name = p_grain) then
        raise exception using errcode = 'ST001',
            message = format('there is no grain %L', p_grain),
            hint = (select 'Use one of ' || string_agg(name, ', ' order by position) || '.' from stats.grain);
    end if;
    if p_from is null or p_to is null or p_from > p_to then
        raise exception using errcode = 'ST002',
            message = format('the range %s..%s is reversed or has no end', p_from, p_to),
            hint = 'Give two inclusive local dates, the earlier one first.';
    end if;
    select * into calendar from stats.calendar;
    if calendar.first_partition is null or p_from < calendar.first_partition then
        raise exception using errcode = 'ST003',
            message = format('the range %s..%s begins before the first partition %s', p_from, p_to, calendar.first_partition),
            hint = 'Ask from the first partition on, or rebuild with an earlier EVENTFLOW_START_DATE.';
    end if;
    select d::date into missing
    from generate_series(p_from, p_to, interval '1 day') as days (d)
    left join stats.partition_state s on s.bucket_date = d::date
    where s.bucket_date is null or not (p_grain = any (s.grains))
    order by d
    limit 1;
    if missing is not null then
        raise exception using errcode = 'ST004',
            message = format('the day %s is not computed for the grain %s', missing, p_grain),
            hint = format('Materialize it: eventflow backfill --from %s --to %s', missing, p_to);
    end if;
end
$$;
comment on function stats.require_range(text, date, date) is
    'Raises ST001 (unknown grain), ST002 (reversed range), ST003 (before the first partition) or ST004 (a day not computed); otherwise returns.';

create or replace function stats.range_summary(p_grain text, p_from date, p_to date, p_client_id uuid default null)
returns table (
    client_id uuid, entity_type text, entity_id uuid, link_id uuid, link_status text,
    utm_source text, utm_medium text, utm_campaign text,
    hits bigint, visits bigint, sessionless_hits bigint, conversions bigint, cvr numeric
)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    perform stats.require_range(p_grain, p_from, p_to);
    if p_from = p_to then
        return query
            select b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status,
                   b.utm_source, b.utm_medium, b.utm_campaign,
                   b.hits, b.visits, b.sessionless_hits, b.conversions, b.conversions::numeric / nullif(b.visits, 0)
            from stats.bucket_daily b
            where b.grain = p_grain and b.bucket_date = p_from
              and (p_client_id is null or b.client_id = p_client_id);
    else
        -- Distinct sessions do not add up over days: count them in the bridge.
        return query
            select m.client_id, m.entity_type, m.entity_id, m.link_id, m.link_status,
                   m.utm_source, m.utm_medium, m.utm_campaign,
                   sum(m.hits)::bigint, count(m.session_id),
                   coalesce(sum(m.hits) filter (where m.session_id is null), 0)::bigint, sum(m.conversions)::bigint,
                   sum(m.conversions)::numeric / nullif(count(m.session_id), 0)
            from (
                select case when g.by_client then s.client_id end as client_id,
                       case when g.by_entity then s.entity_type end as entity_type,
                       case when g.by_entity then s.entity_id end as entity_id,
                       case when g.by_link then s.link_id end as link_id,
                       case when g.by_link then s.link_status end as link_status,
                       case when g.by_utm_source then s.utm_source end as utm_source,
                       case when g.by_utm_medium then s.utm_medium end as utm_medium,
                       case when g.by_utm_campaign then s.utm_campaign end as utm_campaign,
                       s.session_id, sum(s.hits) as hits, sum(s.conversions) as conversions
                from stats.session_days s
                cross join stats.grain g
                where g.name = p_grain and s.bucket_date between p_from and p_to
                  and (p_client_id is null or s.client_id = p_client_id)
                group by 1, 2, 3, 4, 5, 6, 7, 8, 9
            ) m
            group by 1, 2, 3, 4, 5, 6, 7, 8;
    end if;
end
$$;
comment on function stats.range_summary(text, date, date, uuid) is
    'One row per member of the grain over the inclusive local dates p_from..p_to (T3): hits (M1), visits = distinct sessions of the whole range (M2, M6), sessionless_hits, conversions (M3), cvr = conversions / visits or NULL (M4). Columns that are no key of the grain are NULL. Errors: see require_range.';

revoke execute on function stats.require_range(text, date, date) from public;
revoke execute on function stats.range_summary(text, date, date, uuid) from public;
grant execute on function stats.require_range(text, date, date) to eventflow_pipeline;
grant execute on function stats.range_summary(text, date, date, uuid) to eventflow_pipeline;
