-- WHAT: all webinars of each client on a day: every session and every entry counted once, also where two webinars name
-- the same registration campaign (W3).
-- Grain: client. Inputs: stats.webinar_stats_daily, stats.session_days, stats.webinars; :bucket_date.
with entity as (
    {include numbers/webinar_entities}
),
traffic as (
    select s.client_id, sum(s.hits) as hits, count(distinct s.session_id) as visits, sum(s.conversions) as conversions
    from stats.session_days s
    where s.bucket_date = :bucket_date
      and (exists (
               select from entity e
               where e.entity_type = s.entity_type and e.entity_id = s.entity_id
                 and e.client_id is not distinct from s.client_id
           )
           or (s.entity_type = 'webinar' and not exists (select from stats.webinars w where w.id = s.entity_id)))
    group by s.client_id
)
select
    d.client_id,
    count(*) as webinars,
    (select count(distinct e.entity_id)
     from entity e
     join stats.webinar_stats_daily n on n.webinar_id = e.webinar_id and n.bucket_date = :bucket_date
     where e.is_shared and e.client_id is not distinct from d.client_id) as shared_campaigns,
    max(d.peak_viewers) as peak_viewers,
    case when count(d.visits) > 0 then coalesce(max(t.hits), 0) end as hits,
    case when count(d.visits) > 0 then coalesce(max(t.visits), 0) end as visits,
    case when count(d.visits) > 0 then coalesce(max(t.conversions), 0) end as conversions
from stats.webinar_stats_daily d
left join traffic t on t.client_id is not distinct from d.client_id
where d.bucket_date = :bucket_date
group by d.client_id
