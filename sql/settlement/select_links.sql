-- WHAT: links of a client over a range, named, and what came by unresolved links or none. Grain: member of the grain link.
-- Inputs: stats.range_summary, dimensions; :client_id, :first_day, :last_day. Rules: A1, A2, M1-M4, M6.
select s.link_id, l.name, s.link_status, s.entity_type, s.entity_id, coalesce(c.title, w.title) as title,
       s.hits, s.visits, s.sessionless_hits, s.conversions, s.cvr
from stats.range_summary('link', :first_day, :last_day, :client_id) s
left join stats.links l on l.id = s.link_id and l.client_id = s.client_id
left join stats.campaigns c on s.entity_type = 'campaign' and c.id = s.entity_id
left join stats.webinars w on s.entity_type = 'webinar' and w.id = s.entity_id
order by s.visits desc, s.conversions desc, l.name, s.link_id, s.entity_id
