"""Finishing what runs left: a run that failed, was cancelled or killed after its days are computed.

Level-triggered like ``defs.changes``: what is still unfinished at the next poll is asked for again.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from eventflow_pipeline.defs.buckets import daily_buckets_job
from eventflow_pipeline.defs.catalog import QUALITY
from eventflow_pipeline.defs.changes import plan_limits, run_requests
from eventflow_pipeline.defs.definition_time import CHANGES_SECONDS
from eventflow_pipeline.defs.quality import QUALITY_KEYS, RAW_KEYS
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.run_tags import MEASURE
from eventflow_pipeline.defs.runs import failed_ranges, measuring_ranges
from eventflow_pipeline.domain.heal import plan_runs
from eventflow_pipeline.warehouse.changes.due_days import underived_days

#: What a run does that measures and checks days without computing them.
MEASURED = frozenset({QUALITY})
CHECKED = RAW_KEYS | QUALITY_KEYS


@dg.sensor(
    name="finish_days_sensor",
    job=daily_buckets_job,
    minimum_interval_seconds=CHANGES_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ask for the indicators and checks of days where they are of another computation than the stored one: "
    "the run that computed the days failed or was cancelled behind them. The days are not computed again.",
)
def finish_days_sensor(context: dg.SensorEvaluationContext, tick_warehouse: Warehouse) -> dg.SensorResult:
    """One look at what is stored; reads no fact."""
    now = datetime.now(UTC)
    settings = tick_warehouse.settings
    plan = plan_runs(
        underived_days(tick_warehouse.engine),
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
    )
