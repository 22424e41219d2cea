-- WHAT: the campaigns and webinars with most visits in a range, named, for people to look at.
-- Grain: one row per member of the grain campaign. Inputs: :first_day, :last_day, :most (rows at the most).
-- Rules: M1-M4, M6 through stats.range_summary.
select
    s.client_id,
    coalesce(cl.name, '(unknown client)') as client,
    coalesce(ca.title, w.title, s.entity_type || ' ' || coalesce(left(s.entity_id::text, 8), '(none)') || ' (no such row of this client)') as campaign,
    s.hits, s.visits, s.conversions, s.cvr
from stats.range_summary('campaign', :first_day, :last_day) s
left join stats.clients cl on cl.id = s.client_id
left join stats.campaigns ca
    on s.entity_type = 'campaign' and ca.id = s.entity_id and ca.client_id is not distinct from s.client_id
left join stats.webinars w
    on s.entity_type = 'webinar' and w.id = s.entity_id and w.client_id is not distinct from s.client_id
order by s.visits desc, s.hits desc, campaign
limit :most
