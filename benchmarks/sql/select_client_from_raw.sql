-- WHAT: one client's hits and distinct sessions of a window, from raw facts: what range_summary answers at client grain.
-- Grain: one row. Inputs: :client_id, :window_start, :window_end.
select count(*) as hits, count(distinct v.session_id) as visits
from public.event_access_logs v
join public.event_survey_campaigns c on c.id = v.campaign_id
where c.client_id = :client_id and v.accessed_at >= :window_start and v.accessed_at < :window_end
