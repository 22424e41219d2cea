"""M6: every answer over every range at every grain is what a clean load would give, after every commit.

Random facts meet random replacements, deletions, edits, changes of dimension rows, crashes in the middle and workers
side by side, rules that fold members; all ranges and grains are compared with sets counted from the rows
(``independent_count``).
"""

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.db.engine import pipeline_engine
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending
from eventflow_pipeline.warehouse.schema.migrations import migrate, migrate_back
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS, Counted, Fold, Measures, Member, count
from eventflow_pipeline_tests.worlds.small_world import Mirror

DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(5)]
#: One more than the days that are replaced: facts may move out of sight (T4).
AT = small.instants([*DAYS, DAYS[-1] + timedelta(days=1)], ZoneInfo("Asia/Seoul"))
Facts = Mapping[date, Sequence[Counted]]

_ANSWERS = """
    select g.name as grain, a.day::date as first, b.day::date as last, r.*
    from stats.grain g
    cross join generate_series(%(first)s::date, %(last)s::date, interval '1 day') as a (day)
    cross join generate_series(a.day, %(last)s::date, interval '1 day') as b (day)
    cross join lateral stats.range_summary(g.name, a.day::date, b.day::date) r
    -- Ranges with a day that is not computed are refused (ST004): test_bad_input.
    where (select count(*) from stats.partition_state s where s.bucket_date between a.day and b.day)
        = b.day::date - a.day::date + 1
"""

#: Asked for one client, a range is read by another statement.
_OF_CLIENTS = """
    select g.name as grain, b.day::date as last, r.*
    from stats.grain g
    cross join generate_series(%(first)s::date, %(last)s::date, interval '1 day') as b (day)
    cross join (select distinct client_id from stats.session_days where client_id is not null) c
    cross join lateral stats.range_summary(g.name, %(first)s, b.day::date, c.client_id) r
    where g.by_client
      and (select count(*) from stats.partition_state s where s.bucket_date between %(first)s and b.day)
        = b.day::date - %(first)s::date + 1
"""


def compare(connection: psycopg.Connection, days: Sequence[date], facts: Facts) -> int:
    """Ask for all grains over all ranges of computed days; every member and measure must be equal. Returns how many."""
    computed = {row[0] for row in connection.execute("select bucket_date from stats.partition_state")}
    got: dict[tuple[str, date, date], dict[Member, Measures]] = {}
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    for row in cursor.execute(_ANSWERS, {"first": days[0], "last": days[-1]}):
        keys = KEYS[row["grain"]]
        member = tuple(row[key] for key in keys)
        answers = got.setdefault((row["grain"], row["first"], row["last"]), {})
        assert member not in answers, "a member twice"
        answers[member] = (row["hits"], row["visits"], row["sessionless_hits"], row["conversions"])
        expected_cvr = row["conversions"] / row["visits"] if row["visits"] else None
        assert row["cvr"] is None if expected_cvr is None else abs(float(row["cvr"]) - expected_cvr) < 1e-9
        assert not [name for name in KEYS["link"] + small_utm if name not in keys and row[name] is not None]
    of_clients: dict[tuple[str, date], dict[Member, Measures]] = {}
    for row in cursor.execute(_OF_CLIENTS, {"first": days[0], "last": days[-1]}):
        member = tuple(row[key] for key in KEYS[row["grain"]])
        answers = of_clients.setdefault((row["grain"], row["last"]), {})
        answers[member] = (row["hits"], row["visits"], row["sessionless_hits"], row["conversions"])
    for (grain, first, last), answers in got.items():
        if first == days[0] and "client_id" in KEYS[grain]:
            known = {member: measures for member, measures in answers.items() if member[0] is not None}
            assert of_clients.pop((grain, last), {}) == known, (grain, last)
    assert not of_clients
    compared = 0
    for first, last in itertools.combinations_with_replacement(days, 2):
        within = [day for day in days if first <= day <= last]
        if set(within) <= computed:
            seen = [fact for day in within for fact in facts.get(day, ())]
            for grain in KEYS:
                assert got.pop((grain, first, last), {}) == count(seen, grain), (grain, first, last)
                compared += 1
    assert not got
    return compared


