"""What is derived from a day is of that day, or is said not to be and made good: after failures, kills and cancels."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.storage.tags import RESUME_RETRY_TAG, RETRY_NUMBER_TAG

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.partition_tags import tagged_days
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import run_alive
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.defs.jobs import buckets_alone, run_days

CLIENT = UUID(int=1)
RUN = str(UUID(int=0xF))
DAYS = DayRange(date(2024, 3, 1), date(2024, 3, 3))
FIRST, BROKEN, LAST = DAYS
QUALITY = dg.AssetKey(["stats", "quality_daily"])
PARITY = dg.AssetCheckKey(dg.AssetKey(["stats", "session_days"]), "raw_parity")
LINKAGE = dg.AssetCheckKey(dg.AssetKey(["stats", "client_daily"]), "linkage")
Run = Callable[..., dg.ExecuteInProcessResult]
Tick = Callable[[], "dg.SensorResult"]


@pytest.fixture
def run(defs: dg.Definitions, instance: dg.DagsterInstance) -> Run:
    """Run the job for an inclusive range."""
    return lambda days: run_days(defs.resolve_job_def("daily_buckets_job"), instance, days)


@pytest.fixture
def world(database: Database, run: Run) -> Database:
    """Three days, computed and measured, into each of which a visit came afterwards."""
    facts.clients(database, {CLIENT: [facts.CAMPAIGN]})
    _visit_every_day(database)
    assert run(DAYS).success
    assert _complete(database, *DAYS) == [True, True, True]
    _visit_every_day(database)
    return database


@pytest.fixture
def tick(defs: dg.Definitions, instance: dg.DagsterInstance) -> Tick:
    """One evaluation of the sensor that finishes days."""
    sensor = defs.get_repository_def().get_sensor_def("finish_days_sensor")

    def evaluate() -> dg.SensorResult:
        with dg.build_sensor_context(instance=instance, resources=defs.resources) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        return result

    return evaluate


def _visit_every_day(database: Database) -> None:
    facts.visits(database, *[datetime.fromisoformat(f"{day} 12:00+09") for day in DAYS], session_id="{id}")


def _refuse(database: Database, table: str, day: date) -> None:
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        f"$$ begin if new.bucket_date = '{day}' then raise exception 'disk on fire'; end if; return new; end $$"
    )
    database.execute(
        f"create trigger refuse before insert on stats.{table} for each row execute function public.refuse()"
    )


def _told(database: Database, day: date) -> dict[str, Any]:
    """What the screen of data quality says of a day."""
    with connect(database.owner) as connection:
        asked = f"select public.get_data_quality(null, '{day}', '{day}')"
        told: dict[str, Any] = connection.exec_driver_sql(asked).scalar_one()
    return told


def _complete(database: Database, *days: date) -> list[bool]:
    return [_told(database, day)["complete"] for day in days]


def _hits(database: Database) -> list[int]:
    return [_told(database, day)["days"][0]["hits"] for day in DAYS]


def _checked(instance: dg.DagsterInstance, check: dg.AssetCheckKey, run_id: str) -> set[str]:
    """Days of a check that a run evaluated."""
    executions = instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
    of_run = [one for one in executions if one.run_id == run_id and one.status.value != "PLANNED"]
    return {one.partition for one in of_run if one.partition}


def _finish(tick: Tick, defs: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """Run what the sensor asks for; returns the ranges."""
    job, asked = defs.resolve_job_def("daily_buckets_job"), []
    for request in tick().run_requests or ():
        part = job.get_subset(
            asset_selection=set(request.asset_selection or ()),
            asset_check_selection=set(request.asset_check_keys or ()),
        )
        part.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)
        days = sorted(tagged_days(request.tags))
        asked.append(str(DayRange(days[0], days[-1])))
    return asked


def _skipped(result: dg.SensorResult) -> str:
    assert not result.run_requests
    assert result.skip_reason
    return result.skip_reason.skip_message or ""


def _pass_a_minute(instance: dg.DagsterInstance) -> None:
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("update runs set start_time = start_time - 61, end_time = end_time - 61")


def test_a_failed_day_costs_itself_in_what_follows(
    world: Database, run: Run, tick: Tick, instance: dg.DagsterInstance
) -> None:
    _refuse(world, "partition_state", BROKEN)
    result = run(DAYS)
    assert not result.success
    good = {str(FIRST), str(LAST)}
    assert _hits(world) == [2, 1, 2]
    measured = instance.fetch_materializations(QUALITY, limit=100).records
    assert {r.partition_key for r in measured if r.run_id == result.run_id} == good
    assert _checked(instance, PARITY, result.run_id) == _checked(instance, LINKAGE, result.run_id) == good
    assert _complete(world, FIRST, LAST) == [True, True]
    assert _skipped(tick()), "nothing is left of the good days, and the other one is as it was"


def test_a_day_that_cannot_be_measured_costs_itself(
    world: Database, run: Run, tick: Tick, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    _refuse(world, "quality_daily", BROKEN)
    result = run(DAYS)
    assert not result.success
    assert _hits(world) == [2, 1, 2]
    assert _complete(world, *DAYS) == [True, False, True]
    assert _told(world, BROKEN)["days"][0]["stale"] is True
    assert _checked(instance, PARITY, result.run_id) == {str(day) for day in DAYS}
    assert _checked(instance, LINKAGE, result.run_id) == {str(FIRST), str(LAST)}
    before = world.rows("select bucket_date, computed_at from stats.partition_state order by 1")
    assert _finish(tick, defs, instance) == [str(DayRange(BROKEN, BROKEN))]
    world.execute("drop trigger refuse on stats.quality_daily")
    assert "1 runs failed, not again until" in _skipped(tick())
    _pass_a_minute(instance)
    assert _finish(tick, defs, instance) == [str(DayRange(BROKEN, BROKEN))]
    assert _complete(world, *DAYS) == [True, True, True]
    assert _hits(world) == [2, 2, 2]
    assert _skipped(tick())
    assert world.rows("select bucket_date, computed_at from stats.partition_state order by 1") == before


def test_a_run_that_ends_behind_its_days_is_finished_by_another(
    world: Database, tick: Tick, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Cancelled or killed between the days and what follows: only the days are there."""
    assert run_days(buckets_alone(defs), instance, DAYS).success
    assert _complete(world, *DAYS) == [False, False, False]
    assert _finish(tick, defs, instance) == [str(DAYS)]
    assert _complete(world, *DAYS) == [True, True, True]
    assert _hits(world) == [2, 2, 2]
    assert "measured and checked" in _skipped(tick())


