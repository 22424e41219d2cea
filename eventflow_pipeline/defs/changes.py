"""Automation: a sensor turns changed days into runs; schedules finalize the day that ended and sweep older ones.

Detection only reads and marks (``warehouse.changes.detection``), here as in ``eventflow heal``; runs replace the days.
Everything is level-triggered: what is still wrong at the next poll is asked for again, so a lost tick, run or process
costs time and nothing else.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from eventflow_pipeline.defs.buckets import daily_buckets_job
from eventflow_pipeline.defs.definition_time import CHANGES_SECONDS, TIMEZONE
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.run_tags import HEAL, SCHEDULE, TRIGGER_TAG
from eventflow_pipeline.defs.runs import HISTORY, PRIORITY, failed_ranges, range_tags, report_dead_runs, running_ranges
from eventflow_pipeline.defs.sources import observation_due, observe_sources
from eventflow_pipeline.domain.changes import Cause
from eventflow_pipeline.domain.days import contiguous, local_date, today
from eventflow_pipeline.domain.heal import ChangedDay, PlanLimits, RunPlan, plan_runs
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Detection, Scope, detect_changes
from eventflow_pipeline.warehouse.changes.due_days import changed_days, newest_facts, unfinished_days
from eventflow_pipeline.warehouse.days.delta import update_day
from eventflow_pipeline.warehouse.db.engine import reason
from eventflow_pipeline.warehouse.ranges.histograms import merge_if_free

_RECENT_PRIORITY = "10"


def plan_limits(settings: Settings, now: datetime) -> PlanLimits:
    """How runs are planned, by the settings."""
    return PlanLimits(
        recent_from=today(settings.zone, now) - timedelta(days=settings.changes.lookback_days),
        retry=timedelta(seconds=settings.changes.retry_seconds),
        attempts=settings.changes.attempts,
        days_per_run=settings.runs.max_days,
    )


def _plan(
    instance: dg.DagsterInstance, engine: Engine, settings: Settings, changed: Sequence[ChangedDay], now: datetime
) -> RunPlan:
    if not changed:
        return RunPlan((), ())
    limits = plan_limits(settings, now)
    running = running_ranges(instance, engine, [day.day for day in changed])
    return plan_runs(changed, running, failed_ranges(instance, now - timedelta(days=1)), now, limits)


def run_requests(plan: RunPlan, settings: Settings, trigger: str, now: datetime) -> list[dg.RunRequest]:
    """Run requests of a plan; runs with a recent day go before all others, the rest only a few at once."""
    recent = today(settings.zone, now) - timedelta(days=settings.changes.lookback_days)
    requests = []
    for run in plan.runs:
        queue = {PRIORITY: _RECENT_PRIORITY} if run.days.last >= recent else {HISTORY: "true"}
        tags = {**range_tags(run.days), TRIGGER_TAG: trigger, **queue}
        requests.append(dg.RunRequest(run_key=f"{trigger}:{run.key}", tags=tags))
    return requests


def _add_to_today(context: dg.SensorEvaluationContext, engine: Engine, settings: Settings, found: Detection) -> None:
    """Bring the current day up to date where nothing but added facts is known of it; else a run computes it whole."""
    day = today(settings.zone)
    if not any(stale.day == day and stale.cause is Cause.FACTS_ADDED for stale in found.changed):
        return
    try:
        if (refusal := update_day(engine, day, settings)) is not None:
            context.log.info(f"{day} is computed whole: {refusal}")
        else:
            merge_if_free(engine)
            context.log.info(f"{day} was brought up to date by the facts that were added")
    except Exception as problem:  # costs time alone: the day is marked as before, and a run computes it
        context.log.error(f"{day} could not be brought up to date: {reason(problem)}")


def _found(detection: Detection) -> str:
    """What a pass found, in a sentence for a skip reason."""
    held = f" {len(detection.held)} days are held by the guard against mass loss." if detection.held else ""
    days = ", ".join(map(str, contiguous(detection.days)))
    return f"{detection.checked} days compared with their facts, " + (
        f"{len(detection.days)} changed: {days}.{held}" if days else f"none changed.{held}"
    )


@dg.sensor(
    name="heal_changed_days_sensor",
    job=daily_buckets_job,
    minimum_interval_seconds=CHANGES_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Compare what is due of the look-back days, and days named by newly recorded facts, with what they "
    "were computed from, by chunk of five minutes; add to the current day what was added to its facts, where "
    "nothing else changed of it; ask for a run per contiguous range of changed days (several when it "
    "is long), and for none when nothing changed. Once an hour the fact tables show when their newest row was recorded "
    "and how many rows the day has.",
)
def heal_changed_days_sensor(context: dg.SensorEvaluationContext, tick_warehouse: Warehouse) -> dg.SensorResult:
    """One pass: marks what changed, then asks for runs over all marked days, also those a sweep has marked."""
    now = datetime.now(UTC)
    engine, settings = tick_warehouse.engine, tick_warehouse.settings
    dead = report_dead_runs(context.instance, engine)
    detection = detect_changes(engine, settings, Scope.LOOKBACK)
    _add_to_today(context, engine, settings, detection)
    plan = _plan(context.instance, engine, settings, changed_days(engine), now)
    requests = run_requests(plan, settings, HEAL, now)
    notes = [_found(detection), *plan.reasons]
    if dead:
        notes.append(f"{len(dead)} runs were reported as failed: their process is gone.")
    for note in notes:
        context.log.info(note)
    observed: list[dg.AssetObservation] = []
    cursor = context.cursor
    if observation_due(cursor, now):
        observed, cursor = observe_sources(cursor, newest_facts(engine, settings.zone, now), now)
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(" ".join(notes)),
        asset_events=observed,
        cursor=cursor,
    )


@dg.schedule(
    name="finalize_days_schedule",
    job=daily_buckets_job,
    cron_schedule="1 0 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Shortly after midnight: compute yesterday once more now that it is over, look-back days that were "
    "only computed while they lasted, and open the new day.",
)
def finalize_days_schedule(
    context: dg.ScheduleEvaluationContext, tick_warehouse: Warehouse
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for the days that no computation from after their end stands for; empty days become computed this way."""
    at = context.scheduled_execution_time
    engine, settings = tick_warehouse.engine, tick_warehouse.settings
    day = local_date(at, settings.zone)
    first = day - timedelta(days=max(1, settings.changes.lookback_days))
    unfinished = unfinished_days(engine, first, day, at)
    plan = _plan(context.instance, engine, settings, unfinished, datetime.now(UTC))
    requests = run_requests(plan, settings, SCHEDULE, at)
    if requests:
        return requests
    return dg.SkipReason(" ".join(plan.reasons) or f"Every day up to {day} is final.")


