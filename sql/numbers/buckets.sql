-- WHAT: the buckets of one business day at one published grain, counted at that grain (M1-M3, M5).
-- Grain: the grain's key columns (columns that are no key are NULL). Inputs: stage_cells, :grain and for each key
-- :by_client, :by_entity, :by_link, :by_utm_source, :by_utm_medium, :by_utm_campaign: constants to the planner, which
-- then drops what is no key wherever it is grouped by.
select
    cast(:grain as text) as grain,
    case when :by_client then counted.client_id end as client_id,
    case when :by_entity then counted.entity_type end as entity_type,
    case when :by_entity then counted.entity_id end as entity_id,
    case when :by_link then counted.link_id end as link_id,
    case when :by_link then counted.link_status end as link_status,
    case when :by_utm_source then counted.utm_source end as utm_source,
    case when :by_utm_medium then counted.utm_medium end as utm_medium,
    case when :by_utm_campaign then counted.utm_campaign end as utm_campaign,
    sum(counted.hits) as hits,
    sum(counted.visits) as visits,
    sum(counted.sessionless_hits) as sessionless_hits,
    sum(counted.conversions) as conversions
from (
    select
        c.client_id, c.entity_type, c.entity_id, c.link_id, c.link_status, c.utm_source, c.utm_medium, c.utm_campaign,
        c.hits, c.visits, c.sessionless_hits, c.conversions
    from stage_cells c
    where c.session_no is null
    union all
    -- One row per member and session: each counts as one visit, however many attributions of the member it had (M2).
    select
        case when :by_client then c.client_id end as client_id,
        case when :by_entity then c.entity_type end as entity_type,
        case when :by_entity then c.entity_id end as entity_id,
        case when :by_link then c.link_id end as link_id,
        case when :by_link then c.link_status end as link_status,
        case when :by_utm_source then c.utm_source end as utm_source,
        case when :by_utm_medium then c.utm_medium end as utm_medium,
        case when :by_utm_campaign then c.utm_campaign end as utm_campaign,
        cast(sum(c.hits) as integer), 1, 0, cast(sum(c.conversions) as integer)
    from stage_cells c
    where c.session_no is not null
    group by 1, 2, 3, 4, 5, 6, 7, 8, c.session_no
) counted
group by 2, 3, 4, 5, 6, 7, 8, 9
-- In order of the bucket's key: its index then grows page by page.
order by 2, 3, 4, 5, 6, 7, 8, 9
