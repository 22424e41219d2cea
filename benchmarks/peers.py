"""The same facts by dbt microbatch and by SQLMesh, which compute one grain of them and check nothing.

Wanted from outside: ``BENCH_PEERS``, a folder with their projects and ``sql/00_gen.sql`` that makes the facts, and
``BENCH_PEERS_BIN``, the folders of the programs ``dbt`` and ``sqlmesh``, by colon.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from benchmarks import report
from benchmarks._facts import Facts, measured
from benchmarks._server import Measured, attach, command, dagster_backfill, run_program, server
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.cli.psql import psql_program
from eventflow_pipeline.dev.embedded import EmbeddedServer
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate, rebuild

REPETITIONS = 3
_FIRST, _LAST = date(2025, 6, 1), date(2025, 8, 29)
_MONTH = DayRange(date(2025, 7, 31), _LAST)
#: To them the last day is over, and this is now.
_SQLMESH = ["--auto-apply", "--no-prompts", "--skip-tests", "--execution-time", "2025-08-30 00:30:00"]


def run() -> report.Section:
    """Measure on a server of its own; minutes."""
    projects = Path(os.environ.get("BENCH_PEERS", report.ROOT.parent / "shared" / "peers"))
    path = f"{os.environ.get('BENCH_PEERS_BIN', '')}:{os.environ['PATH']}"
    dbt, sqlmesh = (shutil.which(name, path=path) for name in ("dbt", "sqlmesh"))
    if not (dbt and sqlmesh and projects.is_dir()):
        raise UserError("dbt, sqlmesh or their projects are not there: name them in BENCH_PEERS_BIN and BENCH_PEERS.")
    with server() as running, tempfile.TemporaryDirectory(dir="/var/tmp") as copy:
        shutil.copytree(projects, copy, dirs_exist_ok=True)
        subprocess.run(["chmod", "-R", "u+w", copy], check=True)
        database = _create(running, Path(copy))
        peers = _Peers(Path(copy), dbt, sqlmesh, _environment(running))
        found: dict[str, dict[str, Times]] = {}
        for what, days in {"30 days": _MONTH, "one day": DayRange(_LAST, _LAST)}.items():
            found[what] = in_turn(
                REPETITIONS,
                {
                    "eventflow": _backfill(running, database, days),
                    "dbt": partial(peers.dbt, days),
                    "sqlmesh": partial(peers.sqlmesh, days),
                },
            )
        versions = in_turn(REPETITIONS, peers.versions())
    return _section(found, versions)


class _Peers:
    """Both of them, on the facts of the schema ``raw``; their tables are made when this is."""

    def __init__(self, projects: Path, dbt: str, sqlmesh: str, environment: Mapping[str, str]) -> None:
        self._dbt, self._sqlmesh, self._projects, self._environment = dbt, sqlmesh, projects, environment
        self._run([dbt, "--quiet", "run", "-s", "rollup_daily"], "dbt")
        self._run([sqlmesh, "plan", *_SQLMESH], "sqlmesh")

    def dbt(self, days: DayRange) -> None:
        until = days.last + timedelta(days=1)
        bounds = ["--event-time-start", str(days.first), "--event-time-end", str(until)]
        self._run([self._dbt, "--quiet", "run", "-s", "rollup_daily", *bounds], "dbt")

    def sqlmesh(self, days: DayRange) -> None:
        restated = ["--restate-model", "peer_sqlmesh.rollup_daily", "--start", str(days.first), "--end", str(days.last)]
        self._run([self._sqlmesh, "plan", *restated, *_SQLMESH], "sqlmesh")

    def versions(self) -> dict[str, Callable[[], None]]:
        """What starting each of them costs."""
        ours = str(Path(sys.executable).with_name("eventflow"))
        programs = {"eventflow": ours, "dbt": self._dbt, "sqlmesh": self._sqlmesh}
        return {name: partial(self._run, [program, "--version"], "") for name, program in programs.items()}

    def _run(self, arguments: list[str], project: str) -> None:
        run_program(arguments, self._environment, self._projects / project)


def _environment(running: EmbeddedServer) -> dict[str, str]:
    return {
        **os.environ,
        "PGHOST": str(running.socket_dir),
        "PGPORT": "5432",
        "PGUSER": "postgres",
        "PGDATABASE": "peers",
        "DBT_PROFILES_DIR": ".",
        "PGPASSWORD": "none is asked for",
        "SOURCE_SCHEMA": "raw",
        "PEER_BEGIN": str(_FIRST),
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
    }


def _create(running: EmbeddedServer, projects: Path) -> Measured:
    """One database: their facts in the schema ``raw``, the same in EventFlow's tables, migrated."""
    command(running, "create database peers")
    made = attach(running, "peers", Facts(200_000, len(DayRange(_FIRST, _LAST)), _FIRST), timezone="UTC")
    subprocess.run(
        [psql_program(), "-q", "-f", projects / "sql" / "00_gen.sql"],
        env=_environment(running),
        check=True,
        capture_output=True,
    )
    create_source(made.owner)
    with connect(made.owner) as connection:
        connection.exec_driver_sql(measured("insert_peers_facts").text, execution_options={"no_parameters": True})
    migrate(made.owner, made.settings)
    with made.owner.connect() as connection:
        connection.exec_driver_sql("vacuum analyze")
    return made


