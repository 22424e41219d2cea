-- HOW: 50 clients of one agency, 10 campaigns each, 6 links each: numbered so that a fact finds its own by arithmetic.
insert into public.agencies (id, name) values (public.made_id('a', 0), 'agency');
insert into public.clients (id, agency_id, name)
select public.made_id('b', c), public.made_id('a', 0), 'client ' || c from generate_series(0, 49) c;
insert into public.event_survey_campaigns (id, client_id, title)
select public.made_id('c', n), public.made_id('b', n / 10), 'campaign ' || n from generate_series(0, 499) n;
insert into public.campaign_link_meta (
    id, client_id, name, target_campaign_id, utm_source, utm_medium, utm_campaign, cid
)
select
    public.made_id('d', n), public.made_id('b', n / 60), 'link ' || n, public.made_id('c', n / 6),
    (array['naver', 'kakao', 'google', 'instagram', 'newsletter', 'youtube', 'linkedin', 'partner'])[n % 8 + 1],
    (array['cpc', 'social', 'email', 'display', 'referral'])[n % 5 + 1],
    'campaign-' || (n / 6) % 10 || '-' || n % 3,
    'L' || lpad(upper(to_hex(n)), 7, '0')
from generate_series(0, 2999) n;
