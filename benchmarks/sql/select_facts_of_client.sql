-- WHAT: the facts of one client over a window, from raw, by the definitions of the buckets (N1, E1, M3).
-- Grain: one hit or entry. Inputs: stats.visit_facts, stats.entry_facts, dimensions; :client_id, :window_start, :window_end.
select 'campaign' as entity_type, v.campaign_id as entity_id, v.session_id, v.link_id, v.cid, 1 as hits, 0 as conversions
from stats.campaigns c
join stats.visit_facts v on v.campaign_id = c.id
where c.client_id = :client_id and v.accessed_at >= :window_start and v.accessed_at < :window_end
union all
select 'webinar', v.webinar_id, v.session_id, v.link_id, v.cid, 1, 0
from stats.webinars w
join stats.visit_facts v on v.webinar_id = w.id and v.campaign_id is null
where w.client_id = :client_id and v.accessed_at >= :window_start and v.accessed_at < :window_end
union all
select 'campaign', e.campaign_id, null, e.link_id, e.cid, 0, 1
from stats.entry_facts e
where e.client_id = :client_id and e.created_at >= :window_start and e.created_at < :window_end
