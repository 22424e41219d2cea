"""Closed months (docs/closing.md): how each stands, adjustments recorded, the chain of hashes checked."""

from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from eventflow_pipeline.defs.catalog import bucket_key
from eventflow_pipeline.defs.dagster_internals.private import log_evaluation
from eventflow_pipeline.defs.definition_time import START_DATE, TIMEZONE
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.defs.sources import OWNERS
from eventflow_pipeline.domain.days import local_date
from eventflow_pipeline.domain.grains import BY_NAME
from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.warehouse.closing.adjustments import record_adjustments
from eventflow_pipeline.warehouse.closing.chain import Head, check_chain
from eventflow_pipeline.warehouse.closing.closings import months_since, observe

KEY = dg.AssetKey("closed_months")
#: Months that lie wholly within the daily partitions; the first of a month that the first partition is inside is not.
_FIRST = START_DATE if START_DATE.day == 1 else Month(START_DATE.replace(day=1)).days.last + timedelta(days=1)
MONTHLY = dg.MonthlyPartitionsDefinition(start_date=_FIRST.isoformat(), timezone=TIMEZONE)
#: Materializations whose head of the chain must still be there.
_REMEMBERED = 400
_MOST_ROWS = 20


#: Written by the job below and by nothing else: an asset of months among assets of days would be asked for days by
#: *Materialize all*.
closed_months = dg.AssetSpec(
    KEY,
    deps=[bucket_key(BY_NAME[grain]) for grain in ("client", "campaign", "link")],
    partitions_def=MONTHLY,
    group_name="closing",
    kinds={"postgres"},
    owners=OWNERS,
    description="Months that are closed: green where somebody closed them for a client. Closing needs an author and is "
    "done by `eventflow close --month YYYY-MM --author NAME`, never here: closed_months_job shows how a month stands, "
    "changes no closed figure and leaves a month that is not closed as it is. What changed in closed months since is "
    "recorded as adjustments.",
)


@dg.asset_check(
    asset=KEY,
    name="chain",
    description="Every hash of the chain of closed months is that of what its entry holds and of the entry before, and "
    "the entries that earlier runs saw are still there: what was changed behind the chain's back is found.",
)
def closings_chain(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
    """The whole chain, computed anew."""
    found = _checked(context.instance, warehouse)
    return dg.AssetCheckResult(
        passed=found.passed, severity=found.severity, description=found.description, metadata=found.metadata
    )


@dg.op(description="Record adjustments of closed months, show how one stands, and check the chain of hashes.")
def observe_closed_months(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Show how the run's month stands; one that is closed for nobody is left without a materialization."""
    month = Month(date.fromisoformat(context.partition_key))
    recorded = record_adjustments(warehouse.engine, warehouse.settings)
    waiting = f"; wait for their days: {', '.join(map(str, recorded.waiting))}" if recorded.waiting else ""
    context.log.info(f"{recorded.entries} adjustments recorded{waiting}")
    observed, newest = observe(warehouse.engine, month)
    if observed.closed:
        shown: dict[str, Any] = {
            "clients_closed": observed.closed,
            "clients_reopened": observed.reopened,
            "hits": observed.hits,
            "conversions": observed.conversions,
            "adjustments": observed.adjustments,
            "chain_entry": newest.entry_no,
            "chain_hash": newest.hash,
        }
        context.log_event(dg.AssetMaterialization(KEY, partition=context.partition_key, metadata=shown))
    else:
        context.log.info(f"{month} is closed for nobody: eventflow close --month {month} --author NAME")
    log_evaluation(context, _checked(context.instance, warehouse))


def _checked(instance: dg.DagsterInstance, warehouse: Warehouse) -> dg.AssetCheckEvaluation:
    """The whole chain, computed anew."""
    newest, tampered = check_chain(warehouse.engine, _remembered(instance))
    rows = [*map(str, tampered)]
    more = f", and {len(rows) - _MOST_ROWS} more" if len(rows) > _MOST_ROWS else ""
    return dg.AssetCheckEvaluation(
        check_name="chain",
        asset_key=KEY,
        passed=not rows,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(rows[:_MOST_ROWS]) + more if rows else f"{newest.entry_no} entries",
        metadata={"entries": dg.MetadataValue.int(newest.entry_no), "wrong": dg.MetadataValue.int(len(rows))},
    )


def _remembered(instance: dg.DagsterInstance) -> list[Head]:
    """The heads of the chain that materializations have seen: they are kept in another database than the chain."""
    records = instance.fetch_materializations(KEY, limit=_REMEMBERED).records
    seen = [record.asset_materialization.metadata for record in records if record.asset_materialization]
    return [
        Head(int(str(known["chain_entry"].value)), str(known["chain_hash"].value))
        for known in seen
        if "chain_entry" in known
    ]


@dg.job(
    partitions_def=MONTHLY,
    description="Record adjustments of closed months, show how one stands, and check the chain of hashes.",
)
def closed_months_job() -> None:
    """See ``observe_closed_months``."""
    observe_closed_months()


@dg.schedule(
    name="closed_months_schedule",
    job=closed_months_job,
    cron_schedule="50 4 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At night: the month before, and months that were closed, adjusted or reopened since the day before; "
    "with the check of the chain.",
)
def closed_months_schedule(
    context: dg.ScheduleEvaluationContext, tick_warehouse: Warehouse
) -> list[dg.RunRequest] | dg.SkipReason:
    """A run a month; none while no month is over."""
    at: datetime = context.scheduled_execution_time
    before = local_date(at, tick_warehouse.settings.zone).replace(day=1) - timedelta(days=1)
    last = Month(before.replace(day=1))
    if last.first < _FIRST:
        return dg.SkipReason("no month is over yet")
    months = {last, *months_since(tick_warehouse.engine, at - timedelta(days=2))}
    return [
        dg.RunRequest(run_key=f"closed_months:{at.isoformat()}:{month}", partition_key=month.first.isoformat())
        for month in sorted(months)
    ]
