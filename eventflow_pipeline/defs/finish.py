"""Finishing what runs left: a run that failed, was cancelled or killed after its days are computed.

Level-triggered like ``defs.changes``: what is still unfinished at the next poll is asked for again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from eventflow_pipeline.defs.buckets import asset_metadata, daily_buckets_job
from eventflow_pipeline.defs.catalog import QUALITY, SESSION_DAYS
from eventflow_pipeline.defs.changes import plan_limits, run_requests
from eventflow_pipeline.defs.dagster_internals.private import last_recorded
from eventflow_pipeline.defs.quality import QUALITY_KEYS, RAW_KEYS
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.run_tags import MEASURE
from eventflow_pipeline.defs.runs import failed_ranges, measuring_ranges
from eventflow_pipeline.domain.heal import plan_runs
from eventflow_pipeline.warehouse.changes.due_days import underived_days
from eventflow_pipeline.warehouse.days.computed import Computation, computations, stored_totals
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import is_alive

#: What a run does that measures and checks days without computing them.
MEASURED = frozenset({QUALITY})
CHECKED = RAW_KEYS | QUALITY_KEYS


#: Days reported by one tick: each is an event an asset, written one by one.
_REPORTED_AT_ONCE = 50
#: A day that is added to all the time is recorded this often at most, and so often measured and checked.
_RECORDED_EVERY, _MEASURED_EVERY = timedelta(minutes=1), timedelta(minutes=5)
#: Seconds between two looks: nothing that is finished here is waited for as numbers are.
_LOOKS_EVERY = 30


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Computed days that Dagster does not know of, and up to when computations were looked at (None: to none)."""

    events: Sequence[dg.AssetMaterialization]
    days: Sequence[date]
    looked_at: datetime | None


def unrecorded_days(
    instance: dg.DagsterInstance, engine: Engine, since: datetime | None, most: int | None = None
) -> Unrecorded:
    """Days computed after ``since`` (None: ever) that nobody recorded, because the process that would have is gone.

    A run records a day right after it is computed; days of one that is at work are left to it.
    """
    computed = computations(engine, since)
    known = last_recorded(instance, SESSION_DAYS, [c.day.isoformat() for c in computed]) if computed else {}
    lacking: list[date] = []
    looked_at = since
    with connect(engine) as connection:
        at_work = {
            run_id
            for run_id in {c.run_id for c in computed if c.run_id and not _is_known(c, known)}
            if is_alive(connection, run_id)
        }
        waits = False
        for computation in computed:
            if not _is_known(computation, known):
                if len(lacking) == most:
                    break
                if computation.run_id in at_work or _was_just_recorded(computation, known):
                    waits = True
                    continue
                lacking.append(computation.day)
            if not waits:
                looked_at = computation.computed_at
    events = [
        dg.AssetMaterialization(key, partition=totals.day.isoformat(), metadata=metadata)
        for totals in stored_totals(engine, lacking)
        for key, metadata in asset_metadata(totals).items()
    ]
    return Unrecorded(events, sorted(lacking), looked_at)


def _is_known(computation: Computation, known: Mapping[str, tuple[str, datetime]]) -> bool:
    run_id, at = known.get(computation.day.isoformat(), ("", None))
    return at is not None and (run_id == computation.run_id or at >= computation.computed_at)


def _was_just_recorded(computation: Computation, known: Mapping[str, tuple[str, datetime]]) -> bool:
    """Whether a day that is added to all the time was recorded within the minute before."""
    _, at = known.get(computation.day.isoformat(), ("", None))
    return computation.by_delta and at is not None and computation.computed_at - at < _RECORDED_EVERY


@dg.sensor(
    name="finish_days_sensor",
    job=daily_buckets_job,
    minimum_interval_seconds=_LOOKS_EVERY,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ask for the indicators and checks of days where they are of another computation than the stored one: "
    "the run that computed the days failed or was cancelled behind them. The days are not computed again. Days "
    "that are computed and that Dagster does not know of, because who was to record them was killed, are recorded.",
)
def finish_days_sensor(context: dg.SensorEvaluationContext, tick_warehouse: Warehouse) -> dg.SensorResult:
    """One look at what is stored; reads no fact. The cursor is up to when computations are known to be recorded."""
    now = datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else None
    unrecorded = unrecorded_days(context.instance, tick_warehouse.engine, since, _REPORTED_AT_ONCE)
    settings = tick_warehouse.settings
    plan = plan_runs(
        underived_days(tick_warehouse.engine, _MEASURED_EVERY),
        measuring_ranges(context.instance),
        failed_ranges(context.instance, now - timedelta(days=1), [MEASURE]),
        now,
        plan_limits(settings, now),
    )
    requests = [
        request._replace(asset_selection=[*MEASURED], asset_check_keys=sorted(CHECKED))
        for request in run_requests(plan, settings, MEASURE, now)
    ]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None
        if requests
        else dg.SkipReason(" ".join(plan.reasons) or "every computed day is measured and checked"),
        asset_events=list(unrecorded.events),
        cursor=unrecorded.looked_at.isoformat() if unrecorded.looked_at else None,
    )
