-- HOW: session-days of one client over years, as if computed, and everything that is read of them but the histograms. About
-- 2.5 hits a session; a tenth of the sessions return on one or two later days within a month; one session-day in four has
-- hits of another campaign, too. Inputs: :hits (of a day), :days, :first_day, :client (a number of insert_dimensions).
insert into stats.session_days (
    bucket_date, client_id, entity_type, entity_id, link_id, link_status, utm_source, utm_medium, utm_campaign, session_id,
    hits, conversions
)
select
    cast(:first_day as date) + d.day, l.client_id, 'campaign', l.target_campaign_id, l.id, 'resolved', l.utm_source,
    l.utm_medium, l.utm_campaign, md5('session' || s.session), case when h.n = 0 then 2 else 1 end,
    (d.n = 0 and h.n = 0 and s.session % 20 = 0)::int
from generate_series(1, cast(:hits as bigint) * :days * 2 / 5) s (session)
cross join lateral (
    select n, floor(:days * public.chance(s.session, 4))::int
        + case when n = 0 then 0 else 1 + floor(30 * power(public.chance(s.session * 8 + n, 5), 2))::int end as day
    from generate_series(0, case when public.chance(s.session, 6) < 0.1
                                 then 1 + floor(1.5 * public.chance(s.session, 7))::int else 0 end) n
) d
cross join lateral (
    select n, public.made_id('d', cast(:client as int) * 60 + case
        when n = 0 then floor(10 * power(public.chance(s.session, 2), 1.5))::int * 6
            + floor(6 * public.chance(s.session, 3))::int
        else floor(60 * public.chance(s.session * 8 + d.n, 14))::int end) as link_id
    from generate_series(0, case when public.chance(s.session * 8 + d.n, 8) < 0.25 then 1 else 0 end) n
) h
join public.campaign_link_meta l on l.id = h.link_id
where d.day < :days
