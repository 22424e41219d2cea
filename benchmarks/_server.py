"""A server of the benchmarks' own, with the same settings for everything that is measured on it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import Engine, text

from benchmarks._facts import Facts, make_facts, measured
from benchmarks.report import ROOT
from eventflow_pipeline.dev.embedded import EmbeddedServer, start_embedded
from eventflow_pipeline.dev.environment import packaged
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import admin_engine, connect, pipeline_engine
from eventflow_pipeline.warehouse.schema.migrations import migrate

WORK_MEM_MB = 64
#: For both sides of every ratio: they are the server's, and no side sets its own.
SETTINGS = {
    "jit": "off",
    "shared_buffers": "2GB",
    "work_mem": f"{WORK_MEM_MB}MB",
    "max_wal_size": "8GB",
    "autovacuum": "off",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "2",
    "synchronous_commit": "on",
}
#: As sections tell them.
TOLD = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
#: The command of this environment.
EVENTFLOW = str(Path(sys.executable).with_name("eventflow"))


@dataclass(frozen=True, slots=True)
class Measured:
    """A migrated database with facts: ``owner`` may do anything, ``pipeline`` is the pipeline's role."""

    settings: Settings
    facts: Facts
    owner: Engine
    pipeline: Engine

    @property
    def url(self) -> str:
        """Its address."""
        assert self.settings.database.url
        return self.settings.database.url.get_secret_value()


@contextmanager
def server(folder: Path | None = None) -> Iterator[EmbeddedServer]:
    """A running server with SETTINGS, on a temporary folder unless one is given (which is then kept)."""
    home = folder or Path(tempfile.mkdtemp(prefix="eventflow-bench-", dir="/var/tmp"))
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    started = start_embedded(home)
    try:
        for name, value in SETTINGS.items():
            command(started, f"alter system set {name} = '{value}'")
        started.stop()
        started = start_embedded(home)
        yield started
    finally:
        started.stop()
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)


def command(running: EmbeddedServer, sql: str) -> None:
    """Run one command in the maintenance database."""
    with psycopg.connect(running.url("postgres").render_as_string(False), autocommit=True) as connection:
        connection.execute(sql.encode())


def create(running: EmbeddedServer, name: str, facts: Facts, *, analysed: bool = True) -> Measured:
    """A new database with ``facts``, migrated; nothing is computed yet. ``analysed``: the planner has statistics."""
    command(running, f'drop database if exists "{name}" with (force)')
    command(running, f'create database "{name}"')
    made = attach(running, name, facts)
    make_facts(made.owner, facts, analysed=analysed)
    migrate(made.owner, made.settings)
    if analysed:
        with made.owner.connect() as connection:
            connection.exec_driver_sql("vacuum analyze")
    return made


def add_member_of_busiest_client(database: Measured, user_id: str) -> UUID:
    """Make the user a member of the client with most visits, which is returned."""
    with connect(database.owner) as owner:
        client: UUID = owner.execute(measured("select_busiest_client")).scalar_one()
        owner.execute(
            text("insert into client_members (client_id, user_id, role) values (:c, :u, 'member')"),
            {"c": client, "u": user_id},
        )
    return client


def read_as(connection: psycopg.Connection, claims: Mapping[str, str]) -> None:
    """Let the connection read as who has such a token."""
    connection.execute("set role authenticated")
    connection.execute("select set_config('request.jwt.claims', %s, false)", (json.dumps(claims),))


def plain(database: Measured, days: DayRange) -> None:
    """The yardstick, ``sql/select_plain.sql`` over ``days``, its result stored."""
    window = days.window(database.settings.zone)
    with connect(database.owner) as connection:
        connection.execute(
            text(f"create temporary table plain as {measured('select_plain').text}"),
            {"window_start": window.start, "window_end": window.end},
        )
        connection.execute(text("drop table plain"))


def run_program(arguments: list[str], environment: Mapping[str, str], folder: Path = ROOT) -> None:
    """Run a program in a folder with this environment alone. Raises RuntimeError with what it said where it fails."""
    done = subprocess.run(arguments, env={**environment}, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {done.stdout[-1000:]} {done.stderr[-2000:]}")


def dagster_backfill(running: EmbeddedServer, database: Measured, days: DayRange) -> Callable[[], None]:
    """``eventflow backfill`` of ``days``: starting the process, checks and Dagster's records included."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("EVENTFLOW_", "DAGSTER_"))}
    environment |= {
        "EVENTFLOW_DATABASE_URL": database.url,
        "EVENTFLOW_HOME": str(Path(running.socket_dir).parent / "home"),
        "EVENTFLOW_RUNS_PARALLEL_DAYS": str(database.settings.runs.parallel_days),
        "EVENTFLOW_TIMEZONE": database.settings.timezone,
        "EVENTFLOW_DATABASE_WORK_MEM_MB": str(database.settings.database.work_mem_mb),
        "DAGSTER_POSTGRES_URL": running.url("dagster").render_as_string(False),
    }
    new_dagster(running, environment)
    backfill = [EVENTFLOW, "backfill", "--json"]
    backfill += ["--from", str(days.first), "--to", str(days.last)]

    def whole() -> None:
        done = subprocess.run(backfill, env=environment, capture_output=True, text=True)
        if done.returncode or json.loads(done.stdout)["done"] != len(days):
            raise RuntimeError(f"eventflow backfill failed: {done.stdout} {done.stderr[-2000:]}")

    return whole


def daemon_environment(running: EmbeddedServer, database: Measured, home: Path) -> dict[str, str]:
    """Of Dagster's own processes on ``database``, and of commands beside them; with a new database for Dagster."""
    (home / "dagster.yaml").write_bytes(packaged("dagster.yaml").read_bytes())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVENTFLOW_", "DAGSTER_"))}
    values = kept | {
        "EVENTFLOW_DATABASE_URL": database.url,
        "EVENTFLOW_HOME": str(home),
        "EVENTFLOW_RUNS_PARALLEL_DAYS": str(database.settings.runs.parallel_days),
        "EVENTFLOW_TIMEZONE": database.settings.timezone,
        "EVENTFLOW_START_DATE": database.facts.first_day.isoformat(),
        "DAGSTER_POSTGRES_URL": running.url("dagster").render_as_string(False),
        "DAGSTER_HOME": str(home),
        "DAGSTER_EVENT_BATCH_SIZE": "200",
        "PYTHONWARNINGS": "ignore",
    }
    new_dagster(running, values)
    return values


def new_dagster(running: EmbeddedServer, environment: Mapping[str, str]) -> None:
    """A new database for Dagster with its tables, as they are after its first start, and nothing in them."""
    command(running, "drop database if exists dagster with (force)")
    command(running, "create database dagster")
    run_program([EVENTFLOW, "dagster", "instance", "info"], environment)


def attach(running: EmbeddedServer, name: str, facts: Facts, timezone: str = "Asia/Seoul") -> Measured:
    """The database ``name``, made earlier."""
    settings = Settings(
        database={"url": running.url(name).render_as_string(False), "work_mem_mb": WORK_MEM_MB},
        timezone=timezone,
        start_date=facts.first_day,
        runs={"parallel_days": 2},
    )
    return Measured(settings, facts, admin_engine(settings), pipeline_engine(settings))
