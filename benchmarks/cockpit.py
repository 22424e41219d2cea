"""What Dagster's bookkeeping costs: a command and a launched run beside the same work in a process without it."""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from dagster_shared.utils import environ

from benchmarks import report
from benchmarks._facts import Facts
from benchmarks._server import EVENTFLOW, Measured, create, daemon_environment, run_program, server
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.dev.dagster_process import DagsterStack, free_port
from eventflow_pipeline.dev.embedded import EmbeddedServer
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline.warehouse.schema.migrations import rebuild

REPETITIONS = 3
#: As many as the peers' facts: 200,000 visits in 90 days. Nearly empty: what a small tenant has.
_MONTH, _PEERS_DAYS, _PEERS_VISITS, _NEARLY_EMPTY = 30, 90, 200_000, 20
_LONG = (40, 110) if os.environ.get("BENCH_QUICK") else (400, 1_095)
_LAUNCH = """
mutation Launch($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
_MOMENTS = """
select r.status, extract(epoch from r.create_timestamp at time zone 'UTC'), r.start_time, r.end_time,
  (select extract(epoch from min(e.timestamp) at time zone 'UTC') from event_logs e
   where e.run_id = r.run_id and e.dagster_event_type in ('PIPELINE_ENQUEUED', 'PIPELINE_STARTING')),
  (select extract(epoch from min(e.timestamp) at time zone 'UTC') from event_logs e
   where e.run_id = r.run_id and e.dagster_event_type = 'PIPELINE_STARTING')
from runs r where r.run_id = %s
"""
_WHY = """
select left(event::jsonb ->> 'user_message', 200),
  left(event::jsonb -> 'dagster_event' -> 'event_specific_data' ->> 'error', 600)
from event_logs where run_id = %s and dagster_event_type in ('STEP_FAILURE', 'PIPELINE_FAILURE')
"""


class Found(NamedTuple):
    """What was measured of one range: ``commits`` beyond one a day, and a launched run's times where one was."""

    engine: Times
    command: Times
    commits: int
    launched: Times | None
    waited: Times | None


def run() -> report.Section:
    """Measure on a server of its own; some twenty minutes."""
    many, most = _LONG
    rows: list[dict[str, str]] = []
    found: dict[str, Found] = {}
    with server() as running:
        peers = create(running, "peers", Facts(_PEERS_VISITS, _PEERS_DAYS))
        work = {
            f"{_MONTH} days of {_PEERS_VISITS // _PEERS_DAYS:,} hits": (peers, peers.facts.last(_MONTH)),
            "one day of them": (peers, peers.facts.last(1)),
        }
        for days in (many, most):
            last = today(peers.settings.zone) - timedelta(days=2)
            facts = Facts(days * _NEARLY_EMPTY, days, last - timedelta(days=days - 1))
            database = create(running, f"empty{days}", facts)
            work[f"{days:,} days of {_NEARLY_EMPTY} hits"] = database, facts.range
        for name, (database, asked) in work.items():
            times, commits = _commands(running, database, asked)
            rows.append(
                _row(name, "`eventflow backfill`", times["command"], times["engine"])
                | {"committed in Dagster's database": f"{commits:,}"}
            )
            whole = waited = None
            if len(asked) > _MONTH:
                whole, waited = _launched(running, database, asked)
                rows.append(_row(name, "launched run, to its end", whole, times["engine"]))
            found[name] = Found(times["engine"], times["command"], commits - len(asked), whole, waited)
    return _section(rows, _lines(found, list(work), most / many))


def _lines(found: Mapping[str, Found], names: list[str], growth: float) -> dict[str, bool]:
    lines = {}
    for name, of in found.items():
        ratio = of.command.median / of.engine.median
        if name == names[0]:
            lines[f"{name}: at most 1.8 times the engine alone ({ratio:.2f})"] = ratio <= 1.8
        if of.launched and of.waited:
            lines[f"{name}: at most 2.2 times the engine alone ({ratio:.2f})"] = ratio <= 2.2
            ratio = of.launched.median / of.engine.median
            lines[f"{name}, launched: at most 3 times the engine alone ({ratio:.2f})"] = ratio <= 3
            lines[f"{name}, launched: NOT_STARTED for 5 s at most ({of.waited.median:.1f} s)"] = of.waited.median <= 5
    slope = found[names[3]].command.median / found[names[2]].command.median
    lines[f"linear: {growth:.1f} times the days in at most 3 times the time ({slope:.2f})"] = slope <= 3
    most = max(of.commits for of in found.values())
    lines[f"at most 400 statements and one a day committed in Dagster's database ({most:,} and one a day)"] = (
        most <= 400
    )
    return lines


