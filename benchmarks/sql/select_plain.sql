-- WHAT: the yardstick: hits and COUNT(DISTINCT session_id) of every business day at four grains, from raw columns, as one
-- plain statement. No attribution (A1-A3), no normalization (N1), no entries, no exclusions: less than a bucket holds.
-- Grain: business day and client, or campaign, or link, or UTM triple within a client. Inputs: :window_start, :window_end.
select
    grouping(v.campaign_id, v.marketing_campaign_link_id, v.utm_source) as grain,
    (v.accessed_at at time zone 'Asia/Seoul')::date as bucket_date,
    c.client_id, v.campaign_id, v.marketing_campaign_link_id, v.utm_source, v.utm_medium, v.utm_campaign,
    count(*) as hits, count(distinct v.session_id) as visits
from public.event_access_logs v
left join public.event_survey_campaigns c on c.id = v.campaign_id
where v.accessed_at >= :window_start and v.accessed_at < :window_end
group by grouping sets (
    ((v.accessed_at at time zone 'Asia/Seoul')::date, c.client_id),
    ((v.accessed_at at time zone 'Asia/Seoul')::date, c.client_id, v.campaign_id),
    ((v.accessed_at at time zone 'Asia/Seoul')::date, c.client_id, v.campaign_id, v.marketing_campaign_link_id),
    ((v.accessed_at at time zone 'Asia/Seoul')::date, c.client_id, v.utm_source, v.utm_medium, v.utm_campaign)
)
