-- WHAT: hits and distinct sessions of each campaign of one client over a window, from raw facts: what range_summary answers
-- at campaign grain. Grain: campaign. Inputs: :client_id, :window_start, :window_end.
select v.campaign_id, count(*) as hits, count(distinct v.session_id) as visits
from public.event_access_logs v
join public.event_survey_campaigns c on c.id = v.campaign_id
where c.client_id = :client_id and v.accessed_at >= :window_start and v.accessed_at < :window_end
group by v.campaign_id
