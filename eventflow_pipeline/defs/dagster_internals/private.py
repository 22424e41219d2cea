"""What Dagster offers no public API for: pruning its own history, and checks of partitions in range runs. Tests fail
when these stop working.

Dagster keeps runs, events, check executions and (but for its own retention of ticks) ticks for ever, and deleting a
run leaves its check executions behind.

In a range run (and in every backfill) it records one result of a check without a partition, and the user interface
then shows every partition as skipped. An evaluation logged as an event with its partition, aimed at the partition's
latest materialization, is counted as it should be; one aimed elsewhere is not counted at all.

It paints a check red or amber by the severity of what was evaluated last, whatever the partition, where that was aimed
at the asset's newest materialization; and red where it was not.
"""

import time
from collections.abc import Iterable, Mapping, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.scheduler.instigation import TickStatus
from dagster._serdes import deserialize_value
from sqlalchemy import Connection

from eventflow_pipeline.warehouse.db.sql import statement

#: Of a step that records results of checks: of a step of checks, or of an asset that has them evaluated.
CheckContext = dg.AssetCheckExecutionContext | dg.AssetExecutionContext


@dataclass(frozen=True, slots=True)
class FailingPartition:
    """A partition for which a check fails, by what was recorded last."""

    check: dg.AssetCheckKey
    partition: str
    severity: dg.AssetCheckSeverity
    description: str


def superseded_runs(instance: dg.DagsterInstance, before: datetime, most: int) -> list[str]:
    """Ids, oldest first, of automatic runs from before ``before`` (aware) whose every result has a later one.

    Without them every partition and every check still has the status it has. Only on a Postgres storage.
    """
    with _storage(instance) as connection:
        found = connection.execute(
            statement("storage/dagster/select_superseded_runs"),
            {"before": before.astimezone(UTC).replace(tzinfo=None), "most": most},
        )
        return [row.run_id for row in found]


def delete_orphaned_check_executions(instance: dg.DagsterInstance) -> int:
    """Remove the check executions of deleted runs; returns how many."""
    with _storage(instance) as connection:
        return int(connection.execute(statement("storage/dagster/delete_orphaned_check_executions")).rowcount)


def purge_ticks(instance: dg.DagsterInstance, before: datetime) -> None:
    """Remove ticks from before ``before`` that did their work or had none; failed ones are Dagster's to keep."""
    for state in instance.all_instigator_state():
        instance.purge_ticks(
            state.instigator_origin_id,
            state.selector_id,
            before.timestamp(),
            [TickStatus.SKIPPED, TickStatus.SUCCESS],
        )


def latest_materializations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Iterable[str]
) -> Mapping[str, int]:
    """Event ids of the latest materialization of each partition that has one."""
    return instance.get_latest_storage_id_by_partition(
        asset, dg.DagsterEventType.ASSET_MATERIALIZATION, set(partitions)
    )


def last_recorded(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Iterable[str]
) -> dict[str, tuple[str, datetime]]:
    """The run (empty: none) and the time (UTC) of each partition's latest materialization, where it has one."""
    with _storage(instance) as connection:
        rows = connection.execute(
            statement("storage/dagster/select_last_recorded"),
            {"asset": asset.to_string(), "partitions": list(partitions)},
        )
        return {row.partition: (row.run_id, row.timestamp.replace(tzinfo=UTC)) for row in rows}


def newest_materializations(instance: dg.DagsterInstance, assets: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, int]:
    """Event id of the newest materialization, of any partition, of each asset that has one."""
    entries = [record.asset_entry for record in instance.get_asset_records([*assets])]
    return {entry.asset_key: newest for entry in entries if (newest := entry.last_materialization_storage_id)}


def log_check(
    context: CheckContext,
    check: dg.AssetCheckKey,
    partition: str | None,
    materialization: int | None,
    *,
    passed: bool,
    severity: dg.AssetCheckSeverity,
    description: str,
    metadata: Mapping[str, Any],
) -> None:
    """Record an outcome of ``check`` for one partition, or (None) for all of them, as part of the run."""
    target = None
    if materialization is not None:
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=materialization, run_id=context.run.run_id, timestamp=time.time()
        )
    context.op_execution_context.log_event(
        dg.AssetCheckEvaluation(  # type: ignore[arg-type]  # taken, though not announced
            asset_key=check.asset_key,
            check_name=check.name,
            partition=partition,
            passed=passed,
            severity=severity,
            description=description,
            metadata=metadata,
            target_materialization_data=target,
        )
    )


def failing_partitions(instance: dg.DagsterInstance) -> list[FailingPartition]:
    """What the user interface counts as failing: the newest evaluation of a partition as it is materialized now."""
    with _storage(instance) as connection:
        rows = connection.execute(statement("storage/dagster/select_failing_partitions")).all()
    found = []
    for row in rows:
        event = deserialize_value(row.evaluation_event, dg.EventLogEntry).get_dagster_event()
        evaluation = event.asset_check_evaluation_data
        found.append(
            FailingPartition(
                evaluation.asset_check_key, row.partition, evaluation.severity, evaluation.description or ""
            )
        )
    return found


def forget_planned_checks(context: CheckContext) -> None:
    """Have the run's results without a partition stored after those of its days, as in runs of partitions.

    Dagster notes an intended evaluation when it creates a run, and takes for the newest what has the highest id. Of a
    run without partitions the intention has none either, and its result would stay before those of the days.
    """
    with _storage(context.instance) as connection:
        connection.execute(statement("storage/dagster/delete_planned_checks"), {"run_id": context.run.run_id})


def output_of(context: dg.AssetCheckExecutionContext, check: dg.AssetCheckKey) -> str:
    """Name of the output by which the step says that it has evaluated a check."""
    return str(context.op_execution_context.assets_def.get_spec_for_check_key(check).get_python_identifier())


def planned_in(context: CheckContext) -> tuple[Set[dg.AssetKey], Set[dg.AssetCheckKey]]:
    """Assets that the steps of the run materialize, and the checks they evaluate."""
    plan = context.instance.get_execution_plan_snapshot(context.run.execution_plan_snapshot_id or "")
    outputs = [
        output.properties
        for step in plan.steps
        if step.key in plan.step_keys_to_execute
        for output in step.outputs
        if output.properties
    ]
    return (
        {of.asset_key for of in outputs if of.asset_key},
        {of.asset_check_key for of in outputs if of.asset_check_key},
    )


def _storage(instance: dg.DagsterInstance) -> AbstractContextManager[Connection]:
    """A connection to Dagster's own database."""
    connected: AbstractContextManager[Connection] = instance.event_log_storage.index_connection()  # type: ignore[attr-defined]
    return connected
