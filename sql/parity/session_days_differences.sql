-- WHAT: attributions of the session-days whose rows differ from the facts; sessions are counted, never named.
-- Grain: business day, attribution. raw and stored count what only the facts, or only session-days, have.
-- Inputs: raw_fact, stats.session_days; :first_day, :last_day, :client_id (NULL: everything). Rules: M1-M3, M6.
-- Days pruned from session-days have nothing to compare.
with raw as (
    select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
           case when is_visit then session_id end as session_id,
           (count(*) filter (where is_visit))::integer as hits,
           (count(*) filter (where not is_visit))::integer as conversions
    from raw_fact
    where counted and bucket_date between :first_day and :last_day
      and bucket_date >= coalesce((select c.session_days_from from stats.build_settings c), '-infinity')
      and (cast(:client_id as uuid) is null or client_id = :client_id)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),
stored as (
    select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
           session_id, hits, conversions
    from stats.session_days
    where bucket_date between :first_day and :last_day
      and (cast(:client_id as uuid) is null or client_id = :client_id)
),
difference as (
    select true as in_facts, a.* from (select * from raw except all select * from stored) a
    union all
    select false, b.* from (select * from stored except all select * from raw) b
)
select
    d.bucket_date, 'session_days' as grain,
    d.client_id, d.entity_type, d.entity_id, d.link_id, d.link_status, d.utm_source, d.utm_medium, d.utm_campaign,
    m.measure, m.raw, m.stored
from (
    select bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
           count(*) filter (where in_facts) as raw_rows,
           count(*) filter (where not in_facts) as stored_rows,
           coalesce(sum(hits) filter (where in_facts), 0) as raw_hits,
           coalesce(sum(hits) filter (where not in_facts), 0) as stored_hits,
           coalesce(sum(conversions) filter (where in_facts), 0) as raw_conversions,
           coalesce(sum(conversions) filter (where not in_facts), 0) as stored_conversions
    from difference
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
) d
cross join lateral (values
    ('rows', d.raw_rows, d.stored_rows),
    ('hits', d.raw_hits, d.stored_hits),
    ('conversions', d.raw_conversions, d.stored_conversions)
) as m (measure, raw, stored)
where m.measure = 'rows' or m.raw <> m.stored
order by 1, 3, 4, 5, 6, 7, 8, 9, 10
