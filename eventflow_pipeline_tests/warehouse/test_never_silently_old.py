"""After any sequence of changes, computations, failures and cancels every published number is that of the facts, or is
said to be of earlier ones: by ``complete``, or by ``as_of``.

Steps are drawn from a seed (``SEED``: another sequence); ``make test-long`` draws many more.
"""

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest

from eventflow_pipeline.domain.days import contiguous, day_start, today
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes, stale_days
from eventflow_pipeline.warehouse.changes.due_days import underived_days
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay, replace_days
from eventflow_pipeline.warehouse.days.replacement import Request
from eventflow_pipeline.warehouse.db.engine import connect, server_time
from eventflow_pipeline.warehouse.quality.day_checks import Checks, checkable, note_checked
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline.warehouse.webinar.days import replace_webinar_day, stale_webinar_days
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.changing_facts import CAMPAIGNS, CLIENTS, Facts, last_days

T = TypeVar("T")
SEED = int(os.environ.get("SEED", "1"))
#: More than the look-back, so that some days are only compared by sweeps.
DAYS = 6
WEBINAR = UUID(int=0xAB)
#: Where a failure may strike: the day itself, its indicators, the histograms, the webinar day.
_TABLES = ("partition_state", "quality_daily", "session_day_change", "return_histogram", "webinar_day_state")
_STORED = """
select d::date, coalesce((
    select string_agg(format('%%s:%%s:%%s:%%s', entity_id, hits, visits, conversions), ' ' order by entity_id)
    from (select entity_id, sum(hits) as hits, sum(visits) as visits, sum(conversions) as conversions
          from stats.campaign_daily where bucket_date = d::date group by entity_id) c), '')
from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d
"""
#: Ranges whose answer is not what session-days hold, whether the histograms are merged or not.
_CONTRADICTED = """
with day as (select d::date as day from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d),
range as (
    select a.day as first, b.day as last from day a join day b on a.day < b.day
    where (select count(*) from stats.partition_state s
           where s.bucket_date between a.day and b.day and s.computed_at is not null) = b.day - a.day + 1
)
select r.first, r.last, a.visits, t.visits
from range r
cross join lateral (select coalesce(sum(visits), 0) as visits from stats.range_summary('platform', r.first, r.last)) a
cross join lateral (select count(distinct s.session_id) as visits from stats.session_days s
                    where s.bucket_date between r.first and r.last) t
where a.visits <> t.visits
"""
_TRUE_WEBINAR = """
select count(distinct s.session_id), coalesce(sum(s.conversions), 0)
from stats.session_days s
where s.bucket_date = %(day)s and s.client_id = %(client)s and s.entity_id = any (%(entities)s)
"""
#: Of each day how many of its entries are linked (Q2).
_TRUE_LINKAGE = """
select d::date, (
    select count(*) from event_survey_entries e
    where timezone('Asia/Seoul', e.created_at)::date = d::date and exists (
        select from event_access_logs v join event_survey_campaigns c on c.id = v.campaign_id
        where v.session_id = e.session_id and c.client_id = e.client_id
          and v.accessed_at between e.created_at - interval '30 days' and e.created_at + interval '5 minutes'))
from generate_series(%(first)s::date, %(last)s::date, interval '1 day') d
"""


