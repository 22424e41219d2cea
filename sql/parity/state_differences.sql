-- WHAT: what partition_state says of a day and the facts do not. Grain: business day, measure.
-- Inputs: raw_cell, stats.partition_state; :days, :starts, :ends (the days and their bounds). Rules: M1-M3, E2, E3, T1.
-- Bounds are compared as microseconds since 1970, so that every difference is two numbers.
with raw as (
    select d.day as bucket_date,
           coalesce(sum(c.hits) filter (where c.counted), 0) as hits,
           count(distinct c.session_no) filter (where c.counted) as visits,
           coalesce(sum(c.hits) filter (where c.counted and c.session_no is null), 0) as sessionless_hits,
           coalesce(sum(c.conversions) filter (where c.counted), 0) as conversions,
           coalesce(sum(c.hits) filter (where c.counted and c.link_status = 'unknown'), 0) as unknown_link_hits,
           coalesce(sum(c.hits) filter (where c.counted and c.link_status = 'unresolved'), 0) as unresolved_link_hits,
           coalesce(sum(c.hits) filter (where c.counted and c.client_id is null), 0) as unknown_client_hits,
           coalesce(sum(c.hits) filter (where c.excluded), 0) as excluded_hits,
           coalesce(sum(c.conversions) filter (where c.excluded), 0) as excluded_conversions,
           count(*) filter (where c.counted) as session_days,
           max(c.newest) as watermark,
           d.window_start, d.window_end
    from unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
        as d (day, window_start, window_end)
    left join raw_cell c on c.bucket_date = d.day
    group by d.day, d.window_start, d.window_end
)
select
    r.bucket_date, 'partition_state' as grain,
    null::uuid as client_id, null as entity_type, null::uuid as entity_id, null::uuid as link_id, null as link_status,
    null as utm_source, null as utm_medium, null as utm_campaign,
    m.measure, m.raw, m.stored
from raw r
join stats.partition_state s on s.bucket_date = r.bucket_date
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
    ('session_days', r.session_days, s.session_days),
    ('grains', (select count(*) from stats.grain), (select count(*) from stats.grain g where g.name = any (s.grains))),
    ('watermark', (extract(epoch from r.watermark) * 1000000)::bigint, (extract(epoch from s.watermark) * 1000000)::bigint),
    ('window_start', (extract(epoch from r.window_start) * 1000000)::bigint, (extract(epoch from s.window_start) * 1000000)::bigint),
    ('window_end', (extract(epoch from r.window_end) * 1000000)::bigint, (extract(epoch from s.window_end) * 1000000)::bigint)
) as m (measure, raw, stored)
where m.raw is distinct from m.stored
  -- Facts of held parts may be newer than the day's last computation.
  and not (m.measure = 'watermark' and r.bucket_date = any (cast(:held_days as date[])))
order by 1, 11
