-- HOW: the daily buckets of one grain from session-days alone, all days at once. Inputs: stats.session_days; :grain, and
-- :keys, its key columns (all have client_id).
insert into stats.bucket_daily (
    grain, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    hits, visits, sessionless_hits, conversions
)
select
    :grain, bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign,
    sum(hits), count(*), 0, sum(conversions)
from (
    select bucket_date, client_id,
           case when 'entity_type' = any (cast(:keys as text[])) then entity_type end as entity_type,
           case when 'entity_id' = any (cast(:keys as text[])) then entity_id end as entity_id,
           case when 'link_id' = any (cast(:keys as text[])) then link_id end as link_id,
           case when 'link_status' = any (cast(:keys as text[])) then link_status end as link_status,
           case when 'utm_source' = any (cast(:keys as text[])) then utm_source end as utm_source,
           case when 'utm_medium' = any (cast(:keys as text[])) then utm_medium end as utm_medium,
           case when 'utm_campaign' = any (cast(:keys as text[])) then utm_campaign end as utm_campaign,
           session_id, sum(hits) as hits, sum(conversions) as conversions
    from stats.session_days
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
) member_session
group by 2, 3, 4, 5, 6, 7, 8, 9, 10
order by 2, 3, 4, 5, 6, 7, 8, 9, 10