small_utm = KEYS["utm"]


class Engineer:
    """Works on the database as the engine would and remembers which facts each computed day was computed from."""

    def __init__(self, database: Database) -> None:
        self.database = database
        #: Those of the next replacement.
        self.settings: Callable[[], Settings] = lambda: database.settings
        self.mirror = Mirror(database)
        self.computed: dict[date, Sequence[Counted]] = {}
        self._reader = psycopg.connect(database.url, autocommit=True)

    def close(self) -> None:
        self.mirror.close()
        self._reader.close()

    def start_over(self) -> None:
        self.mirror.clear()
        self.computed = {}

    def facts(self) -> Facts:
        return self.mirror.world.by_day(self.database.settings.zone)

    def check(self) -> None:
        compare(self._reader, DAYS, self.computed)

    def replace(self, day: date) -> None:
        replace_day(self.database.pipeline, day, self.settings(), Request(accepted=True))
        self.computed[day] = self.facts().get(day, ())
        self.check()

    def merge_pending(self) -> None:
        merge_pending(self.database.pipeline)
        self.check()

    def crash(self, statement: int, day: date | None) -> None:
        """Lose the connection before the nth statement of a replacement (of the merging step: no day)."""
        run_id = str(uuid.uuid4())
        with killed_before(self.database, statement) as engine:
            if day is None:
                merge_pending(engine)
            else:
                replace_day(engine, day, self.settings(), Request(run_id=run_id, accepted=True))
        if day and self._committed(day, run_id):
            self.computed[day] = self.facts().get(day, ())
        self.check()

    def _committed(self, day: date, run_id: str) -> bool:
        sql = "select from stats.partition_state where bucket_date = %s and run_id = %s"
        return self._reader.execute(sql, (day, run_id)).fetchone() is not None


@contextmanager
def killed_before(database: Database, nth: int) -> Iterator[Engine]:
    """A pipeline engine whose backend is terminated by the server right before its nth statement."""
    engine = pipeline_engine(database.settings)
    left = itertools.count(nth, -1)

    @event.listens_for(engine, "before_cursor_execute")
    def _kill(connection: Any, *_arguments: object) -> None:
        if next(left) == 0:
            pid = connection.connection.driver_connection.info.backend_pid
            database.execute("select pg_terminate_backend(:pid)", pid=pid)

    try:
        yield engine
    except Exception as lost:
        causes = [lost]
        while causes[-1].__cause__ or causes[-1].__context__:
            causes.append(causes[-1].__cause__ or causes[-1].__context__)  # type: ignore[arg-type]
        assert any(isinstance(cause, psycopg.OperationalError) for cause in causes), causes
    finally:
        engine.dispose()


@pytest.fixture
def engineer(database: Database) -> Iterator[Engineer]:
    made = Engineer(database)
    yield made
    made.close()


