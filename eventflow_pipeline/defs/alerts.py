"""Sensors that notify people (F1): they poll every EVENTFLOW_ALERTS_INTERVAL_SECONDS and are on by default.

Two, so that each notices when the other fails. A dead daemon is noticed by ``eventflow probe`` from outside.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from eventflow_pipeline.defs.definition_time import ALERTS_SECONDS
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.domain.conditions import Condition
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall import away
from eventflow_pipeline.oncall.alerts import notify, notify_reachable, notify_unreachable
from eventflow_pipeline.oncall.check_events import read_check_events
from eventflow_pipeline.oncall.conditions import SOURCES, Source, check_failed, due, poll, run_failed, tick_failed
from eventflow_pipeline.settings import Settings, load_settings


def _report(engine: Engine, settings: Settings, seen: Mapping[str, list[Condition]], now: datetime) -> dg.SkipReason:
    report = notify(engine, settings, seen, now)
    return dg.SkipReason(str(report) if report else "another process is notifying people at this moment")


@dg.sensor(
    name="conditions_sensor",
    description="Polls for what people must be notified of (deficit of visits, stale days, late detection, ...) and "
    "notifies of each incident once when it begins and when it ends, and daily of all that are open.",
    minimum_interval_seconds=ALERTS_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def conditions_sensor(context: dg.SensorEvaluationContext, alert_warehouse: Warehouse) -> dg.SensorResult:
    """One poll of every source of conditions that is due; the cursor keeps when each was polled."""
    return poll_conditions(context.instance, alert_warehouse, context.cursor, datetime.now(UTC))


def poll_conditions(
    instance: dg.DagsterInstance, warehouse: Warehouse, kept: str | None, now: datetime
) -> dg.SensorResult:
    """What the sensor does at ``now`` (UTC), given the cursor that its last tick ``kept``."""
    cursor: dict[str, Any] = json.loads(kept or "{}")
    outage = away.outage(instance)
    try:
        engine, settings = warehouse.unchecked_engine, warehouse.settings
        sources = due(SOURCES, cursor.get("polled", {}), now)
        reason = _report(engine, settings, poll(engine, settings, now, sources), now)
        cursor["polled"] = cursor.get("polled", {}) | {source.name: now.timestamp() for source in sources}
        if outage:
            away.keep(instance, None, now, notify_reachable(settings, outage, "sensor", now))
    except UserError as problem:  # no database, no incidents: notify without it
        away.keep(instance, None, now, notify_unreachable(load_settings(), str(problem), outage, "sensor", now))
        reason = dg.SkipReason(str(problem))
    return dg.SensorResult(skip_reason=reason, cursor=json.dumps(cursor))


@dg.sensor(
    name="dagster_failures_sensor",
    description="Notifies people of failed runs, failed ticks and failed asset checks, grouped by job, by sensor or "
    "schedule, and by check; Dagster itself alerts nobody.",
    minimum_interval_seconds=ALERTS_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def dagster_failures_sensor(context: dg.SensorEvaluationContext, alert_warehouse: Warehouse) -> dg.SensorResult:
    """One poll of what Dagster recorded; the cursor is the newest check evaluation read."""
    return poll_dagster(context.instance, alert_warehouse, context.cursor, datetime.now(UTC))


def poll_dagster(
    instance: dg.DagsterInstance, warehouse: Warehouse, kept: str | None, now: datetime
) -> dg.SensorResult:
    """What the sensor does at ``now`` (UTC), given the cursor that its last tick ``kept``.

    One of its sources that fails is told and hides none of the others: nobody else looks at failing ticks.
    """
    engine, settings = warehouse.unchecked_engine, warehouse.settings
    cursor = int(kept) if kept else None

    def checks(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
        nonlocal cursor
        cursor = read_check_events(instance, engine, cursor)
        return check_failed.conditions(engine, settings, now)

    sources = (
        Source("checks", checks),
        Source("runs", lambda *_: run_failed.conditions(instance, now)),
        Source("ticks", lambda *_: tick_failed.conditions(instance, now)),
    )
    reason = _report(engine, settings, poll(engine, settings, now, sources), now)
    return dg.SensorResult(skip_reason=reason, cursor=None if cursor is None else str(cursor))


ALERT_SENSORS = [conditions_sensor, dagster_failures_sensor]
