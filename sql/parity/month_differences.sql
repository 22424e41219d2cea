-- WHAT: months of return histograms that are not the sum of the histograms by day, as they are stored. A month stands for
-- its last day of :first_day to :last_day. Grain: month, previous month, grain, member.
-- Inputs: stats.return_histogram, stats.return_month; :first_day, :last_day, :client_id (NULL: everything). Rule: M6.
select
    least(d.month + interval '1 month' - interval '1 day', cast(:last_day as date))::date as bucket_date,
    d.previous_month as first_day, d.grain, d.client_id, d.entity_type::text, d.entity_id, d.link_id, d.link_status::text,
    d.utm_source, d.utm_medium, d.utm_campaign,
    'sessions_of_month' as measure, sum(d.raw) as raw, sum(d.stored) as stored
from (
    select h.grain, date_trunc('month', h.bucket_date::timestamp)::date as month,
           date_trunc('month', h.previous_date::timestamp)::date as previous_month, h.client_id, h.entity_type, h.entity_id,
           h.link_id, h.link_status, h.utm_source, h.utm_medium, h.utm_campaign, h.sessions as raw, null as stored
    from stats.return_histogram h
    where h.bucket_date >= date_trunc('month', cast(:first_day as timestamp))
      and h.bucket_date < date_trunc('month', cast(:last_day as timestamp)) + interval '1 month'
      and (cast(:client_id as uuid) is null or h.client_id = :client_id)
    union all
    select m.grain, m.month, m.previous_month, m.client_id, m.entity_type, m.entity_id,
           m.link_id, m.link_status, m.utm_source, m.utm_medium, m.utm_campaign, null, m.sessions
    from stats.return_month m
    where m.month between date_trunc('month', cast(:first_day as timestamp)) and cast(:last_day as date)
      and (cast(:client_id as uuid) is null or m.client_id = :client_id)
) d
group by d.month, d.previous_month, d.grain, d.client_id, d.entity_type, d.entity_id, d.link_id, d.link_status,
         d.utm_source, d.utm_medium, d.utm_campaign
having sum(d.raw) is distinct from sum(d.stored)
order by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
