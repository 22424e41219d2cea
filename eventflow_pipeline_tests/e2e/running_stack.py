"""Dagster's webserver and daemon on the shipped configuration, over facts that a test writes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from eventflow_pipeline.dev.dagster_process import DagsterStack, free_port
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.settings import packaged
from eventflow_pipeline_tests.conftest import settings_for
from eventflow_pipeline_tests.databases import Database, Databases


@dataclass
class RunningStack:
    """The stack, the facts' database, the days there are, and the environment of the stack's processes."""

    stack: DagsterStack
    database: Database
    days: DayRange
    environment: dict[str, str]

    def dagster(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of Dagster's own database."""
        with psycopg.connect(self.environment["DAGSTER_POSTGRES_URL"]) as connection:
            return connection.execute(query.encode(), parameters).fetchall()


@contextmanager
def running_stack(
    databases: Databases,
    template: str,
    home: Path,
    count: int,
    prepare: Callable[[Database, DayRange], None],
    **environment: str,
) -> Iterator[RunningStack]:
    """A stack over the last ``count`` days, today included; ``prepare`` writes their facts before it starts.

    ``environment`` is added to that of its processes, which is also this process's own while it runs.
    """
    name, storage = databases.create(template), databases.create()
    zone = {"timezone": environment["EVENTFLOW_TIMEZONE"]} if "EVENTFLOW_TIMEZONE" in environment else {}
    database = Database(settings_for(databases.url(name), **zone))
    last = today(database.settings.zone)
    days = DayRange(last - timedelta(days=count - 1), last)
    database.set_build_settings(database.settings.timezone, days.first)
    environment = {
        "DAGSTER_POSTGRES_URL": databases.url(storage),
        "DAGSTER_HOME": str(home),
        "DAGSTER_EVENT_BATCH_SIZE": "200",
        "EVENTFLOW_DATABASE_URL": database.url,
        "EVENTFLOW_START_DATE": days.first.isoformat(),
        "EVENTFLOW_HOME": str(home),
        **environment,
    }
    (home / "dagster.yaml").write_bytes(packaged("dagster.yaml").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        prepare(database, days)
        with DagsterStack(home / "output", free_port()) as stack:
            yield RunningStack(stack, database, days, environment)
    database.close()
    for used in (name, storage):
        databases.drop(used)
