-- HOW: which member of each grain an attribution belongs to, kept for the statements of this transaction.
-- Grain: grain, attribution. Inputs: raw_cell, stats.grain; :client_id (NULL: everything, else the grains within that
-- client). Rule: M5.
insert into raw_member (
    member_no, attribution_no, grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
    utm_campaign
)
select
    dense_rank() over (
        order by grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
    ),
    attribution_no, grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
from (
    select
        a.attribution_no, g.name as grain,
        case when g.by_client then a.client_id end as client_id,
        case when g.by_entity then a.entity_type end as entity_type,
        case when g.by_entity then a.entity_id end as entity_id,
        case when g.by_link then a.link_id end as link_id,
        case when g.by_link then a.link_status end as link_status,
        case when g.by_utm_source then a.utm_source end as utm_source,
        case when g.by_utm_medium then a.utm_medium end as utm_medium,
        case when g.by_utm_campaign then a.utm_campaign end as utm_campaign
    from (
        select attribution_no, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
        from raw_cell
        where counted and (cast(:client_id as uuid) is null or client_id = :client_id)
        group by
            attribution_no, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign
    ) a
    cross join stats.grain g
    where cast(:client_id as uuid) is null or g.by_client
) m