VISITS = st.lists(small.visits(AT), max_size=25)
ENTRIES = st.lists(small.entries(AT), max_size=6)
_NTH = st.integers(0, 30)
DAY = st.sampled_from(DAYS)
FIXED = {"max_examples": 6, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
# Shrinking runs whole histories over and over; the drawn history is printed and short enough to read.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)

#: What may happen: (method of Mirror or Engineer, arguments). What the engine does is as likely as all else together.
CHANGES_BUT_ADDED: Sequence[st.SearchStrategy[tuple[Any, ...]]] = (
    st.tuples(st.just("delete"), _NTH),
    st.tuples(st.just("edit"), _NTH, small.visits(AT)),
    st.tuples(st.just("set_link"), st.sampled_from(list(small.LINK_ROWS)), _NTH),
    st.tuples(st.just("set_campaign"), st.sampled_from(list(small.CAMPAIGN_ROWS)), _NTH),
    st.tuples(st.just("set_webinar"), st.sampled_from(list(small.WEBINAR_ROWS)), _NTH),
    st.tuples(st.just("exclude"), st.sampled_from([small.CAMPAIGN, small.FOREIGN])),
    st.tuples(st.just("fold"), st.sampled_from(small.FOLDS)),
)
_CHANGES = (
    st.tuples(st.just("add"), VISITS, ENTRIES),
    *CHANGES_BUT_ADDED,
    st.tuples(st.just("fold"), st.sampled_from(small.FOLDS)),
)
_WORK: Sequence[st.SearchStrategy[tuple[Any, ...]]] = (
    st.tuples(st.just("replace"), DAY),
    st.tuples(st.just("replace"), DAY),
    st.tuples(st.just("merge_pending")),
    st.tuples(st.just("crash"), st.integers(0, 22), st.none() | DAY),
)
HISTORY = st.lists(st.one_of(*_CHANGES) | st.one_of(*_WORK), min_size=6, max_size=18)


@pytest.mark.slow
@limits(**FIXED, phases=PHASES)  # type: ignore[arg-type]
@given(
    visits=VISITS,
    entries=ENTRIES,
    folds=st.lists(st.sampled_from(small.FOLDS), unique=True, max_size=8),
    backfilled=st.permutations(DAYS),
    history=HISTORY,
)
def test_every_answer_is_that_of_a_clean_load_after_every_commit(engineer: Engineer, **drawn: Any) -> None:
    live_through(engineer, **drawn)


def live_through(
    engineer: Engineer,
    visits: list[dict[str, Any]],
    entries: list[dict[str, Any]],
    folds: list[Fold],
    backfilled: list[date],
    history: list[tuple[Any, ...]],
) -> None:
    """Facts, a backfill but for one day, then whatever happens; every answer is right after every step."""
    engineer.start_over()
    engineer.mirror.add(visits, entries)
    for rule in folds:
        engineer.mirror.fold(rule)
    for day in backfilled[1:]:
        engineer.replace(day)
    for name, *arguments in history:
        action: Callable[..., None] = getattr(engineer, name, None) or getattr(engineer.mirror, name)
        action(*arguments)
    # Whatever happened: once every day is replaced, all answers are those of the facts as they are now.
    for day in DAYS:
        engineer.replace(day)
    engineer.merge_pending()
    assert engineer.computed == {day: engineer.facts().get(day, ()) for day in DAYS}
    (histograms,) = engineer.database.rows(
        "select count(*) as pending from stats.partition_state where histogram_pending"
    )
    assert histograms["pending"] == 0
    assert engineer.database.rows("select from stats.session_day_change") == []


@pytest.mark.slow
@limits(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=PHASES)
@given(
    before=st.tuples(VISITS, ENTRIES),
    after=st.tuples(st.lists(small.visits(AT), min_size=5, max_size=25), ENTRIES),
    merged=st.booleans(),
    work=st.lists(st.lists(DAY | st.none(), min_size=3, max_size=6), min_size=2, max_size=2),
)
def test_two_workers_at_once_and_a_reader_in_between(
    engineer: Engineer,
    before: tuple[Any, Any],
    after: tuple[Any, Any],
    merged: bool,
    work: list[list[date | None]],
) -> None:
    """Facts change once; two workers replace days and merge histograms (None) as they come, also the same day.

    The reader asks in one snapshot which version of each day it sees, and for all ranges.
    """
    engineer.start_over()
    engineer.mirror.add(*before)
    database, settings = engineer.database, engineer.database.settings
    old = engineer.facts()
    for day in DAYS:
        replace_day(database.pipeline, day, settings, Request(run_id="old", accepted=True))
    if merged:
        merge_pending(database.pipeline)
    for nth in range(3):
        engineer.mirror.delete(nth)
    engineer.mirror.add(*after)
    new = engineer.facts()
    problems: list[BaseException] = []

    def worker(steps: list[date | None]) -> None:
        try:
            for step in steps:
                if step:
                    replace_day(database.pipeline, step, settings, Request(run_id="new", accepted=True))
                else:
                    merge_pending(database.pipeline)
        except BaseException as problem:
            problems.append(problem)

    workers = [threading.Thread(target=worker, args=(steps,)) for steps in work]
    for each in workers:
        each.start()
    busy = True
    while busy:
        busy = any(each.is_alive() for each in workers)
        _compare_in_one_snapshot(database, old, new)
    assert problems == []
    merge_pending(database.pipeline)
    _compare_in_one_snapshot(database, old, new)


def _compare_in_one_snapshot(database: Database, old: Facts, new: Facts) -> None:
    with psycopg.connect(database.url) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        versions = dict(reader.execute("select bucket_date, run_id from stats.partition_state").fetchall())
        seen = {day: (new if versions[day] == "new" else old).get(day, ()) for day in DAYS}
        assert compare(reader, DAYS, seen) == 15 * len(KEYS)


def test_the_comparison_notices_a_wrong_answer(engineer: Engineer) -> None:
    """The property above is only as good as this: one session too many in one histogram must not go unseen."""
    engineer.start_over()
    at = small.datetime(2024, 3, 1, 12, tzinfo=engineer.database.settings.zone)
    row = {**small.PLAIN_VISIT, "session_id": "s"}
    engineer.mirror.add([{**row, "accessed_at": at + timedelta(days=n)} for n in range(2)])
    for day in DAYS:
        engineer.replace(day)
    engineer.merge_pending()
    engineer.database.execute("update stats.return_histogram set sessions = 2 where grain = 'link'")
    with pytest.raises(AssertionError, match="link"):
        engineer.check()


def test_a_client_s_range_is_looked_up_in_the_index_of_its_histograms(engineer: Engineer) -> None:
    """Which begins with the grain: without it Postgres before 18 reads those of all clients."""
    engineer.start_over()
    with psycopg.connect(engineer.database.url, autocommit=True) as connection:
        connection.execute("set enable_seqscan = off")
        connection.execute("set enable_bitmapscan = off")
        ((query,),) = connection.execute(
            "select stats.range_query('link', '2024-03-01', '2024-03-03', %s)", [small.CLIENTS[0]]
        ).fetchall()
        for number, value in enumerate(("'2024-03-01'", "'2024-03-03'", f"'{small.CLIENTS[0]}'", "null::uuid[]"), 1):
            query = query.replace(f"${number}", f"({value})")
        plan = "\n".join(row[0] for row in connection.execute(f"explain {query}".encode()))
    (condition,) = [
        line
        for before, line in itertools.pairwise(plan.splitlines())
        if "on link_returns" in before and "Index Cond" in line
    ]
    assert "(grain = 'link'::text) AND (client_id = " in condition, plan


def test_going_back_and_forward_keeps_every_answer(engineer: Engineer) -> None:
    engineer.start_over()
    at = small.datetime(2024, 3, 1, 12, tzinfo=engineer.database.settings.zone)
    engineer.mirror.add(
        [{**small.PLAIN_VISIT, "session_id": f"s{n % 2}", "accessed_at": at + timedelta(days=n)} for n in range(4)]
    )
    for day in DAYS:
        engineer.replace(day)
    engineer.merge_pending()
    engineer.check()
    migrate_back(engineer.database.owner, "0009")
    migrate(engineer.database.owner, engineer.database.settings)
    engineer.check()


def test_running_again_changes_nothing_and_a_day_that_became_empty_is_empty(engineer: Engineer) -> None:
    engineer.start_over()
    database = engineer.database
    at = small.datetime(2024, 3, 1, 12, tzinfo=database.settings.zone)
    row = small.PLAIN_VISIT
    engineer.mirror.add([{**row, "session_id": f"s{n % 2}", "accessed_at": at + timedelta(days=n)} for n in range(4)])
    stored = {}
    for again in (False, True):
        for day in DAYS:
            engineer.replace(day)
        engineer.merge_pending()
        stored[again] = {
            table: sorted(map(str, database.rows(f"select t.* from stats.{table} t")))
            for table in ("session_days", "bucket_daily", "return_histogram")
        }
    assert stored[True] == stored[False]
    assert stored[True]["return_histogram"]
    database.execute("delete from event_access_logs where session_id = 's0'")
    engineer.mirror.world.visits = {i: v for i, v in engineer.mirror.world.visits.items() if v["session_id"] != "s0"}
    engineer.replace(DAYS[0])
    engineer.replace(DAYS[2])
    engineer.merge_pending()
    for table in ("session_days", "bucket_daily", "return_histogram"):
        left = database.rows(f"select distinct bucket_date as day from stats.{table} order by 1")
        assert [r["day"] for r in left] == ([DAYS[3]] if table == "return_histogram" else [DAYS[1], DAYS[3]])
