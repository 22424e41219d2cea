"""Fixtures: one embedded server a test process, one fresh copy of a migrated database a test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventflow_pipeline.dev.embedded import start_embedded
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate
from eventflow_pipeline_tests.command_line import Eventflow, run_eventflow
from eventflow_pipeline_tests.databases import Database, Databases, settings_for
from eventflow_pipeline_tests.servers import server_folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the running stack begin: one worker takes their chain of minutes, the others what is short."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.fixture(autouse=True)
def _no_inherited_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not reach the tests."""
    for name in list(os.environ):
        if name.startswith(("EVENTFLOW_", "DAGSTER_")):
            monkeypatch.delenv(name)
    # Tests run side by side, and its port is one.
    monkeypatch.setenv("EVENTFLOW_CAPTURE_METRICS", "off")


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """A real server of this test process."""
    folder = server_folder("tests")
    server = start_embedded(folder)
    made = Databases(server.url("postgres"))
    # Nothing but the test decides what is analysed; hundreds of databases would keep its workers busy.
    for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off"):
        made.admin(f"alter system set {setting}")
    made.admin("select pg_reload_conf()")
    yield made
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _template(databases: Databases) -> str:
    name = databases.create()
    database = Database(settings_for(databases.url(name)))
    create_source(database.owner)
    migrate(database.owner, database.settings)
    database.close()
    return name


@pytest.fixture(scope="session")
def _dagster_template(databases: Databases) -> str:
    """A database with Dagster's tables, as its storage makes them where there are none."""
    from dagster_postgres import DagsterPostgresStorage

    name = databases.create()
    storage = DagsterPostgresStorage(databases.url(name))
    for part in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
        part.dispose()
    return name


@pytest.fixture
def dagster_database(databases: Databases, _dagster_template: str) -> Iterator[str]:
    """Address of a fresh database for Dagster's runs and events."""
    name = databases.create(_dagster_template)
    yield databases.url(name)
    databases.drop(name)


@pytest.fixture
def database(databases: Databases, _template: str) -> Iterator[Database]:
    """A fresh migrated database with empty source tables, zone Asia/Seoul, first partition 2024-01-01."""
    with databases.database(_template) as made:
        yield made


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[Database]:
    """A database without any table."""
    with databases.database() as made:
        yield made


@pytest.fixture
def environment(database: Database, dagster_database: str, tmp_path: Path) -> dict[str, str]:
    """What the command is told by its environment: the test's databases."""
    return {
        **os.environ,
        "EVENTFLOW_DATABASE_URL": database.url,
        "DAGSTER_POSTGRES_URL": dagster_database,
        "EVENTFLOW_HOME": str(tmp_path / "home"),
        "EVENTFLOW_START_DATE": database.settings.start_date.isoformat(),
    }


@pytest.fixture
def eventflow(environment: dict[str, str]) -> Eventflow:
    """The command, run in a process of its own against the test's database."""

    def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return run_eventflow({**environment, **changes}, *arguments)

    return run
