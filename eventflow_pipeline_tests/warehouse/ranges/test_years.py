"""Ranges over months, which are read by month where they can be: every pair of days gives what the facts give (M6)."""

import random
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import text

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.differences import Part
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.parity.comparison import compare_histograms
from eventflow_pipeline.warehouse.parity.rebuild import repair
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending
from eventflow_pipeline.warehouse.schema.migrations import migrate, migrate_back
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS, Measures, Member, count
from eventflow_pipeline_tests.worlds.small_world import Mirror

ZONE = ZoneInfo("Asia/Seoul")
#: Begins and ends inside of a month; a year ends in it.
DAYS = list(DayRange(date(2024, 12, 26), date(2025, 3, 17)))
#: Ranges of so many days, the last one included, are read by month.
MONTHS_FROM = 63

_ANSWERS = """
    select a.day::date as first, b.day::date as last, r.*
    from generate_series(%(first)s::date, %(last)s::date, interval '1 day') as a (day)
    cross join generate_series(a.day + %(more)s * interval '1 day', %(last)s::date, interval '1 day') as b (day)
    cross join lateral stats.range_summary(%(grain)s, a.day::date, b.day::date, %(client)s) r
"""


class Months:
    """A database with a few sessions that return after days, weeks and months, as other attributions, too."""

    def __init__(self, database: Database) -> None:
        self.database, self.mirror, self.chance = database, Mirror(database), random.Random(6)
        self.computed: dict[date, Any] = {}
        self.mirror.clear()
        self.mirror.add([self.visit(day) for day in DAYS for _ in range(4)], [self.entry(day) for day in DAYS[::5]])
        self.replace(*DAYS)
        self.merge()

    def visit(self, day: date) -> dict[str, Any]:
        """A hit of one of some sessions, one of which has no end."""
        target, webinar = self.chance.choice(
            [(small.CAMPAIGN, None)] * 3 + [(small.FOREIGN, None), (None, small.WEBINAR)]
        )
        return {
            **small.PLAIN_VISIT, "campaign_id": target, "webinar_id": webinar,
            "session_id": f"s{self.chance.randrange(25)}", "utm_source": self.chance.choice([None, "naver"]),
            "marketing_campaign_link_id": self.chance.choice([None, small.LINK, small.DANGLING]),
            "accessed_at": small.datetime(day.year, day.month, day.day, self.chance.randrange(24), tzinfo=ZONE),
        }  # fmt: skip

    def entry(self, day: date) -> dict[str, Any]:
        """A registration."""
        return {
            "campaign_id": small.CAMPAIGN, "client_id": small.CLIENT, "cid": None, "marketing_campaign_link_id": None,
            "utm_source": None, "utm_medium": None, "utm_campaign": None,
            "created_at": small.datetime(day.year, day.month, day.day, 12, tzinfo=ZONE),
        }  # fmt: skip

    def replace(self, *days: date) -> None:
        """Compute days anew from their facts."""
        facts = self.mirror.world.by_day(ZONE)
        for day in days:
            replace_day(self.database.pipeline, day, self.database.settings, Request(accepted=True))
            self.computed[day] = facts.get(day, ())

    def merge(self) -> None:
        """Bring the histograms up to date; by month they are the sum of those by day."""
        merge_pending(self.database.pipeline)
        self.months_add_up()

    def months_add_up(self) -> None:
        """What is stored by month is the sum of what is stored by day."""
        assert self.database.rows("select from stats.return_month")
        assert self.database.rows(_NOT_THE_SUM) == []

    def check(self, grains: Sequence[str] = tuple(KEYS)) -> int:
        """Ask for all pairs of days that are read by month; returns how many answers were compared."""
        compared = 0
        with psycopg.connect(self.database.url, autocommit=True) as reader:
            cursor = reader.cursor(row_factory=psycopg.rows.dict_row)
            for grain in grains:
                for client in (None, *(small.CLIENTS if "client_id" in KEYS[grain] else ())):
                    asked = {
                        "first": DAYS[0],
                        "last": DAYS[-1],
                        "more": MONTHS_FROM - 1,
                        "grain": grain,
                        "client": client,
                    }
                    got: dict[tuple[date, date], dict[Member, Measures]] = {}
                    for row in cursor.execute(_ANSWERS, asked):
                        member = tuple(row[key] for key in KEYS[grain])
                        got.setdefault((row["first"], row["last"]), {})[member] = (
                            row["hits"], row["visits"], row["sessionless_hits"], row["conversions"],
                        )  # fmt: skip
                    for n, first in enumerate(DAYS):
                        for last in DAYS[n + MONTHS_FROM - 1 :]:
                            facts = [f for day in DayRange(first, last) for f in self.computed[day]]
                            expected = count(facts, grain)
                            if client:
                                expected = {m: v for m, v in expected.items() if m[0] == client}
                            assert got.pop((first, last), {}) == expected, (grain, client, first, last)
                            compared += 1
                    assert not got
        return compared


