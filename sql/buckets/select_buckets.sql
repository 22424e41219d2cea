-- WHAT: the buckets of one business day at one published grain, counted at that grain (M1-M3, M5).
-- Grain: the grain's key columns (columns that are no key are NULL). Inputs: stage_cells, :grain and for each key
-- :by_client, :by_entity, :by_link, :by_utm_source, :by_utm_medium, :by_utm_campaign: constants to the planner, which
-- drops what is no key.
with cell as not materialized (
    select
        case when :by_client then c.client_id end as client_id,
        case when :by_entity then c.entity_type end as entity_type,
        case when :by_entity then c.entity_id end as entity_id,
        case when :by_link then c.link_id end as link_id,
        case when :by_link then c.link_status end as link_status,
        case when :by_utm_source then c.utm_source end as utm_source,
        case when :by_utm_medium then c.utm_medium end as utm_medium,
        case when :by_utm_campaign then c.utm_campaign end as utm_campaign,
        c.session_id, c.hits, c.visits, c.sessionless_hits, c.conversions
    from stage_cells c
)
select
    cast(:grain as text) as grain,
    client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    sum(hits) as hits,
    sum(visits) as visits,
    sum(sessionless_hits) as sessionless_hits,
    sum(conversions) as conversions
from (
    select
        client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
        hits, visits, sessionless_hits, conversions
    from cell
    where session_id is null
    union all
    -- One row per member and session: each counts as one visit, however many attributions of the member it had (M2).
    select
        client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
        cast(sum(hits) as integer), 1, 0, cast(sum(conversions) as integer)
    from cell
    where session_id is not null
    group by
        client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id
) counted
group by client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
-- In order of the bucket's key: its index then grows page by page.
order by client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