def test_histograms_that_could_not_be_merged_are_merged_by_another_run(
    world: Database, run: Run, tick: Tick, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    world.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        "$$ begin raise exception 'disk on fire'; end $$"
    )
    world.execute(
        "create trigger refuse before delete on stats.session_day_change for each row execute function public.refuse()"
    )
    assert not run(DAYS).success
    pending = "select bucket_date from stats.partition_state where histogram_pending"
    assert len(world.rows(pending)) == 3
    assert _complete(world, *DAYS) == [True, True, True], "measured all the same"
    world.execute("drop trigger refuse on stats.session_day_change")
    assert _finish(tick, defs, instance) == [str(DAYS)]
    assert world.rows(pending) == []


def test_nothing_is_asked_for_while_a_run_will_measure_or_a_day_is_stale(
    world: Database, tick: Tick, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert run_days(buckets_alone(defs), instance, DAYS).success
    (request,) = tick().run_requests or ()
    job = defs.resolve_job_def("daily_buckets_job")
    working = instance.create_run_for_job(job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED)
    assert "is computing them" in _skipped(tick())
    instance.report_run_canceled(working)
    _pass_a_minute(instance)
    assert tick().run_requests
    world.execute("update stats.partition_state set stale_since = now(), stale_cause = 'facts_added'")
    assert _skipped(tick()), "they are measured when they are computed"


def test_computed_days_that_nobody_recorded_are_recorded(
    database: Database, tick: Tick, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """A worker is killed: its days are in Postgres, and it has told Dagster of none."""
    session_days = dg.AssetKey(["stats", "session_days"])

    def report() -> set[str]:
        events = tick().asset_events
        for event in events:
            instance.report_runless_asset_event(event)
        return {str(event.partition) for event in events if isinstance(event, dg.AssetMaterialization)}

    _visit_every_day(database)
    for day in DAYS:
        replace_day(database.pipeline, day, database.settings, Request(run_id=RUN))
    with run_alive(database.pipeline, RUN):
        assert report() == set(), "it will record them itself"
    assert report() == {str(day) for day in DAYS}
    assert instance.get_materialized_partitions(session_days) == {str(day) for day in DAYS}
    (newest,) = instance.fetch_materializations(dg.AssetKey(["stats", "platform_daily"]), limit=1).records
    assert newest.asset_materialization
    shown = newest.asset_materialization.metadata
    assert (shown["visits"].value, shown["dagster/partition_row_count"].value) == (1, 1)
    assert report() == set()
    assert run_days(buckets_alone(defs), instance, DAYS).success
    assert report() == set(), "recorded by the run itself"
    replace_day(database.pipeline, BROKEN, database.settings)
    assert report() == {str(BROKEN)}


def test_a_run_that_goes_on_replaces_only_what_is_left(
    database: Database, run: Run, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """*Re-execute from failure* and a retry after a crash; days of the runs before are recorded as they are."""
    _visit_every_day(database)
    database.execute(f"alter table stats.partition_state add constraint no check (bucket_date <> '{BROKEN}')")
    first = run(DAYS)
    assert not first.success

    def again(parent: str, *tags: str, **config: bool) -> tuple[dg.DagsterRun, set[date]]:
        job = defs.resolve_job_def("daily_buckets_job")
        days = {tags_key: value for tags_key, value in first.dagster_run.tags.items() if "partition_range" in tags_key}
        created = instance.create_run_for_job(
            job,
            run_config={"ops": {"replace_days": {"config": config}}},
            parent_run_id=parent,
            root_run_id=first.run_id,
            tags={**days, **dict.fromkeys(tags, "true")},
        )
        execute_run(InMemoryJob(job), created, instance)
        ledger = "select bucket_date from stats.day_ledger where run_id = :run_id and grain = 'platform'"
        replaced = {row["bucket_date"] for row in database.rows(ledger, run_id=created.run_id)}
        return instance.get_run_by_id(created.run_id) or created, replaced

    second, replaced = again(first.run_id, RESUME_RETRY_TAG)
    assert (second.status, replaced) == (dg.DagsterRunStatus.FAILURE, set()), "only the day that fails was left"
    database.execute("alter table stats.partition_state drop constraint no")
    # Of a day that is known to have changed meanwhile, what was computed before does not stand.
    database.execute(
        "update stats.partition_state set stale_since = now(), stale_cause = 'facts_added' where bucket_date = :day",
        day=LAST,
    )
    third, replaced = again(second.run_id, RETRY_NUMBER_TAG)
    assert (third.status, replaced) == (dg.DagsterRunStatus.SUCCESS, {BROKEN, LAST})
    platform_daily = dg.AssetKey(["stats", "platform_daily"])
    shown = {
        record.partition_key: record.asset_materialization.metadata["visits"].value
        for record in instance.fetch_materializations(platform_daily, limit=100).records
        if record.run_id == third.run_id and record.asset_materialization
    }
    assert shown == {str(day): 1 for day in DAYS}
    _, replaced = again(third.run_id)
    assert replaced == set(DAYS), "Re-execute all is to compute all"
    _, replaced = again(third.run_id, RESUME_RETRY_TAG, from_scratch=True)
    assert replaced == set(DAYS)