class World:
    """Facts of the last days and everything computed from them, with what may happen to both."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.days = last_days(today(database.settings.zone), DAYS)
        database.set_build_settings("Asia/Seoul", self.days.first)
        self.chance = random.Random(seed)
        self.facts = Facts(database.url, self.days, "Asia/Seoul", seed, visits_a_day=25)
        self.facts.load()
        noon = day_start(self.days.last, database.settings.zone) - timedelta(hours=12)
        database.insert(
            "webinars",
            [{"id": WEBINAR, "client_id": CLIENTS[0], "title": "w", "webinar_start_time": noon,
              "registration_campaign_id": CAMPAIGNS[0]}],
        )  # fmt: skip
        self.truths: list[tuple[datetime, dict[date, str]]] = []
        self.linked: list[tuple[datetime, dict[date, int]]] = []
        self._note_truth()

    def _note_truth(self) -> None:
        with connect(self.database.owner) as connection:
            now = server_time(connection)
        self.truths.append((now, self.facts.true_days()))
        with psycopg.connect(self.database.url) as connection:
            bounds = {"first": self.days.first, "last": self.days.last}
            self.linked.append((now, dict(connection.execute(_TRUE_LINKAGE, bounds).fetchall())))

    def change(self) -> None:
        """Facts appear, vanish and move."""
        self.facts.change()
        self.facts.commit()
        self._note_truth()

    def compare(self) -> None:
        """A pass of change detection, as the sensor or a schedule makes it."""
        detect_changes(self.database.pipeline, self.database.settings, self.chance.choice([*Scope][:3]))

    def compute(self) -> None:
        """Any days, as somebody's backfill."""
        self.run(self.chance.sample(list(self.days), self.chance.randrange(1, DAYS + 1)), Request())

    def heal(self) -> None:
        """What is known to have changed, as automation does it; the guard watches."""
        known = stale_days(self.database.pipeline)
        self.run([stale.day for stale in known if not stale.held_since], Request())

    def finish(self) -> None:
        """What runs before left undone."""
        self.follow([due.day for due in underived_days(self.database.pipeline)])

    def cancel(self) -> None:
        """Days are computed, then nothing else."""
        for _ in replace_days(self.database.pipeline, self.chance.sample(list(self.days), 2), self.database.settings):
            if self.chance.random() < 0.5:
                break

    def webinars(self) -> None:
        """The hourly refresh."""
        database, settings = self.database, self.database.settings
        for day in stale_webinar_days(database.pipeline, self.days, settings.zone, settings.observation):
            with suppress(Exception):
                replace_webinar_day(database.pipeline, day, settings.zone, settings.observation)

    def run(self, days: list[date], request: Request) -> None:
        """As a run of ``daily_buckets_job``: a failed day costs itself."""
        outcomes = list(replace_days(self.database.pipeline, days, self.database.settings, request))
        with suppress(Exception):
            self.database.merge_pending()
        self.follow([outcome.day for outcome in outcomes if not isinstance(outcome, FailedDay)])

    def follow(self, days: list[date]) -> None:
        """Measure and check."""
        engine = self.database.pipeline
        for part in contiguous(days):
            failed = measure(engine, self.database.settings, part)
            for kind in Checks:
                note_checked(engine, checkable(engine, [day for day in part if day not in failed], kind), kind)
        with suppress(Exception):
            self.database.merge_pending()

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Writing to one of the tables fails for a day (or at all)."""
        table = self.chance.choice(_TABLES)
        day = self.chance.choice(list(self.days))
        when = f"coalesce(new.bucket_date, old.bucket_date) = '{day}'" if self.chance.random() < 0.7 else "true"
        self.database.execute(
            "create function public.refuse() returns trigger language plpgsql as "
            f"$$ begin if {when} then raise exception 'disk on fire'; end if; return coalesce(new, old); end $$"
        )
        self.database.execute(
            f"create trigger refuse before insert or update or delete on stats.{table} "
            "for each row execute function public.refuse()"
        )
        yield
        self.database.execute(f"drop trigger refuse on stats.{table}; drop function public.refuse()")

    def steps(self, count: int) -> Iterator[str]:
        """Take that many steps; gives each one's name after it."""
        steps: list[Callable[[], None]] = [
            self.change, self.change, self.compare, self.compare, self.compute, self.heal, self.heal, self.finish,
            self.cancel, self.webinars,
        ]  # fmt: skip
        for _ in range(count):
            step = self.chance.choice(steps)
            if self.chance.random() < 0.3:
                with self.broken(), suppress(Exception):
                    step()
                yield f"{step.__name__}, broken"
            else:
                step()
                yield step.__name__

    def wrong(self) -> list[object]:
        """Everything that is said and is not so."""
        found: list[object] = []
        with psycopg.connect(self.database.url) as connection:
            bounds = {"first": self.days.first, "last": self.days.last}
            stored = dict(connection.execute(_STORED, bounds).fetchall())
            found += connection.execute(_CONTRADICTED, bounds).fetchall()
            for day in self.days:
                found += self._wrong_on(connection, day, stored[day])
        return found

    def _wrong_on(self, connection: psycopg.Connection, day: date, stored: str) -> Iterator[object]:
        def ask(sql: str, **values: object) -> Any:
            row = connection.execute(sql.encode(), {"day": day, **values}).fetchone()
            assert row
            return row

        as_of, complete = ask("select as_of, complete from stats.range_state(%(day)s, %(day)s)")
        if complete and stored not in _true_since(self.truths, as_of, day):
            yield day, "buckets", as_of, stored
        for client in (None, *CLIENTS):
            grain = "client" if client else "platform"
            (quality,) = ask("select public.get_data_quality(%(client)s, %(day)s, %(day)s)", client=client)
            (hits, visits, conversions) = ask(
                "select coalesce(sum(hits), 0), coalesce(sum(visits), 0), coalesce(sum(conversions), 0) "
                f"from stats.{grain}_daily where bucket_date = %(day)s"
                + (" and client_id = %(client)s" if client else ""),
                client=client,
            )
            measured = quality["days"][0]
            says = tuple(measured[name] or 0 for name in ("hits", "visits", "entries"))
            if quality["complete"] and says != (hits, visits, conversions):
                yield day, "indicators", client, says, (hits, visits, conversions)
            # Linkage is of all days around; of one never computed nobody says anything.
            around = ask(
                "select s.as_of, (select count(*) from stats.partition_state where computed_at is not null) = %(n)s "
                "from stats.range_state(%(first)s, %(last)s) s",
                first=self.days.first, last=self.days.last, n=DAYS,
            )  # fmt: skip
            linked = measured["linked_entries"] or 0
            if client is None and quality["complete"] and around[1]:
                true = _true_since(self.linked, around[0], day)
                if linked not in true:
                    yield day, "linkage", around[0], linked, true
        (webinar,) = ask("select public.get_webinar_stats(%(w)s, %(day)s, %(day)s)", w=WEBINAR)
        counted = tuple(ask(_TRUE_WEBINAR, client=CLIENTS[0], entities=[WEBINAR, CAMPAIGNS[0]]))
        says = tuple(webinar["days"][0][name] for name in ("visits", "conversions")) if webinar["days"] else (0, 0)
        if webinar["complete"] and says != counted:
            yield day, "webinar", says, counted


