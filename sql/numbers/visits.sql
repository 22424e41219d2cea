-- WHAT: visit hits with what they are of and whose they are.
-- Grain: one visit hit (M1). Inputs: stats.visit_facts, stats.campaigns, stats.webinars.
-- Rules: E1 entity, E2 client: a hit that names a campaign is its campaign's client's, of nobody when that row is missing.
-- Part of every statement that reads visits of clients, each with its own window of time, but of the independent count
-- (parity/facts), which says it once more on purpose.
select
    v.id, v.accessed_at, v.created_at, v.campaign_id,
    case when v.campaign_id is not null then 'campaign'
         when v.webinar_id is not null then 'webinar'
         else 'unknown' end as entity_type,
    coalesce(v.campaign_id, v.webinar_id) as entity_id,
    case when v.campaign_id is not null then c.client_id else w.client_id end as client_id,
    case when v.campaign_id is not null then c.id is null
         else v.webinar_id is not null and w.id is null end as entity_row_is_missing,
    v.link_id, v.cid, v.utm_source, v.utm_medium, v.utm_campaign, v.session_id
from stats.visit_facts v
left join stats.campaigns c on c.id = v.campaign_id
left join stats.webinars w on w.id = v.webinar_id
