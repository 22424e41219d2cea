-- HOW: about 2.5 visit hits a session, in order of time as production writes them. A tenth of the sessions return on one
-- or two later days. A session belongs to one client; seven of eight of its hits on a day repeat the day's campaign and
-- link (double mounts, page views), the others go to another campaign of the client.
-- Inputs: :sessions, :days, :first_day (a date in Asia/Seoul).
insert into public.event_access_logs (
    campaign_id, session_id, utm_source, utm_medium, utm_campaign, cid, referrer, user_agent,
    marketing_campaign_link_id, accessed_at, created_at
)
select
    public.made_id('c', link / 6), md5('session' || session),
    case when kind < 0.62 or kind > 0.83 and kind < 0.92 then
        case when public.chance(hit, 20) < 0.1 then upper(utm_source) || ' ' else utm_source end end,
    case when kind < 0.62 or kind > 0.83 and kind < 0.92 then utm_medium end,
    case when kind < 0.62 or kind > 0.83 and kind < 0.92 then utm_campaign end,
    case when kind between 0.62 and 0.75 then lower(cid) end,
    'https://www.example.org/' || link % 40,
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36',
    -- Some links are deleted for good: the id dangles.
    case when kind < 0.62 or kind between 0.75 and 0.80 then id
         when kind between 0.80 and 0.83 then public.made_id('e', link) end,
    at, at + interval '40 milliseconds'
from (
    select
        s.session, h.hit,
        public.chance(case when public.chance(h.hit, 11) < 0.125 then h.hit else d.seen end, 12) as kind,
        case when public.chance(h.hit, 13) < 0.125
             then s.client * 60 + floor(60 * public.chance(h.hit, 14))::int else s.link end as link,
        (cast(:first_day as date) + d.day)::timestamp at time zone 'Asia/Seoul'
            + public.chance(h.hit, 15) * interval '86399 seconds' as at
    from (
        select session, client,
               client * 60 + floor(10 * power(public.chance(session, 2), 1.5))::int * 6
                   + floor(6 * public.chance(session, 3))::int as link
        from (select n as session, floor(50 * power(public.chance(n, 1), 1.2))::int as client
              from generate_series(1, cast(:sessions as bigint)) n) numbered
    ) s
    cross join lateral (
        select session * 8 + n as seen, floor(:days * public.chance(session, 4))::int
            + case when n = 0 then 0 else 1 + floor(30 * power(public.chance(session * 8 + n, 5), 2))::int end as day
        from generate_series(0, case when public.chance(session, 6) < 0.1
                                     then 1 + floor(1.5 * public.chance(session, 7))::int else 0 end) n
    ) d
    cross join lateral (
        select d.seen * 8 + n as hit
        from generate_series(0, case when public.chance(d.seen, 8) < 0.10 then 4
                                     when public.chance(d.seen, 8) < 0.18 then 3
                                     when public.chance(d.seen, 8) < 0.36 then 2
                                     when public.chance(d.seen, 8) < 0.66 then 1 else 0 end) n
    ) h
    where d.day < :days
) made
join public.campaign_link_meta on id = public.made_id('d', link)
order by at