@dg.schedule(
    name="sweep_recent_days_schedule",
    job=daily_buckets_job,
    cron_schedule="17 * * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Hourly: compare EVENTFLOW_CHANGES_SWEEP_DAYS days with their facts and mark those that changed; the "
    "sensor asks for their runs. Never requests a run of its job: the sensor asks for the marked days together with "
    "those of its own, so that no day has two runs, and the comparison takes a tick's time.",
)
def sweep_recent_days_schedule(sweep_warehouse: Warehouse) -> dg.SkipReason:
    """Finds edits, deletions and late dimension rows that no look-back and no created_at names."""
    return dg.SkipReason(_found(detect_changes(sweep_warehouse.engine, sweep_warehouse.settings, Scope.SWEEP)))


@dg.op(description="Compare every day with its facts and mark those that changed; the sensor asks for their runs.")
def compare_all_days(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """The whole history, which may take minutes and so is a run."""
    context.log.info(_found(detect_changes(warehouse.engine, warehouse.settings, Scope.ALL)))


@dg.job(description="Compare every day with its facts and mark those that changed; the sensor asks for their runs.")
def sweep_all_days_job() -> None:
    """See ``compare_all_days``."""
    compare_all_days()


sweep_all_days_schedule = dg.ScheduleDefinition(
    name="sweep_all_days_schedule",
    job=sweep_all_days_job,
    cron_schedule="20 3 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: compare every day there is with its facts; what nothing else notices is found here.",
)
