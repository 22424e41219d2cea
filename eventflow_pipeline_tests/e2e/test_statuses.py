"""What Dagster shows after runs that disturb each other, or that something disturbs: as its own class would have it.

Every scene is played on two running stacks, one whose storage is Dagster's own class; there the server stays up, which
that one would not survive. Then what people end or ask for at the same time.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import psycopg
import pytest

from eventflow_pipeline.defs.buckets import ASSET_KEYS, JOB
from eventflow_pipeline.dev.dagster_process import CODE_SERVER, UNANSWERED, backfill_status, launch_backfill
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline.warehouse.parity.comparison import compare_everything
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.command_line import run_eventflow
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.e2e.afternoon import quiet_afternoon
from eventflow_pipeline_tests.e2e.running_stack import RunningStack, running_stack
from eventflow_pipeline_tests.statuses import QUERY, Statuses, seen, statuses

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(3600)]

_PATIENCE_SECONDS = 300
_OWN = "storage: {postgres: {postgres_url: {env: DAGSTER_POSTGRES_URL}}}\n"
_DAYS = 22
_LAUNCH = """
mutation Launch($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_TERMINATE = """
mutation Terminate($id: String!) { terminateRun(runId: $id) { __typename ... on TerminateRunFailure { message } } }
"""


class World(RunningStack):
    """A running stack over days that are computed, and what is done to its runs."""

    def days_of(self, scene: str) -> DayRange:
        """Each scene has days of its own; today is nobody's."""
        first = {"failing": 0, "two at once": 6, "restarted": 10, "killed": 13, "people": 16}[scene]
        last = {"failing": 5, "two at once": 9, "restarted": 12, "killed": 15, "people": 20}[scene]
        days = list(self.days)
        return DayRange(days[first], days[last])

    def until(self, what: Callable[[], Any]) -> Any:
        """What ``what`` returns once it is true; a server that is away is no answer."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with suppress(psycopg.OperationalError, *UNANSWERED):
                if found := what():
                    return found
            assert time.monotonic() < deadline
            self.stack.revive()
            time.sleep(0.2)

    def launch(self, days: DayRange, job: str = JOB) -> str:
        """*Launch run* of a job over a range; returns the run's id."""
        tags = [{"key": RANGE_START, "value": str(days.first)}, {"key": RANGE_END, "value": str(days.last)}]
        selector = {
            "repositoryName": "__repository__",
            "repositoryLocationName": "eventflow_pipeline",
            "jobName": job,
        }
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}}
        answer = self.stack.graphql(_LAUNCH, p=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def status(self, run: str) -> str:
        """What GraphQL says of a run."""
        return str(self.stack.graphql(_STATUS, id=run)["runOrError"]["status"])

    def ended(self, run: str) -> str:
        """Its status once it is over."""
        return str(self.until(lambda: (s := self.status(run)) in ("SUCCESS", "FAILURE", "CANCELED") and s))

    def recorded(self, run: str, *days: date) -> bool:
        """Whether all the days of the first step are recorded as materialized by a run, for everybody to see."""
        rows = self.dagster(
            "select count(distinct (asset_key, partition)) from event_logs where run_id = %(run)s "
            "and dagster_event_type = 'ASSET_MATERIALIZATION' and partition = any(%(days)s)",
            run=run,
            days=[day.isoformat() for day in days],
        )
        return bool(rows == [(len(ASSET_KEYS) * len(days),)])

    @contextmanager
    def held(self, day: date) -> Iterator[psycopg.Connection]:
        """Another session works on a day: whoever is to replace it waits in the database."""
        with psycopg.connect(self.database.url, autocommit=True) as other:
            other.execute("select pg_advisory_lock(%s, %s)", [0x0EF10001, day.toordinal()])
            yield other

    def waiting(self, day: date) -> list[int]:
        """The server's processes that wait for a day."""
        with psycopg.connect(self.database.url, autocommit=True) as asking:
            rows = asking.execute(
                "select pid from pg_locks where locktype = 'advisory' and classid = %s and objid = %s and not granted",
                [0x0EF10001, day.toordinal()],
            )
            return [row[0] for row in rows]

    def workers(self) -> list[psutil.Process]:
        """Processes of runs: children of the code server."""
        found = psutil.Process(self.stack.pid(CODE_SERVER)).children(recursive=True)
        return [process for process in found if "multiprocessing.spawn" in " ".join(process.cmdline())]


def _write_facts(database: Database, days: DayRange) -> None:
    """Forty visits a day and five entries; no visit on the second day."""
    facts.clients(database, {facts.CLIENT: [facts.CAMPAIGN]})
    for number, day in enumerate(list(days)[:-1]):
        at = datetime.combine(day, clock(hour=3), database.settings.zone)
        if number != 1:
            facts.visits(database, *[at] * 40, session_id=f"{day}-{{n}}")
        facts.entries(database, *[at + timedelta(minutes=n) for n in range(5)], session_id=f"{day}-{{n}}")


@contextmanager
def _stack(databases: Databases, template: str, home: Path, storage: str | None) -> Iterator[World]:
    def prepare(database: Database, days: DayRange) -> None:
        shipped = (home / "dagster.yaml").read_text()
        if storage:
            _, rest = shipped.split("# P1", 1)
            shipped = f"{storage}# P1{rest}"
        # A killed run is not tried again.
        (home / "dagster.yaml").write_text(shipped.replace("max_retries: 1", "max_retries: 0"))
        _write_facts(database, days)
        computed = run_eventflow({**os.environ}, "backfill", "--from", days.first.isoformat())
        assert computed.returncode == 0, computed.stderr

    with running_stack(databases, template, home, _DAYS, prepare, **quiet_afternoon()) as running:
        yield World(**vars(running))


def _play(world: World, *, restart: bool) -> Mapping[str, Statuses]:
    """All scenes, and what GraphQL says of their days in the end."""
    _failing(world)
    _two_at_once(world)
    _restarted(world, restart)
    _killed(world)
    answer = world.until(lambda: world.stack.graphql(QUERY))
    return {scene: statuses(answer, world.days_of(scene)) for scene in _SCENES}


_SCENES = ("failing", "two at once", "restarted", "killed")


def _failing(world: World) -> None:
    """A day cannot be computed, another not be measured."""
    days = list(world.days_of("failing"))
    for table, day in (("partition_state", days[2]), ("quality_daily", days[4])):
        world.database.execute(
            f"create function public.refuse_{table}() returns trigger language plpgsql as "
            f"$$ begin if new.bucket_date = '{day}' then raise exception 'disk on fire'; end if; return new; end $$"
        )
        world.database.execute(
            f"create trigger refuse before insert on stats.{table} "
            f"for each row execute function public.refuse_{table}()"
        )
    assert world.ended(world.launch(world.days_of("failing"))) == "FAILURE"
    for table in ("partition_state", "quality_daily"):
        world.database.execute(f"drop trigger refuse on stats.{table}")


def _two_at_once(world: World) -> None:
    """Two runs whose ranges overlap; both wait for the same day, the second behind the first.

    The day is the second's once the first is seen to have recorded it: which materialization is the latest is no luck.
    """
    days = list(world.days_of("two at once"))
    with ThreadPoolExecutor(1) as aside, ExitStack() as between:
        with world.held(days[1]):
            first = world.launch(DayRange(days[0], days[2]))
            world.until(lambda: len(world.waiting(days[1])) == 1 and world.recorded(first, days[0], days[2]))
            behind_it = aside.submit(between.enter_context, world.held(days[1]))
            world.until(lambda: len(world.waiting(days[1])) == 2)
            second = world.launch(DayRange(days[1], days[3]))
            world.until(lambda: len(world.waiting(days[1])) == 3)
        behind_it.result()
        world.until(lambda: world.recorded(first, *days[:3]))
    assert [world.ended(run) for run in (first, second)] == ["SUCCESS", "SUCCESS"]


def _restarted(world: World, restart: bool) -> None:
    """The server is lost with all its connections while a run waits for its oldest day, and comes back by itself."""
    days = list(world.days_of("restarted"))
    with suppress(psycopg.OperationalError), world.held(days[0]) as other:
        run = world.launch(world.days_of("restarted"))
        world.until(lambda: world.waiting(days[0]) and world.recorded(run, *days[1:]))
        if restart:
            os.kill(other.info.backend_pid, signal.SIGKILL)  # a process that is killed takes all others with it
            other.execute("select 1")
    assert world.ended(run) == "SUCCESS"


def _killed(world: World) -> None:
    """The process of a run is killed while it waits for its oldest day."""
    days = list(world.days_of("killed"))
    with world.held(days[0]):
        run = world.launch(world.days_of("killed"))
        world.until(lambda: world.waiting(days[0]) and world.recorded(run, *days[1:]))
        (worker,) = world.workers()
        worker.kill()
        assert world.ended(run) == "FAILURE"


@pytest.fixture(scope="module")
def expected(databases: Databases, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Statuses]:
    """The statuses where Dagster's own class writes."""
    with _stack(databases, _template, tmp_path_factory.mktemp("own"), _OWN) as world:
        return _play(world, restart=False)


@pytest.fixture(scope="module")
def world(
    expected: Mapping[str, Statuses], databases: Databases, _template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The shipped configuration."""
    with _stack(databases, _template, tmp_path_factory.mktemp("ours"), None) as running:
        yield running


@pytest.fixture(scope="module")
def found(world: World) -> Mapping[str, Statuses]:
    """The statuses where ours writes."""
    return _play(world, restart=True)


@pytest.mark.parametrize(
    ("scene", "assets", "checks"),
    [
        ("failing", {"MATERIALIZED", "FAILED"}, {"SUCCEEDED", "FAILED"}),
        ("two at once", {"MATERIALIZED"}, {"SUCCEEDED"}),
        ("restarted", {"MATERIALIZED"}, {"SUCCEEDED"}),
        ("killed", {"MATERIALIZED", "FAILED"}, {"EXECUTION_FAILED"}),
    ],
)
def test_statuses_are_those_of_dagster_s_own_class(
    found: Mapping[str, Statuses],
    expected: Mapping[str, Statuses],
    scene: str,
    assets: set[str],
    checks: set[str],
) -> None:
    """What was expected of the scene is among them."""
    assert found[scene] == expected[scene]
    assert assets <= seen(found[scene], lambda name: ":" not in name)
    assert checks <= seen(found[scene], lambda name: ":" in name)


def test_two_people_ask_for_overlapping_days_at_once(world: World) -> None:
    """Both backfills succeed, every day is there and equals its facts, and the ledger knows who changed what."""
    days = list(world.days_of("people"))
    moved = datetime.combine(days[2], clock(hour=4), world.database.settings.zone)
    facts.visits(world.database, moved, session_id="new")
    asked = {"one": days[:4], "other": [days[1], days[2], days[4]]}  # not contiguous
    launched: dict[str, str] = {}

    def ask(who: str) -> None:
        keys = [list(key.path) for key in ASSET_KEYS]
        launched[who] = launch_backfill(world.stack, keys, [day.isoformat() for day in asked[who]], who)

    people = [Thread(target=ask, args=[who]) for who in asked]
    for person in people:
        person.start()
    for person in people:
        person.join()
    over = ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED")
    for who in asked:
        ended = world.until(lambda who=who: (s := backfill_status(world.stack, launched[who])).status in over and s)
        assert ended.status == "COMPLETED_SUCCESS", ended
        assert set(ended.runs.values()) == {"SUCCESS"}
    span = world.days_of("people")
    assert compare_everything(world.database.pipeline, world.database.settings, span).differences == ()
    changed = (
        "select count(*) n from stats.day_ledger where bucket_date = :day and grain = 'platform' "
        "and hits_before = 40 and hits_after = 41"
    )
    assert world.database.rows(changed, day=days[2]) == [{"n": 1}], "one of them changed the day, once"
    shown = statuses(world.stack.graphql(QUERY), span)
    assert {*shown["client_daily"].values()} == {"MATERIALIZED"}


#: What a run has to wait for; a lock that lets others read keeps only the run, and none of the ticks.
_BLOCK = {
    "a lock of a day": "select pg_advisory_lock({space}, {day})",
    "a table's lock, in a day": "lock table stats.session_days in share mode",
    "a table's lock, while measuring": "lock table stats.quality_daily in share mode",
    "a table's lock, while comparing": "lock table stats.bucket_daily in access exclusive mode",
    "a table's lock, while checking": "lock table stats.day_check in share mode",
    "a sleep": None,
}


@pytest.mark.parametrize("waits_for", _BLOCK)
def test_terminate_ends_a_run_whatever_its_statement_waits_for(world: World, waits_for: str) -> None:
    """It would wait for ever: that it ends at all is because it was told to. Dagster says so, no process of the run
    and none of the server is left, and nothing changes afterwards."""
    day = world.days_of("people").last
    blocked = _BLOCK[waits_for]
    computed = "select computed_at from stats.partition_state where bucket_date = %s"
    with psycopg.connect(world.database.url) as other:
        before = other.execute(computed, [day]).fetchall()
        other.rollback()
        if blocked:
            other.execute(blocked.format(space=0x0EF10001, day=day.toordinal()).encode())
            waits = (
                "select pid from pg_stat_activity where %s = any (pg_blocking_pids(pid)) and wait_event_type = 'Lock'"
                + (" and query like '%%raw_cell%%'" if "comparing" in waits_for else "")
            )
        else:
            world.database.execute(
                "create function public.sleep() returns trigger language plpgsql as "
                "$$ begin perform pg_sleep(100000); return new; end $$"
            )
            world.database.execute(
                "create trigger sleep before insert on stats.partition_state for each row "
                "execute function public.sleep()"
            )
            waits = "select pid from pg_stat_activity where wait_event = 'PgSleep' and pid <> %s"
        # What is compared is what a day was replaced with: to come so far, nothing may be replaced.
        run = world.launch(DayRange(day, day), "verify_days_job" if "comparing" in waits_for else JOB)
        with psycopg.connect(world.database.url, autocommit=True) as watching:
            asked = [other.info.backend_pid]
            backends = world.until(lambda: [row[0] for row in watching.execute(waits, asked).fetchall()])
            (worker,) = world.until(world.workers)
            told = time.monotonic()
            answer = world.stack.graphql(_TERMINATE, id=run)["terminateRun"]
            assert answer["__typename"] == "TerminateRunSuccess", answer
            assert world.ended(run) == "CANCELED"
            canceled = time.monotonic() - told
            psutil.wait_procs([worker], timeout=_PATIENCE_SECONDS)
            assert not worker.is_running()
            left = "select pid from pg_stat_activity where pid = any(%s)"
            world.until(lambda: not watching.execute(left, [backends]).fetchall())
            print(f"{waits_for}: CANCELED after {canceled:.1f} s, nothing left after {time.monotonic() - told:.1f} s")
        if not blocked:
            world.database.execute("drop trigger sleep on stats.partition_state")
            world.database.execute("drop function public.sleep()")
        other.rollback()
        other.execute("select pg_advisory_unlock_all()")
        after = other.execute(computed, [day]).fetchall()
    if "while" not in waits_for:  # else the day itself was computed before
        assert after == before
    assert world.status(run) == "CANCELED"
