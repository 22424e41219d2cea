-- HOW: the facts of the schema raw, as the peers' projects make them, in EventFlow's tables; times are UTC.
-- A visit without a session has a blank one; a fact without a campaign names one that does not exist.
insert into public.clients (id, name)
select distinct client_id, 'client' from raw.campaigns;
insert into public.event_survey_campaigns (id, client_id, title)
select id, client_id, 'campaign' from raw.campaigns;
insert into public.campaign_link_meta (id, client_id, name)
select distinct on (l.marketing_campaign_link_id) l.marketing_campaign_link_id, c.client_id, 'link'
from raw.event_access_logs l
join raw.campaigns c on c.id = l.campaign_id
where l.marketing_campaign_link_id is not null
order by l.marketing_campaign_link_id, c.client_id;
insert into public.event_access_logs (
    id, campaign_id, session_id, utm_source, utm_medium, utm_campaign, user_agent, marketing_campaign_link_id,
    accessed_at, created_at
)
select id, coalesce(campaign_id, uuid 'f0000000-0000-4000-8000-000000000000'), coalesce(session_id, ''), utm_source, utm_medium, utm_campaign, user_agent,
       marketing_campaign_link_id, accessed_at, accessed_at
from raw.event_access_logs
order by accessed_at;
insert into public.event_survey_entries (
    id, campaign_id, client_id, phone_norm, session_id, utm_source, utm_medium, utm_campaign,
    marketing_campaign_link_id, created_at
)
select id, coalesce(campaign_id, uuid 'f0000000-0000-4000-8000-000000000000'),
       coalesce(client_id, uuid 'f0000000-0000-4000-8000-000000000000'), 'made ' || id, session_id, utm_source, utm_medium,
       utm_campaign, marketing_campaign_link_id, created_at
from raw.event_survey_entries
order by created_at;
