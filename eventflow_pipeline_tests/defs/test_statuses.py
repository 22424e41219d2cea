"""A day has the status in Dagster's user interface that it would have if Dagster's own storage class had written it."""

import asyncio
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.schema import create_schema

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.defs.jobs import run_days
from eventflow_pipeline_tests.statuses import QUERY, colours, seen, statuses

DAYS = DayRange(date(2024, 1, 1), date(2024, 1, 4))
REFUSED, NOT_MEASURED, WITHOUT_VISITS, GOOD = DAYS
OWN = """
storage: {postgres: {postgres_url: {env: DAGSTER_POSTGRES_URL}}}
telemetry: {enabled: false}
"""


#: What fails, and on which day.
_BROKEN = {"partition_state": REFUSED, "quality_daily": NOT_MEASURED}


@pytest.fixture
def world(database: Database) -> Database:
    """Facts of every day, one without visits; what _BROKEN says is there, and switched off."""
    facts.clients(database, {facts.CLIENT: [facts.CAMPAIGN]})
    for day in DAYS:
        at = datetime.fromisoformat(f"{day} 12:00+09")
        if day != WITHOUT_VISITS:
            facts.visits(database, *[at] * 40, session_id=f"{day}-{{n}}")
        facts.entries(database, *[at + timedelta(minutes=n) for n in range(5)], session_id=f"{day}-{{n}}")
    for table, day in _BROKEN.items():
        database.execute(
            f"create function public.refuse_{table}() returns trigger language plpgsql as "
            f"$$ begin if new.bucket_date = '{day}' then raise exception 'disk on fire'; end if; return new; end $$"
        )
        database.execute(
            f"create trigger refuse before insert on stats.{table} "
            f"for each row execute function public.refuse_{table}()"
        )
    _switch(database, "disable")
    return database


def _switch(database: Database, to: str) -> None:
    for table in _BROKEN:
        database.execute(f"alter table stats.{table} {to} trigger refuse")


def _asked(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What GraphQL answers over an instance."""
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name="eventflow_pipeline.definitions")
    origin = InProcessCodeLocationOrigin(target, location_name="eventflow_pipeline")
    with (
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as context,  # type: ignore[no-untyped-call]
        context.create_request_context() as request,
    ):
        result = asyncio.run(create_schema().execute_async(QUERY, context_value=request))
    assert not result.errors, result.errors
    return dict(result.data or {})


def _scene(instance: dg.DagsterInstance, defs: dg.Definitions, world: Database) -> dict[str, Any]:
    """The range twice, the second time with what is broken; and what GraphQL says then."""
    job = defs.resolve_job_def("daily_buckets_job")
    assert run_days(job, instance, DAYS).success
    _switch(world, "enable")
    assert not run_days(job, instance, DAYS).success
    _switch(world, "disable")
    return _asked(instance)


@pytest.mark.long
def test_statuses_of_a_range_with_failing_days_are_those_of_dagster_s_own_class(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    world: Database,
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the second run a day fails, one cannot be measured, one has checks that fail."""
    ours = _scene(instance, defs, world)
    name, home = databases.create(), tmp_path / "own"
    home.mkdir()
    (home / "dagster.yaml").write_text(OWN)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", databases.url(name))
    with dg.DagsterInstance.from_config(str(home)) as own:
        assert type(own.event_log_storage).__name__ == "PostgresEventLogStorage"
        expected = _scene(own, defs, world)
    databases.drop(name)
    found = statuses(ours, DAYS)
    assert found == statuses(expected, DAYS)
    assert colours(ours) == colours(expected)
    assert found["client_daily"] == {day.isoformat(): "MATERIALIZED" for day in DAYS} | {REFUSED.isoformat(): "FAILED"}
    assert {"SUCCEEDED", "FAILED"} <= seen(found, lambda name: ":" in name)
