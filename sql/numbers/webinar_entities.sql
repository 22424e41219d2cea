-- WHAT: the entities whose facts are a webinar's (W3): itself and its registration campaign.
-- Grain: webinar and entity. Inputs: stats.webinars.
-- is_shared: another webinar of the client names the same campaign; that of a stranger says nothing. Facts of another client are never counted (P2): readers compare
-- client_id.
select w.id as webinar_id, w.client_id, 'webinar' as entity_type, w.id as entity_id, false as is_shared
from stats.webinars w
union all
select w.id, w.client_id, 'campaign', w.registration_campaign_id,
       count(*) over (partition by w.client_id, w.registration_campaign_id) > 1
from stats.webinars w
where w.registration_campaign_id is not null
