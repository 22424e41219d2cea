"""Pruning what automation leaves in Dagster's database: a sensor every half minute must not fill a disk."""

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import dagster as dg

from eventflow_pipeline.defs.dagster_internals.private import (
    delete_orphaned_check_executions,
    delete_superseded_observations,
    purge_ticks,
    superseded_runs,
)
from eventflow_pipeline.defs.definition_time import TIMEZONE
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.warehouse.capture.dead_letters import prune_surfaces
from eventflow_pipeline.warehouse.changes.due_days import delete_old_passes, delete_running_days

#: Runs deleted by one run of the job; the next one goes on.
_MOST = 20_000


@dg.op(
    description="Delete superseded automatic runs with their events, superseded observations, orphaned check "
    "executions and old ticks."
)
def prune_automation(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Delete what is older than EVENTFLOW_RUNS_RETENTION_DAYS and on which nothing rests.

    Only runs of schedules and sensors are touched, and of those only the superseded: the latest materialization of
    every partition keeps its run, so no partition changes its status. Pages and first touches of captured facts are
    deleted with it, after EVENTFLOW_CAPTURE_SURFACE_DAYS. So are files that a computation by a cluster left behind.
    """
    before = datetime.now(UTC) - timedelta(days=warehouse.settings.runs.retention_days)
    runs = superseded_runs(context.instance, before, _MOST)
    for run_id in runs:
        context.instance.delete_run(run_id)
    checks = delete_orphaned_check_executions(context.instance)
    observations = delete_superseded_observations(context.instance, before)
    purge_ticks(context.instance, before)
    delete_old_passes(warehouse.engine, before)
    delete_running_days(warehouse.engine, before.astimezone(warehouse.settings.zone).date())
    prune_surfaces(warehouse.engine, warehouse.settings)
    if find_spec("pyarrow"):
        # Also where Postgres is the engine again; without the package there was never another.
        from eventflow_pipeline.warehouse.engines.spark import delete_left_files

        delete_left_files(warehouse.settings)
    context.log.info(
        f"{len(runs)} superseded runs from before {before:%Y-%m-%d %H:%M} UTC, {observations} observations, "
        f"{checks} check executions"
    )


@dg.job(
    description="Delete superseded automatic runs, their events, superseded observations, old ticks, passes of change "
    "detection; no partition changes its status.",
)
def prune_history_job() -> None:
    """See ``prune_automation``."""
    prune_automation()


prune_history_schedule = dg.ScheduleDefinition(
    name="prune_history_schedule",
    job=prune_history_job,
    cron_schedule="40 4 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: what automation left behind in Dagster's database (EVENTFLOW_RUNS_RETENTION_DAYS).",
)