_NOT_THE_SUM = """
    with added as (
        select grain, date_trunc('month', bucket_date::timestamp)::date as month,
               date_trunc('month', previous_date::timestamp)::date as previous_month, client_id, entity_type, entity_id,
               link_id, link_status, utm_source, utm_medium, utm_campaign, sum(sessions)::bigint as sessions
        from stats.return_histogram
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    )
    (table added except all table stats.return_month) union all (table stats.return_month except all table added)
"""


@pytest.fixture
def months(database: Database) -> Iterator[Months]:
    made = Months(database)
    yield made
    made.mirror.close()


def _pending(months: Months) -> list[date]:
    rows = months.database.rows("select bucket_date from stats.partition_state where histogram_pending order by 1")
    return [row["bucket_date"] for row in rows]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_pair_of_days_whatever_happened_in_between(months: Months) -> None:
    pairs = sum(range(1, len(DAYS) - MONTHS_FROM + 2))
    assert months.check() == pairs * (len(KEYS) * 3 - 2)
    some = ("platform", "campaign", "link")
    # Facts come late, go, and move between days; a rule folds members: until all is merged, and after.
    late = [DAYS[n] for n in (2, 7, 40, 66, -2)]
    months.mirror.add([months.visit(day) for day in late for _ in range(6)])
    for nth in (3, 50, 120, 200):
        months.mirror.delete(nth)
    months.mirror.edit(70, months.visit(DAYS[-1]))
    months.mirror.fold((small.CLIENT, "link_id", "values", (str(small.DANGLING),)))
    months.replace(*late, DAYS[-1])
    assert _pending(months)
    months.check(some)
    months.merge()
    months.check(some)
    months.mirror.exclude(small.FOREIGN)
    months.replace(*DAYS)
    months.merge()
    assert months.check(some) == pairs * 7


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_repairs_and_what_migrates_writes_the_months_too(months: Months) -> None:
    database, some = months.database, ("client", "utm")
    for damage in (
        "update stats.return_month set sessions = sessions + 1 where month = '2025-02-01'",
        "delete from stats.return_month where previous_month = '2025-01-01'",
    ):
        database.execute(damage)
        with pytest.raises(AssertionError):
            months.months_add_up()
        with pytest.raises(AssertionError, match="'client'"):
            months.check(some)
        found = compare_histograms(database.pipeline, DayRange(DAYS[0], DAYS[-1]))
        assert {(d.part, d.measure) for d in found.differences} == {(Part.HISTOGRAM, "sessions_of_month")}
        repair(database.pipeline, database.settings, found)
        assert compare_histograms(database.pipeline, DayRange(DAYS[0], DAYS[-1])).differences == ()
        months.months_add_up()
        months.check(some)
    migrate_back(database.owner, "0018")
    migrate(database.owner, database.settings)
    months.months_add_up()
    months.check(some)
    # A grain that is added, or goes.
    with connect(database.owner) as connection:
        connection.execute(text("select stats.add_grain('client_link', '{client_id,link_id,link_status}')"))
    months.replace(*DAYS)
    months.merge()
    assert database.rows("select from stats.return_month where grain = 'client_link'")
    with connect(database.owner) as connection:
        connection.execute(text("select stats.remove_grain('client_link')"))
    months.months_add_up()


def test_over_years_as_much_is_read_as_there_are_months(months: Months) -> None:
    """Of the returns inside of whole months none by day; each month's once, by grain and client."""
    with psycopg.connect(months.database.url, autocommit=True) as connection:
        connection.execute("set enable_seqscan = off")
        ((query,),) = connection.execute(
            "select stats.range_query('campaign', %s, %s, %s)", [DAYS[0], DAYS[-1], small.CLIENT]
        ).fetchall()
        for number, value in enumerate(
            (f"'{DAYS[0]}'::date", f"'{DAYS[-1]}'::date", f"'{small.CLIENT}'::uuid", "null::uuid[]"), 1
        ):
            query = query.replace(f"${number}", f"({value})")
        ((plan,),) = connection.execute(f"explain (analyze, format json) {query}".encode()).fetchall()

    def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for child in node.get("Plans", ()):
            yield from nodes(child)

    read = {"campaign_returns": 0, "return_month": 0}
    for node in nodes(plan[0]["Plan"]):
        if node.get("Relation Name") in read:
            assert "(grain = 'campaign'::text) AND (client_id = " in node["Index Cond"], node
            read[node["Relation Name"]] += round(node["Actual Rows"] * node["Actual Loops"])
    months_of, by_day = months.database.rows(
        "select count(*) as n from stats.return_month where grain = 'campaign' and client_id = :c union all "
        "select count(*) from stats.campaign_returns where client_id = :c "
        "and bucket_date between '2025-01-01' and '2025-02-28' and previous_date >= '2025-01-01'",
        c=small.CLIENT,
    )
    (all_days,) = months.database.rows(
        "select count(*) as n from stats.campaign_returns where client_id = :c", c=small.CLIENT
    )
    assert 0 < read["return_month"] <= 2 * months_of["n"]
    assert 0 < read["campaign_returns"] <= all_days["n"] - by_day["n"]
