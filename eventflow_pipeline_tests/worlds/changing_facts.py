"""Facts that change under the pipeline, and what is true of them, counted from the raw rows alone."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

import psycopg

from eventflow_pipeline.domain.days import DayRange

CLIENTS = [UUID(int=0xC0 + n) for n in range(3)]
#: The last two have no row: their facts belong to the unknown client (C2).
CAMPAIGNS = [UUID(int=0xCA0 + n) for n in range(8)]
_KNOWN = CAMPAIGNS[:-2]

#: Per day, every campaign with its hits, visits and conversions, as one text.
TRUE_DAYS = """
with facts as (
    select timezone(%(zone)s, accessed_at)::date as day, campaign_id, session_id, 1 as hit, 0 as entry
    from event_access_logs
    union all
    select timezone(%(zone)s, created_at)::date, campaign_id, null, 0, 1 from event_survey_entries
), campaigns as (
    select day, campaign_id, format('%%s:%%s:%%s:%%s', campaign_id, sum(hit), count(distinct session_id), sum(entry)) t
    from facts group by 1, 2
)
select d::date, coalesce((select string_agg(t, ' ' order by campaign_id) from campaigns c where c.day = d::date), '')
from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d
"""
#: Every range within the days: its distinct sessions, over everything and per client.
TRUE_RANGES = """
with days as (select d::date as day from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d),
visits as (
    select timezone(%(zone)s, v.accessed_at)::date as day, c.client_id, v.session_id
    from event_access_logs v left join event_survey_campaigns c on c.id = v.campaign_id
)
select a.day, b.day, format('%%s:%%s', grouping(v.client_id), v.client_id), count(distinct v.session_id)
from days a join days b on a.day <= b.day join visits v on v.day between a.day and b.day
group by a.day, b.day, grouping sets ((), (v.client_id))
"""
ANSWERED_RANGES = """
with days as (select d::date as day from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d)
select a.day, b.day, '1:', visits
from days a join days b on a.day <= b.day cross join lateral stats.range_summary('platform', a.day, b.day)
union all
select a.day, b.day, format('0:%%s', client_id), visits
from days a join days b on a.day <= b.day cross join lateral stats.range_summary('client', a.day, b.day)
where visits > 0
"""


class Facts:
    """The raw facts of a range of days in a database, and their changes. ``zone`` is the business zone's name."""

    def __init__(self, url: str, days: DayRange, zone: str, seed: int, visits_a_day: int) -> None:
        self._url, self._days, self._zone, self._visits = url, days, zone, visits_a_day
        self._random = random.Random(seed)

    def load(self) -> None:
        """Insert clients, campaigns and a first set of facts."""
        with psycopg.connect(self._url) as connection:
            for client in CLIENTS:
                connection.execute("insert into clients (id, agency_id, name) values (%s, %s, 'c')", (client, client))
            for n, campaign in enumerate(_KNOWN):
                connection.execute(
                    "insert into event_survey_campaigns (id, client_id, title, public_path, status, type) "
                    "values (%s, %s, 't', %s, 'published', 'registration')",
                    (campaign, CLIENTS[n % len(CLIENTS)], f"/{n}"),
                )
            for day in self._days:
                self._insert(connection, day, self._visits)

    def _insert(self, connection: psycopg.Connection, day: date, visits: int) -> None:
        """Visits by sessions that come back on other days and to other campaigns, and some entries."""
        noon = f"{day} 12:00"
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into event_access_logs (campaign_id, session_id, accessed_at, utm_source) "
                "values (%s, %s, timezone(%s, %s::timestamp + make_interval(secs => %s)), %s)",
                [
                    (
                        self._random.choice(CAMPAIGNS),
                        f"s{self._random.randrange(self._visits * 3)}",
                        self._zone,
                        noon,
                        self._random.randrange(-43000, 43000),
                        self._random.choice(("mail", "ad", None)),
                    )
                    for _ in range(visits)
                ],
            )
            cursor.executemany(
                "insert into event_survey_entries (campaign_id, client_id, phone_norm, created_at, session_id) "
                "values (%s, %s, gen_random_uuid()::text, timezone(%s, %s::timestamp), %s)",
                [
                    (
                        self._random.choice(_KNOWN),
                        self._random.choice(CLIENTS),
                        self._zone,
                        noon,
                        f"s{self._random.randrange(self._visits * 3)}",
                    )
                    for _ in range(1 + visits // 50)
                ],
            )

    def change(self) -> Mapping[date, str]:
        """Change every day in one transaction: rows appear, vanish and move to another campaign.

        Returns what is true of each day afterwards, before anybody else can see it (see ``commit``).
        """
        self._open = psycopg.connect(self._url)
        for day in self._days:
            self._insert(self._open, day, self._random.randrange(1, 30))
            for command in (
                "delete from event_access_logs where id in (select id from event_access_logs "
                "where timezone(%s, accessed_at)::date = %s order by md5(id::text || %s) limit 3)",
                "update event_access_logs set campaign_id = (array[" + ",".join(f"'{c}'" for c in CAMPAIGNS) + "]"
                "::uuid[])[1 + floor(random() * 8)::int] where id in (select id from event_access_logs "
                "where timezone(%s, accessed_at)::date = %s order by md5(id::text || %s) limit 5)",
            ):
                self._open.execute(command, (self._zone, day, str(self._random.random())))
        return self._true_days(self._open)

    def commit(self) -> None:
        """Make the change visible."""
        self._open.commit()
        self._open.close()

    def _true_days(self, connection: psycopg.Connection) -> dict[date, str]:
        return dict(connection.execute(TRUE_DAYS, self._parameters()).fetchall())

    def true_days(self) -> dict[date, str]:
        """What is true of each day now."""
        with psycopg.connect(self._url) as connection:
            return self._true_days(connection)

    def _parameters(self) -> dict[str, object]:
        return {"zone": self._zone, "first": self._days.first, "last": self._days.last}

    def wrong_ranges(self) -> list[object]:
        """Ranges (any within the days) whose answer differs from the raw facts."""
        with psycopg.connect(self._url) as connection:
            true = set(connection.execute(TRUE_RANGES, self._parameters()).fetchall())
            answered = set(connection.execute(ANSWERED_RANGES, self._parameters()).fetchall())
        return sorted(map(str, true ^ answered))


def last_days(today: date, count: int) -> DayRange:
    """The ``count`` days that end with ``today``."""
    return DayRange(today - timedelta(days=count - 1), today)
