-- WHAT: campaigns and webinars of a client over a range, named. Grain: member of the grain campaign.
-- Inputs: stats.range_summary, dimensions; :client_id, :first_day, :last_day. Rules: M1-M4, M6.
select s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
       s.hits, s.visits, s.sessionless_hits, s.conversions, s.cvr
from stats.range_summary('campaign', :first_day, :last_day, :client_id) s
left join stats.campaigns c on s.entity_type = 'campaign' and c.id = s.entity_id
left join stats.webinars w on s.entity_type = 'webinar' and w.id = s.entity_id
order by s.visits desc, s.conversions desc, title, s.entity_id
