-- WHAT: buckets that differ from the facts, at every published grain; nothing when all agree. Tolerance zero.
-- Grain: business day, grain, member (key columns that are none of the grain are NULL).
-- Inputs: raw_fact, stats.grain, stats.bucket_daily; :first_day, :last_day, :client_id (NULL: everything, else the
-- grains within that client). Rules: M1-M3, M5. Visits are COUNT(DISTINCT session_id) straight from the facts.
with raw as (
    select
        f.bucket_date, g.name as grain,
        case when g.by_client then f.client_id end as client_id,
        case when g.by_entity then f.entity_type end as entity_type,
        case when g.by_entity then f.entity_id end as entity_id,
        case when g.by_link then f.link_id end as link_id,
        case when g.by_link then f.link_status end as link_status,
        case when g.by_utm_source then f.utm_source end as utm_source,
        case when g.by_utm_medium then f.utm_medium end as utm_medium,
        case when g.by_utm_campaign then f.utm_campaign end as utm_campaign,
        count(*) filter (where f.is_visit) as hits,
        count(distinct f.session_id collate "C") filter (where f.is_visit) as visits,
        count(*) filter (where f.is_visit and f.session_id is null) as sessionless_hits,
        count(*) filter (where not f.is_visit) as conversions
    from raw_fact f
    cross join stats.grain g
    where not f.excluded and f.bucket_date between :first_day and :last_day
      and (cast(:client_id as uuid) is null or (g.by_client and f.client_id = :client_id))
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),
stored as (
    select b.bucket_date, b.grain, b.client_id, b.entity_type, b.entity_id, b.link_id, b.link_status,
           b.utm_source, b.utm_medium, b.utm_campaign, b.hits, b.visits, b.sessionless_hits, b.conversions
    from stats.bucket_daily b
    where b.bucket_date between :first_day and :last_day
      and (cast(:client_id as uuid) is null or b.client_id = :client_id)
)
{include parity/select_measures_that_differ}