def _commands(running: EmbeddedServer, database: Measured, days: DayRange) -> tuple[dict[str, Times], int]:
    """The engine alone and the command, each from nothing; and what the command committed in Dagster's database."""
    first, last = str(days.first), str(days.last)
    committed: list[int] = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:

        def engine() -> Callable[[], None]:
            rebuild(database.owner, database.settings)
            environment = daemon_environment(running, database, Path(home))
            return lambda: run_program([sys.executable, "-m", "benchmarks._engine_alone", first, last], environment)

        def backfill() -> Callable[[], None]:
            rebuild(database.owner, database.settings)
            environment = daemon_environment(running, database, Path(home))

            def whole() -> None:
                before = _committed(environment)
                run_program([EVENTFLOW, "backfill", "--json", "--from", first, "--to", last], environment)
                committed.append(_committed(environment) - before)

            return whole

        return in_turn(REPETITIONS, {"engine": engine, "command": backfill}), round(statistics.median(committed))


def _committed(environment: Mapping[str, str]) -> int:
    with psycopg.connect(environment["DAGSTER_POSTGRES_URL"], autocommit=True) as connection:
        (count,) = connection.execute(
            "select xact_commit from pg_stat_database where datname = current_database()"
        ).fetchone() or (0,)
        return int(count)


def _launched(running: EmbeddedServer, database: Measured, days: DayRange) -> tuple[Times, Times]:
    """The same by a launched run: its seconds without the queue's tick, and those it was NOT_STARTED."""
    whole, waited = Times(), Times()
    parameters: dict[str, Any] = {
        "selector": {
            "repositoryName": "__repository__",
            "repositoryLocationName": "eventflow_pipeline",
            "jobName": "daily_buckets_job",
        },
        "mode": "default",
        "executionMetadata": {
            "tags": [
                {"key": RANGE_START, "value": str(days.first)},
                {"key": RANGE_END, "value": str(days.last)},
            ]
        },
    }
    for _ in range(REPETITIONS):
        rebuild(database.owner, database.settings)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
            # Nothing else is to be launched meanwhile.
            values = daemon_environment(running, database, Path(home)) | {"EVENTFLOW_CHANGES_INTERVAL_SECONDS": "3600"}
            with environ(values), DagsterStack(Path(home) / "output", free_port()) as stack:
                run_id = stack.graphql(_LAUNCH, p=parameters)["launchRun"]["run"]["runId"]
                with psycopg.connect(values["DAGSTER_POSTGRES_URL"], autocommit=True) as connection:
                    while True:
                        (moments,) = connection.execute(_MOMENTS, (run_id,)).fetchall()
                        status, created, started, ended, queued, starting = moments
                        if status in ("SUCCESS", "FAILURE", "CANCELED"):
                            why = connection.execute(_WHY, (run_id,)).fetchall()
                            break
                        time.sleep(0.5)
        if status != "SUCCESS":
            raise RuntimeError(f"the launched run ended as {status}: {why}")
        waited.seconds.append(float(queued - created))
        whole.seconds.append(float(queued - created) + ended - float(starting or started))
    return whole, waited


def _row(what: str, how: str, times: Times, engine: Times) -> dict[str, str]:
    return {
        "what": what,
        "how": how,
        "median": shown(times.median),
        "engine alone": shown(engine.median),
        "ratio": f"{times.median / engine.median:.2f}",
    }


def _section(rows: list[dict[str, str]], lines: Mapping[str, bool]) -> report.Section:
    return report.Section(
        name="cockpit",
        title="What Dagster costs",
        intro=_INTRO.format(repetitions=REPETITIONS),
        rows=rows,
        lines=lines,
    )


_INTRO = """\
From nothing, with the checks of a backfill. The engine alone (`benchmarks/_engine_alone.py`) is one process without
Dagster that calls the same functions with the same connections: session-days, buckets, histograms, indicators, their
judgement, and raw parity with the facts; ranges are compared by neither. Both sides start a process; Dagster's
tables are there, and empty. Medians of {repetitions}, in turn. A launched run is counted without the tick that the
queue waits for."""