def _true_since(truths: Sequence[tuple[datetime, Mapping[date, T]]], as_of: datetime, day: date) -> set[T]:
    """What was true of the day at ``as_of`` and later."""
    current = [true[day] for at, true in truths if at <= as_of][-1:]
    return {*current, *(true[day] for at, true in truths if at > as_of)}


@pytest.mark.parametrize("count", [25, pytest.param(3000, marks=[pytest.mark.long, pytest.mark.timeout(4 * 3600)])])
def test_a_number_is_that_of_the_facts_or_said_not_to_be(database: Database, count: int) -> None:
    world = World(database, SEED)
    taken: list[str] = []
    for step in world.steps(count):
        taken.append(step)
        assert world.wrong() == [], (SEED, taken)
    # Left alone, everything is made good but what is held (E3), for which somebody decides.
    detect_changes(database.pipeline, database.settings, Scope.ALL)
    world.run(list(world.days), Request(reason="they moved", author="ann", accepted=True))
    world.webinars()
    detect_changes(database.pipeline, database.settings, Scope.ALL)
    assert world.wrong() == []
    assert underived_days(database.pipeline) == []
    with psycopg.connect(database.url) as connection:
        for day in world.days:
            for asked in (f"get_data_quality(null, '{day}', ", f"get_webinar_stats('{WEBINAR}', '{day}', "):
                (answer,) = connection.execute(f"select public.{asked}'{day}')".encode()).fetchone() or ({},)
                assert answer["complete"] is True, asked
    assert world.facts.wrong_ranges() == []
