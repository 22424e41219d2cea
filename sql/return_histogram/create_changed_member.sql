-- HOW: which member of each grain an attribution belongs to, both as numbers, so that what follows compares integers.
-- Grain: one row per attribution and grain. Inputs: changed_presence, stats.grain. Rule: M5.
create temporary table changed_member on commit drop as
select
    attribution_no, grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
    utm_campaign,
    dense_rank() over (
        order by grain, client_id, entity_type, entity_id, link_id, link_status, utm_source collate "C",
                 utm_medium collate "C", utm_campaign collate "C"
    ) as member_no
from (
    select
        a.attribution_no,
        g.name as grain,
        case when g.by_client then a.client_id end as client_id,
        case when g.by_entity then cast(a.entity_type as stats.entity_type) end as entity_type,
        case when g.by_entity then a.entity_id end as entity_id,
        case when g.by_link then a.link_id end as link_id,
        case when g.by_link then cast(a.link_status as stats.link_status) end as link_status,
        case when g.by_utm_source then a.utm_source end as utm_source,
        case when g.by_utm_medium then a.utm_medium end as utm_medium,
        case when g.by_utm_campaign then a.utm_campaign end as utm_campaign
    from (
        select distinct
            attribution_no, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
            utm_campaign
        from changed_presence
    ) a
    cross join stats.grain g
) attribution_member
