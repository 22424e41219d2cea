"""Runs of the daily assets as Dagster knows them: which days one is about, who asked for it, does it still live."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from eventflow_pipeline.defs.buckets import ASSET_KEYS, JOB
from eventflow_pipeline.defs.catalog import QUALITY
from eventflow_pipeline.defs.run_tags import HEAL, MEASURE, SCHEDULE, TRIGGER_TAG
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.heal import FailedRange, RunningRange
from eventflow_pipeline.domain.partition_tags import PARTITION, RANGE_END, RANGE_START
from eventflow_pipeline.oncall.conditions.run_failed import only_checks
from eventflow_pipeline.warehouse.changes.due_days import days_replaced_by
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import NOTICED_SECONDS, is_alive

PRIORITY = "dagster/priority"
#: Runs over old days only; dagster.yaml limits how many at once, so that they never take every slot.
HISTORY = "eventflow/history"

_AUTOMATIC = [HEAL, SCHEDULE]
_WAITING = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING)
_WORKING = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
#: A run whose worker is still connecting is not dead.
_GRACE = timedelta(seconds=60)


def range_tags(days: DayRange) -> dict[str, str]:
    """Tags that make one run of the job materialize an inclusive range of days."""
    return {RANGE_START: days.first.isoformat(), RANGE_END: days.last.isoformat()}


def days_of(run: dg.DagsterRun) -> DayRange | None:
    """Days the run replaces; None when it is about something else."""
    if run.tags.get(TRIGGER_TAG) == MEASURE:
        return None
    replaces_days = run.asset_selection & set(ASSET_KEYS) if run.asset_selection else run.job_name == JOB
    if not replaces_days or only_checks(run):
        return None
    return _tagged_days(run)


def _tagged_days(run: dg.DagsterRun) -> DayRange | None:
    first = run.tags.get(RANGE_START) or run.tags.get(PARTITION)
    last = run.tags.get(RANGE_END) or first
    return DayRange(date.fromisoformat(first), date.fromisoformat(last)) if first and last else None


def measuring_ranges(instance: dg.DagsterInstance) -> list[RunningRange]:
    """Every run that waits for its turn or is at work and measures indicators, with or without replacing days."""
    runs = [record.dagster_run for record in _records(instance, dg.RunsFilter(statuses=[*_WAITING, *_WORKING]))]
    return [
        RunningRange(run.run_id, days, run.status in _WAITING, run.tags.get(TRIGGER_TAG) == MEASURE)
        for run in runs
        if (not run.asset_selection or QUALITY in run.asset_selection) and not only_checks(run)
        if (days := _tagged_days(run))
    ]


def running_ranges(instance: dg.DagsterInstance, engine: Engine, changed: Iterable[date]) -> list[RunningRange]:
    """Every run that waits for its turn or is at work, with which of the ``changed`` days it has replaced."""
    runs = [record.dagster_run for record in _records(instance, dg.RunsFilter(statuses=[*_WAITING, *_WORKING]))]
    ranges = {run.run_id: days for run in runs if (days := days_of(run))}
    done = days_replaced_by(engine, ranges, changed) if ranges else {}
    return [
        RunningRange(
            run_id=run.run_id,
            days=ranges[run.run_id],
            waiting=run.status in _WAITING,
            automatic=run.tags.get(TRIGGER_TAG) in _AUTOMATIC,
            done=done[run.run_id],
        )
        for run in runs
        if run.run_id in ranges
    ]


def failed_ranges(
    instance: dg.DagsterInstance, since: datetime, triggers: Sequence[str] = _AUTOMATIC
) -> list[FailedRange]:
    """Runs with one of the ``triggers``, created after ``since``, that failed or were cancelled."""
    statuses = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    filters = dg.RunsFilter(job_name=JOB, statuses=statuses, tags={TRIGGER_TAG: triggers}, created_after=since)
    found = []
    for record in _records(instance, filters):
        if days := _tagged_days(record.dagster_run):
            began = _instant(record.start_time) or record.create_timestamp
            found.append(FailedRange(days, began, _instant(record.end_time) or record.update_timestamp))
    return found


def report_dead_runs(instance: dg.DagsterInstance, engine: Engine) -> list[str]:
    """Report as failed the started runs whose worker was killed without a word; returns their ids.

    Dagster notices a lost worker only through its code server. When both are gone the run would hold its slot until
    ``max_runtime_seconds``. A living worker holds a lock in the database of facts (``Warehouse``).
    """
    now = datetime.now(UTC)
    silent, dead = [], []
    with connect(engine) as connection:
        for record in _records(instance, dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            run, started = record.dagster_run, _instant(record.start_time)
            if _tagged_days(run) and started and now - started >= _GRACE and not is_alive(connection, run.run_id):
                silent.append(run)
        if silent:  # one that lost its connection shows itself again
            time.sleep(NOTICED_SECONDS)
        for run in silent:
            if is_alive(connection, run.run_id):
                continue
            if instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED:  # type: ignore[union-attr]
                instance.report_run_failed(run, "The process that worked on this run is gone; finished days are kept.")
                dead.append(run.run_id)
    return dead


def _records(instance: dg.DagsterInstance, filters: dg.RunsFilter) -> Iterator[dg.RunRecord]:
    yield from instance.get_run_records(filters, limit=1000)


def _instant(timestamp: float | None) -> datetime | None:
    return datetime.fromtimestamp(timestamp, UTC) if timestamp else None
