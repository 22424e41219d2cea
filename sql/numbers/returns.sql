-- WHAT: the return histograms as session-days give them, from nothing (M6).
-- Grain: grain, member, bucket_date, previous_date. Inputs: stats.session_days, stats.partition_state,
-- stats.session_day_change; :from_day, :last_day (bucket_date of what is returned; before :from_day, NULL: no bound,
-- are predecessors only, and nothing after :last_day is looked at), :current_first, :current_last (days to take as the
-- session-days have them now; all others as when they were last merged, as they are stored. NULL: none).
with presence as (
    select s.bucket_date, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign, s.session_id, 1 as there
    from stats.session_days s
    join stats.partition_state p on p.bucket_date = s.bucket_date
    where s.session_id is not null and s.bucket_date <= :last_day
      and (p.histogram_included or coalesce(s.bucket_date between :current_first and :current_last, false))
    union all
    select c.bucket_date, c.client_id, c.entity_type, c.entity_id, c.link_id, c.link_status,
           c.utm_source, c.utm_medium, c.utm_campaign, c.session_id, -c.change
    from stats.session_day_change c
    where c.bucket_date <= :last_day and not coalesce(c.bucket_date between :current_first and :current_last, false)
),
returning_session as (
    -- Nine tenths of all sessions are seen on one day only.
    select session_id from presence
    group by session_id
    having min(bucket_date) < max(bucket_date)
        and max(bucket_date) >= coalesce(cast(:from_day as date), '-infinity')
),
attribution_day as (
    select p.bucket_date, p.client_id, p.entity_type, p.entity_id, p.link_id, p.link_status,
           p.utm_source, p.utm_medium, p.utm_campaign, p.session_id
    from presence p
    join returning_session r on r.session_id = p.session_id
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    having sum(p.there) > 0
),
predecessor_or_day as (
    -- Before :from_day a day can only be a predecessor, and only the newest of its attribution is one.
    select max(bucket_date) as bucket_date, client_id, entity_type, entity_id, link_id, link_status,
           utm_source, utm_medium, utm_campaign, session_id
    from attribution_day
    where bucket_date < cast(:from_day as date)
    group by 2, 3, 4, 5, 6, 7, 8, 9, 10
    union all
    select * from attribution_day
    where bucket_date >= coalesce(cast(:from_day as date), '-infinity')
),
member_day as (
    select distinct
        g.name as grain, a.bucket_date,
        case when g.by_client then a.client_id end as client_id,
        case when g.by_entity then a.entity_type end as entity_type,
        case when g.by_entity then a.entity_id end as entity_id,
        case when g.by_link then a.link_id end as link_id,
        case when g.by_link then a.link_status end as link_status,
        case when g.by_utm_source then a.utm_source end as utm_source,
        case when g.by_utm_medium then a.utm_medium end as utm_medium,
        case when g.by_utm_campaign then a.utm_campaign end as utm_campaign,
        a.session_id
    from predecessor_or_day a
    cross join stats.grain g
)
select grain, bucket_date, previous_date, client_id, entity_type, entity_id, link_id, link_status,
       utm_source, utm_medium, utm_campaign, count(*) as sessions
from (
    select m.*, lag(bucket_date) over (
        partition by grain, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium,
                     utm_campaign, session_id order by bucket_date) as previous_date
    from member_day m
) returned
where previous_date is not null and bucket_date >= coalesce(cast(:from_day as date), '-infinity')
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
