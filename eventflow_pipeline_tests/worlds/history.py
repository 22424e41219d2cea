"""Years of facts in one statement a table, for tests of long ranges."""

import psycopg

from eventflow_pipeline.domain.days import DayRange

#: A campaign that every day of the history has hits of: what is changed about it changes every day.
EVERY_DAY = "00000000-0000-0000-0000-0000000000c0"

_DIMENSIONS = """
insert into clients (id, name) select md5('client' || n)::uuid, 'client ' || n from generate_series(0, 9) n;
insert into event_survey_campaigns (id, client_id, title, public_path, status)
select case n when 0 then '{every_day}'::uuid else md5('campaign' || n)::uuid end, md5('client' || n / 4)::uuid,
  'campaign ' || n, '/' || n, 'published'
from generate_series(0, 39) n;
insert into campaign_link_meta (id, client_id, name, target_campaign_id, cid)
select md5('link' || n)::uuid, c.client_id, 'link ' || n, c.id, 'cid-' || n
from generate_series(0, 119) n join event_survey_campaigns c on c.title = 'campaign ' || n / 3;
"""
# Sessions come back within a few days and to other campaigns; a tenth has no link, a fiftieth an unknown campaign.
_VISITS = """
insert into event_access_logs (campaign_id, session_id, accessed_at, created_at, utm_source, utm_campaign,
  marketing_campaign_link_id)
select case when n %% 50 = 49 then md5('unknown')::uuid else c.id end, 's' || (d.place * %(hits)s + n * 7) / 3, at, at,
  (array['mail', 'ad', 'search', null])[1 + n %% 4], 'wave ' || d.place / 30,
  case when n %% 10 <> 9 then md5('link' || (n %% 40) * 3 + n %% 3)::uuid end
from (select d::date as day, row_number() over () as place
      from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d) d
cross join generate_series(0, %(hits)s - 1) n
join event_survey_campaigns c on c.title = 'campaign ' || n %% 40
cross join lateral (select timezone(%(zone)s, d.day + interval '86399 seconds' * n / %(hits)s) as at) t
where at <= now()
"""
_ENTRIES = """
insert into event_survey_entries (campaign_id, client_id, phone_norm, created_at, session_id, utm_source,
  marketing_campaign_link_id)
select v.campaign_id, c.client_id, v.id::text, v.accessed_at + interval '1 second', v.session_id, v.utm_source,
  v.marketing_campaign_link_id
from event_access_logs v join event_survey_campaigns c on c.id = v.campaign_id
where v.accessed_at < now() - interval '2 seconds' and hashtext(v.session_id) %% 40 = 0
"""


def load_history(url: str, days: DayRange, zone: str, hits_a_day: int = 1000) -> None:
    """Fill empty source tables: ten clients, forty campaigns, ``hits_a_day`` visit rows each day and some entries.

    Facts were recorded when they happened, so no day counts as changed lately.
    """
    with psycopg.connect(url) as connection:
        connection.execute(_DIMENSIONS.format(every_day=EVERY_DAY).encode())
        parameters = {"first": days.first, "last": days.last, "zone": zone, "hits": hits_a_day}
        connection.execute(_VISITS, parameters)
        connection.execute(_ENTRIES, parameters)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")
