-- WHAT: what partition_state says of a day and the facts do not. Grain: business day, measure.
-- Inputs: raw_fact, stats.partition_state; :days, :starts, :ends (the days and their bounds). Rules: M1-M3, E2, E3, T1.
-- Bounds are compared as microseconds since 1970, so that every difference is two numbers.
with raw as (
    select d.day as bucket_date,
           count(*) filter (where f.counted and f.is_visit) as hits,
           count(distinct f.session_id collate "C") filter (where f.counted and f.is_visit) as visits,
           count(*) filter (where f.counted and f.is_visit and f.session_id is null) as sessionless_hits,
           count(*) filter (where f.counted and not f.is_visit) as conversions,
           count(*) filter (where f.counted and f.is_visit and f.link_status = 'unknown') as unknown_link_hits,
           count(*) filter (where f.counted and f.is_visit and f.link_status = 'unresolved') as unresolved_link_hits,
           count(*) filter (where f.counted and f.is_visit and f.client_id is null) as unknown_client_hits,
           count(*) filter (where f.excluded and f.is_visit) as excluded_hits,
           count(*) filter (where f.excluded and not f.is_visit) as excluded_conversions,
           max(f.created_at) as watermark,
           d.window_start, d.window_end
    from unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
        as d (day, window_start, window_end)
    left join raw_fact f on f.bucket_date = d.day
    group by d.day, d.window_start, d.window_end
),
session_day as (
    select bucket_date, count(*) as session_days
    from (
        select distinct bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
               utm_campaign, case when is_visit then session_id end
        from raw_fact
        where counted
    ) distinct_session
    group by bucket_date
)
select
    r.bucket_date, 'partition_state' as grain,
    null::uuid as client_id, null as entity_type, null::uuid as entity_id, null::uuid as link_id, null as link_status,
    null as utm_source, null as utm_medium, null as utm_campaign,
    m.measure, m.raw, m.stored
from raw r
join stats.partition_state s on s.bucket_date = r.bucket_date
left join session_day b on b.bucket_date = r.bucket_date
cross join lateral (values
    ('hits', r.hits, s.hits),
    ('visits', r.visits, s.visits),
    ('sessionless_hits', r.sessionless_hits, s.sessionless_hits),
    ('conversions', r.conversions, s.conversions),
    ('unknown_link_hits', r.unknown_link_hits, s.unknown_link_hits),
    ('unresolved_link_hits', r.unresolved_link_hits, s.unresolved_link_hits),
    ('unknown_client_hits', r.unknown_client_hits, s.unknown_client_hits),
    ('excluded_hits', r.excluded_hits, s.excluded_hits),
    ('excluded_conversions', r.excluded_conversions, s.excluded_conversions),
    ('session_days', coalesce(b.session_days, 0), s.session_days),
    ('grains', (select count(*) from stats.grain), (select count(*) from stats.grain g where g.name = any (s.grains))),
    ('watermark', (extract(epoch from r.watermark) * 1000000)::bigint, (extract(epoch from s.watermark) * 1000000)::bigint),
    ('window_start', (extract(epoch from r.window_start) * 1000000)::bigint, (extract(epoch from s.window_start) * 1000000)::bigint),
    ('window_end', (extract(epoch from r.window_end) * 1000000)::bigint, (extract(epoch from s.window_end) * 1000000)::bigint)
) as m (measure, raw, stored)
where m.raw is distinct from m.stored
  -- Facts of held parts may be newer than the day's last computation.
  and not (m.measure = 'watermark' and r.bucket_date = any (cast(:held_days as date[])))
order by 1, 11