def _backfill(running: EmbeddedServer, database: Measured, days: DayRange) -> Callable[[], Callable[[], None]]:
    def from_nothing() -> Callable[[], None]:
        rebuild(database.owner, database.settings)
        return dagster_backfill(running, database, days)

    return from_nothing


def _section(found: Mapping[str, Mapping[str, Times]], versions: Mapping[str, Times]) -> report.Section:
    names = {"eventflow": "`eventflow backfill`, all checks", "dbt": "dbt microbatch", "sqlmesh": "SQLMesh restatement"}
    rows = [
        {
            "what": what,
            "by": name,
            "median": shown(times[by].median),
            "beside dbt": f"{times[by].median / times['dbt'].median:.2f}",
            "beside SQLMesh": f"{times[by].median / times['sqlmesh'].median:.2f}",
        }
        for what, times in {**found, "--version": versions}.items()
        for by, name in names.items()
    ]
    ratio = {
        (what, by): times["eventflow"].median / times[by].median
        for what, times in found.items()
        for by in ("dbt", "sqlmesh")
    }
    lines = {
        f"30 days: at most 1.1 times dbt microbatch ({ratio['30 days', 'dbt']:.2f})": ratio["30 days", "dbt"] <= 1.1,
        f"30 days: faster than dbt microbatch ({ratio['30 days', 'dbt']:.2f})": ratio["30 days", "dbt"] < 1,
        f"30 days: at most 2.5 times SQLMesh ({ratio['30 days', 'sqlmesh']:.2f})": ratio["30 days", "sqlmesh"] <= 2.5,
        f"one day: at most dbt microbatch's ({ratio['one day', 'dbt']:.2f})": ratio["one day", "dbt"] <= 1,
        f"one day: at most 1.2 times SQLMesh's ({ratio['one day', 'sqlmesh']:.2f})": ratio["one day", "sqlmesh"] <= 1.2,
    }
    return report.Section("peers", "Beside dbt microbatch and SQLMesh", _INTRO, rows, lines)


_INTRO = f"""\
200,000 visits and their entries of {_FIRST} to {_LAST} (UTC), 20 campaigns, on one server. Both peers compute one
table of visits and conversions by day, campaign, link and UTM triple, check nothing and answer no ranges; they restate
days that are there. `eventflow backfill` computes them from nothing, in nine grains, with return histograms,
indicators, raw parity with the facts and Dagster's records. All start a process and find their own tables there, made
before. Medians of {REPETITIONS}, in turn.
The peers' programs and projects are not part of this repository: BENCH_PEERS_BIN and BENCH_PEERS say where they are."""
