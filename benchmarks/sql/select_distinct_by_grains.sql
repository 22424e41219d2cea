-- The yardstick of a second engine: distinct sessions of a window by the same grouping sets, without attribution. In SQL
-- that Spark and Postgres both know.
select count(*) as buckets, sum(visits) as visits
from (
    select v.campaign_id, v.link_id, v.utm_source, v.utm_medium, v.utm_campaign,
           count(*) as hits, count(distinct v.session_id) as visits
    from stats_visit_facts v
    group by grouping sets (
        (), (v.campaign_id), (v.campaign_id, v.link_id), (v.utm_source), (v.utm_medium), (v.utm_campaign),
        (v.utm_source, v.utm_medium, v.utm_campaign), (v.campaign_id, v.utm_source, v.utm_medium, v.utm_campaign)
    )
) counted
