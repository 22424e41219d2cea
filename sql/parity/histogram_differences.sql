-- WHAT: return histograms that differ from session-days. Grain: business day, previous day, grain, member.
-- Inputs: what numbers/returns reads, stats.return_histogram; :first_day, :last_day, :client_id
-- (NULL: everything), :from_day (as :first_day), :current_first and :current_last both NULL. Rule: M6.
-- Days pruned from session-days are no predecessors.
with raw as (
    select * from (
{include numbers/returns}
    ) r
    where r.previous_date >= coalesce((select c.session_days_from from stats.build_settings c), '-infinity')
      and (cast(:client_id as uuid) is null or r.client_id = :client_id)
),
stored as (
    select h.grain, h.bucket_date, h.previous_date, h.client_id, h.entity_type::text, h.entity_id, h.link_id,
           h.link_status::text,
           h.utm_source, h.utm_medium, h.utm_campaign, h.sessions
    from stats.return_histogram h
    where h.bucket_date between :first_day and :last_day
      and h.previous_date >= coalesce((select c.session_days_from from stats.build_settings c), '-infinity')
      and (cast(:client_id as uuid) is null or h.client_id = :client_id)
)
select
    coalesce(r.bucket_date, s.bucket_date) as bucket_date,
    coalesce(r.previous_date, s.previous_date) as first_day,
    coalesce(r.grain, s.grain) as grain,
    coalesce(r.client_id, s.client_id) as client_id,
    coalesce(r.entity_type, s.entity_type) as entity_type,
    coalesce(r.entity_id, s.entity_id) as entity_id,
    coalesce(r.link_id, s.link_id) as link_id,
    coalesce(r.link_status, s.link_status) as link_status,
    coalesce(r.utm_source, s.utm_source) as utm_source,
    coalesce(r.utm_medium, s.utm_medium) as utm_medium,
    coalesce(r.utm_campaign, s.utm_campaign) as utm_campaign,
    'sessions' as measure, r.sessions as raw, s.sessions as stored
from raw r
full join stored s
    on row(r.grain, r.bucket_date, r.previous_date, r.client_id, r.entity_type, r.entity_id, r.link_id, r.link_status,
           r.utm_source, r.utm_medium, r.utm_campaign)::text
     = row(s.grain, s.bucket_date, s.previous_date, s.client_id, s.entity_type, s.entity_id, s.link_id, s.link_status,
           s.utm_source, s.utm_medium, s.utm_campaign)::text
where r.sessions is distinct from s.sessions
order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
