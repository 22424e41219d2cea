"""Killing whatever works on a backfill, at random moments: days stay old or new, and afterwards every answer is right.

A real stack (Postgres, daemon, code server, run workers) replaces the days again and again while facts change;
each round kills one of them with SIGKILL. ``make test-long`` has a hundred rounds and shows the figures
(``CRASH_SEED``: another sequence, ``CRASH_ROUNDS``: fewer rounds), and fifty in which every day that is computed takes
deltas.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from typing import Any

import psutil
import psycopg
import pytest

from eventflow_pipeline.dev.dagster_process import CODE_SERVER, DAEMON, DagsterStack, free_port
from eventflow_pipeline.dev.embedded import EmbeddedServer, start_embedded
from eventflow_pipeline.dev.environment import environment
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import admin_engine
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate
from eventflow_pipeline_tests.crash.polling_reader import PollingReader
from eventflow_pipeline_tests.servers import server_folder
from eventflow_pipeline_tests.worlds.changing_facts import Facts, last_days

SEED = int(os.environ.get("CRASH_SEED", "1"))
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "100"))
DELTA_ROUNDS = int(os.environ.get("CRASH_ROUNDS", "50"))
DAYS = 10
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
VISITS_A_DAY = 1500

_LAUNCH = """
mutation Launch($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""


class Installation:
    """Everything on one machine, as production would run it: databases, Dagster's processes, commands."""

    def __init__(self, settings: Settings, server: EmbeddedServer, stack: DagsterStack, days: DayRange) -> None:
        self.settings, self.stack, self.days = settings, stack, days
        self._server = server
        self._killed = False
        assert settings.database.url
        self.url = settings.database.url.get_secret_value()

    def heal(self) -> None:
        """``eventflow heal``, without the seconds its process takes to start: what an operator does after a crash."""
        from eventflow_pipeline.runs import run_heal

        while True:
            report = run_heal(self.settings, show_progress=False)
            assert not report.failed, report
            assert not report.held, report
            if not report.detection.in_work:  # by a worker that survived its daemon
                return

    def launch(self) -> str:
        """Have the daemon run a backfill of all days; returns the run's id."""
        tags = {
            "dagster/asset_partition_range_start": str(self.days.first),
            "dagster/asset_partition_range_end": str(self.days.last),
        }
        params = {
            "selector": {
                "repositoryName": "__repository__",
                "repositoryLocationName": "eventflow_pipeline",
                "jobName": "daily_buckets_job",
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
        }
        answer = self.stack.graphql(_LAUNCH, p=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def status(self, run_id: str) -> str:
        """Status of a run, read from Dagster's storage."""
        with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
            row = connection.execute("select status from runs where run_id = %s", (run_id,)).fetchone()
        assert row
        return str(row[0])

    def computed_by(self, run_id: str) -> int:
        """How many of the days the run has replaced."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "select count(*) from stats.partition_state where run_id = %s", (run_id,)
            ).fetchone()
        assert row
        return int(row[0])

    def has_reached(self, run_id: str, days: int) -> bool:
        """Works on its days and has replaced that many, or is over."""
        self.stack.revive()  # the daemon also ends by itself when its database was gone for too long
        status = self.status(run_id)
        return status in _ENDED or (status == "STARTED" and self.computed_by(run_id) >= days)

    def kill_worker(self) -> bool:
        """SIGKILL the run worker: a grandchild of the code server. False when there is none (any more)."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.stack.pid(CODE_SERVER)).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if "multiprocessing.spawn" in " ".join(child.cmdline()):
                        child.kill()
                        return True
        return False

    def kill_daemon(self) -> bool:
        """SIGKILL the daemon; code server and run worker go on."""
        self._killed = True
        os.kill(self.stack.pid(DAEMON), signal.SIGKILL)
        return True

    def kill_daemon_and_code_server(self) -> bool:
        """SIGKILL the daemon, the code server and its run workers together, as a lost machine does."""
        self._killed = True
        for command in (DAEMON, CODE_SERVER):
            os.killpg(self.stack.pid(command), signal.SIGKILL)
        return True

    def kill_server(self) -> bool:
        """SIGKILL every process of the Postgres server at once, as a power cut does to the software."""
        postmaster = psutil.Process(self._server.pid)
        postmaster.suspend()  # or it would start others meanwhile
        data = postmaster.cwd()
        while processes := [process for process in psutil.process_iter() if _works_in(process, data)]:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, timeout=30)
        return True

    def revive(self) -> None:
        """Start again whatever was killed, as a supervisor does."""
        deadline = time.monotonic() + 90
        while True:
            try:
                self._server = start_embedded(self.settings.home)
                break
            except UserError:  # still recovering when its starter lost patience
                if time.monotonic() > deadline:
                    raise
        if self._killed:
            assert _await(self.stack.revive, 30), "a killed process must end"
        self._killed = False


@pytest.fixture
def deltas() -> str:
    """Which days take deltas (``EVENTFLOW_CHANGES_DELTAS``)."""
    return "today"


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch, deltas: str) -> Iterator[Installation]:
    """A running installation with a loaded, not yet computed range of days."""
    home = server_folder("crash")
    days = last_days(today(Settings().zone), DAYS)  # type: ignore[call-arg,unused-ignore]
    for name in ("EVENTFLOW_DATABASE_URL", "DAGSTER_POSTGRES_URL", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVENTFLOW_HOME", str(home))
    monkeypatch.setenv("EVENTFLOW_START_DATE", str(days.first))
    monkeypatch.setenv("EVENTFLOW_CHANGES_DELTAS", deltas)
    for name in list(sys.modules):  # the partitions of another test's days
        if name == "eventflow_pipeline.definitions" or name.startswith("eventflow_pipeline.defs"):
            monkeypatch.delitem(sys.modules, name)
    before = dict(os.environ)
    with environment(dagster=True) as settings:
        engine = admin_engine(settings)
        create_source(engine)
        migrate(engine, settings)
        engine.dispose()
        with DagsterStack(home / "output", free_port()) as stack:
            yield Installation(settings, start_embedded(home), stack, days)
    for name in set(os.environ) - set(before):
        del os.environ[name]
    shutil.rmtree(home, ignore_errors=True)


def _works_in(process: psutil.Process, folder: str) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == folder
    return False


def _await(what: Callable[[], Any], seconds: float = 240) -> bool:
    """Until ``what`` is true; a database that is down is not an answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            if what():
                return True
        time.sleep(0.05)
    return False


def _launch(installation: Installation) -> str:
    """Launch when the stack has come up again."""
    deadline = time.monotonic() + 240
    while True:
        try:
            return installation.launch()
        except Exception:
            installation.stack.revive()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize(
    ("rounds", "deltas"),
    [
        pytest.param(1, "today", marks=pytest.mark.timeout(1200)),
        pytest.param(ROUNDS, "today", marks=[pytest.mark.long, pytest.mark.timeout(8 * 3600)]),
        pytest.param(DELTA_ROUNDS, "everywhere", marks=[pytest.mark.long, pytest.mark.timeout(4 * 3600)]),
    ],
)
def test_kills_at_random_moments_of_a_backfill(installation: Installation, rounds: int, deltas: str) -> None:
    facts = Facts(installation.url, installation.days, installation.settings.timezone, SEED, VISITS_A_DAY)
    facts.load()
    began = time.monotonic()
    installation.heal()
    reader = PollingReader(installation.url, installation.days, facts.true_days())
    reader.start()
    chance = random.Random(SEED)
    victims = [
        installation.kill_worker,
        installation.kill_server,
        installation.kill_daemon_and_code_server,
        installation.kill_daemon,
    ]
    killed: Counter[str] = Counter()
    partly = 0
    for number in range(rounds):
        reader.expect(new := facts.change())
        facts.commit()
        run_id = _launch(installation)
        goal = chance.randrange(DAYS)
        _await(lambda run_id=run_id, goal=goal: installation.has_reached(run_id, goal))
        time.sleep(chance.uniform(0, 0.3))
        done = installation.computed_by(run_id)
        victim = victims[number % len(victims)]
        ended = installation.status(run_id)
        if victim() and ended == "STARTED":
            killed[victim.__name__] += 1
            partly += 0 < done < DAYS
        installation.revive()
        assert not reader.problems, reader.problems[:5]
        _check(installation, facts, new)
        print(
            f"round {number + 1} of {rounds}, seed {SEED}, {victim.__name__} with {done} days done ({ended}). So far "
            f"{time.monotonic() - began:.0f} s, kills of a running backfill {dict(killed)}, {partly} with some days "
            f"done and some not; {reader.polls} polls, {reader.outages} outages, 0 half-replaced days, 0 wrong answers",
            flush=True,
        )
    reader.stop()
    assert not reader.problems, reader.problems[:5]
    assert reader.polls > 10 * rounds, "the reader must have been looking"
    if deltas == "everywhere":
        with psycopg.connect(installation.url) as connection:
            ((taken, differing),) = connection.execute(
                "select count(*) filter (where published = 'delta'), (select sum(differing) from stats.delta_day) "
                "from stats.day_ledger where grain = 'platform'"
            ).fetchall()
        assert taken > rounds
        assert differing == 0


def _check(installation: Installation, facts: Facts, new: dict[date, str]) -> None:
    """After the repair every answer equals the raw facts."""
    installation.heal()
    assert facts.true_days() == new
    assert facts.wrong_ranges() == []
