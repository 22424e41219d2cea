-- WHAT: the buckets of one business day at one published grain, counted at that grain (M1-M3, M5).
-- Grain: the grain's key columns (columns that are no key are NULL). Inputs: stage_session_days (the rows that are the
-- day's bridge), :grain and for each key :by_client, :by_entity, :by_link, :by_utm_source, :by_utm_medium,
-- :by_utm_campaign: constants to the planner, which drops what is no key.
select
    cast(:grain as text) as grain,
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    sum(hits) as hits,
    count(session_id) as visits,
    coalesce(sum(hits) filter (where session_id is null), 0) as sessionless_hits,
    sum(conversions) as conversions
from (
    -- One row per member and session, so that counting rows counts distinct sessions (M2).
    select
        case when :by_client then n.client_id end as client_id,
        case when :by_entity then n.entity_type end as entity_type,
        case when :by_entity then n.entity_id end as entity_id,
        case when :by_link then n.link_id end as link_id,
        case when :by_link then n.link_status end as link_status,
        case when :by_utm_source then n.utm_source end as utm_source,
        case when :by_utm_medium then n.utm_medium end as utm_medium,
        case when :by_utm_campaign then n.utm_campaign end as utm_campaign,
        n.session_id,
        sum(n.hits) as hits,
        sum(n.conversions) as conversions
    from stage_session_days n
    where not n.excluded
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
) member_session
group by client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
-- In order of the bucket's key: its index then grows page by page.
order by client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
