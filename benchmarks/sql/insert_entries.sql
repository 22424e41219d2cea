-- HOW: one session in :registering registers, on its first day, through the day's link. Inputs as insert_visits.
insert into public.event_survey_entries (
    campaign_id, client_id, phone_norm, session_id, utm_source, utm_medium, utm_campaign, marketing_campaign_link_id,
    registration_data, created_at
)
select
    public.made_id('c', l.number / 6), l.client_id, 'made ' || session, md5('session' || session),
    l.utm_source, l.utm_medium, l.utm_campaign, l.id, jsonb_build_object('cid', l.cid),
    (cast(:first_day as date) + floor(:days * public.chance(session, 4))::int)::timestamp at time zone 'Asia/Seoul'
        + public.chance(session, 16) * interval '86399 seconds'
from generate_series(1, cast(:sessions as bigint), :registering) session
cross join lateral (
    select floor(50 * power(public.chance(session, 1), 1.2))::int * 60
        + floor(10 * power(public.chance(session, 2), 1.5))::int * 6 + floor(6 * public.chance(session, 3))::int as number
) chosen
join lateral (
    select chosen.number, m.* from public.campaign_link_meta m where m.id = public.made_id('d', chosen.number)
) l on true
order by 10
