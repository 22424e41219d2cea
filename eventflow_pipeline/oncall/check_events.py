"""Keeps ``stats.failed_check`` as Dagster's events of check evaluations say; the condition is made from it."""

import re
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.partition_tags import tagged_days
from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.warehouse.alerts import failed_checks as check_store
from eventflow_pipeline.warehouse.alerts.failed_checks import FailedCheck

_MOST_DETAIL = 240
_CLIENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read_check_events(instance: dg.DagsterInstance, engine: Engine, cursor: int | None, most: int = 500) -> int | None:
    """Note failed checks and delete those that pass now, from the events after ``cursor``; returns the new cursor.

    Without a cursor history is not replayed: it begins at the newest event. The rows are committed before the
    caller can store the cursor, so a crash reads events twice and loses none.
    """
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    if cursor is None:
        newest = instance.get_event_records(dg.EventRecordsFilter(kind), limit=1)
        return newest[0].storage_id if newest else 0
    records = instance.get_event_records(dg.EventRecordsFilter(kind, after_cursor=cursor), limit=most, ascending=True)
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is not None and isinstance(event.event_specific_data, dg.AssetCheckEvaluation):
            _note(instance, engine, record.run_id, event.event_specific_data, record.timestamp)
    return records[-1].storage_id if records else cursor


def _note(
    instance: dg.DagsterInstance, engine: Engine, run_id: str, result: dg.AssetCheckEvaluation, at: float
) -> None:
    """Keep ``stats.failed_check`` as the newest evaluation says.

    A run reports each failing day by itself, and then a summary without a partition: what it did not report as failing
    passes.
    """
    asset, check = result.asset_key.to_user_string(), result.check_name
    run = instance.get_run_by_id(run_id) if result.partition is None else None
    days = tagged_days(run.tags) if run else None
    if days is not None:
        check_store.passed(engine, asset, check, [day.isoformat() for day in days], run_id)
    elif result.passed:
        check_store.passed(engine, asset, check, [result.partition or ""], "")
    else:
        check_store.failed(engine, _failures(result, run_id, datetime.fromtimestamp(at, UTC)))


def _failures(result: dg.AssetCheckEvaluation, run_id: str, at: datetime) -> list[FailedCheck]:
    """What the evaluation found, the worst first for each client its rows name; else as one, about everybody.

    Of what is wrong with single clients the whole is wrong, too, and is not told beside them.
    """
    severity = Severity.WARN if result.severity is dg.AssetCheckSeverity.WARN else Severity.ERROR
    asset, partition = result.asset_key.to_user_string(), result.partition or ""
    table = result.metadata.get("first")
    rows = [record.data for record in table.records] if isinstance(table, dg.TableMetadataValue) else []
    found: dict[str, FailedCheck] = {}
    for row in rows:
        client, said = str(row.get("client_id", "")), row.get("said")
        if not said:
            continue
        client = client if _CLIENT.fullmatch(client) else ""
        detail = redact(str(said)[:_MOST_DETAIL])
        # A day may be judged milder than its rows: what is lost for good and old is a warning.
        worst = severity if severity is Severity.WARN else Severity(str(row["severity"]))
        failure = FailedCheck(asset, result.check_name, partition, worst, run_id, at, detail, client)
        found.setdefault(client, failure)
    if len(found) > 1:
        found.pop("", None)
    detail = redact((result.description or "").removeprefix(f"{partition}: ")[:_MOST_DETAIL])
    return [*found.values()] or [FailedCheck(asset, result.check_name, partition, severity, run_id, at, detail)]
