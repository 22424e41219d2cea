-- WHAT: the buckets of one business day at every published grain, each counted at its own grain (M1-M3, M5).
-- Grain: grain, then its key columns (columns that are no key are NULL). Inputs: stats.session_days, stats.grain,
-- :bucket_date.
select
    grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    sum(hits) as hits,
    count(session_id) as visits,
    coalesce(sum(hits) filter (where session_id is null), 0) as sessionless_hits,
    sum(conversions) as conversions
from (
    -- One row per member and session, so that counting rows counts distinct sessions (M2).
    select
        g.name as grain,
        case when g.by_client then s.client_id end as client_id,
        case when g.by_entity then s.entity_type end as entity_type,
        case when g.by_entity then s.entity_id end as entity_id,
        case when g.by_link then s.link_id end as link_id,
        case when g.by_link then s.link_status end as link_status,
        case when g.by_utm_source then s.utm_source end as utm_source,
        case when g.by_utm_medium then s.utm_medium end as utm_medium,
        case when g.by_utm_campaign then s.utm_campaign end as utm_campaign,
        s.session_id,
        sum(s.hits) as hits,
        sum(s.conversions) as conversions
    from stats.session_days s
    cross join stats.grain g
    where s.bucket_date = :bucket_date
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
) member_session
group by grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
