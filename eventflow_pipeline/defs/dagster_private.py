"""What Dagster 1.13 offers no public API for: pruning its own history, and checks of partitions in range runs. Tests
hold the version these were read in, and fail when they stop working.

Dagster keeps runs, events, check executions and (but for its own retention of ticks) ticks for ever, and deleting a
run leaves its check executions behind.

In a range run (and in every backfill) it records one result of a check without a partition, and the user interface
then shows every partition as skipped. An evaluation logged as an event with its partition, aimed at the partition's
latest materialization, is counted as it should be; one aimed elsewhere is not counted at all.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.scheduler.instigation import TickStatus
from sqlalchemy import Connection

from eventflow_pipeline.warehouse.sql_files import statement

#: Minor version of Dagster whose tables and calls are used here.
VERIFIED_WITH = "1.13"


def superseded_runs(instance: dg.DagsterInstance, before: datetime, most: int) -> list[str]:
    """Ids, oldest first, of automatic runs from before ``before`` (aware) whose every result has a later one.

    Without them every partition and every check still has the status it has. Only on a Postgres storage.
    """
    with _storage(instance) as connection:
        found = connection.execute(
            statement("retention/select_superseded_runs"),
            {"before": before.astimezone(UTC).replace(tzinfo=None), "most": most},
        )
        return [row.run_id for row in found]


def delete_orphaned_check_executions(instance: dg.DagsterInstance) -> int:
    """Remove the check executions of deleted runs; returns how many."""
    with _storage(instance) as connection:
        return int(connection.execute(statement("retention/delete_orphaned_check_executions")).rowcount)


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


def log_partition_check(
    context: dg.AssetCheckExecutionContext,
    check: dg.AssetCheckKey,
    partition: str,
    materialization: int,
    *,
    passed: bool,
    severity: dg.AssetCheckSeverity,
    description: str,
    metadata: Mapping[str, Any],
) -> None:
    """Record the outcome of ``check`` for one partition of a range run."""
    context.op_execution_context.log_event(
        dg.AssetCheckEvaluation(  # type: ignore[arg-type]  # taken, though not announced
            asset_key=check.asset_key,
            check_name=check.name,
            partition=partition,
            passed=passed,
            severity=severity,
            description=description,
            metadata=metadata,
            target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                storage_id=materialization, run_id=context.run.run_id, timestamp=time.time()
            ),
        )
    )


def _storage(instance: dg.DagsterInstance) -> AbstractContextManager[Connection]:
    """A connection to Dagster's own database."""
    connected: AbstractContextManager[Connection] = instance.event_log_storage.index_connection()  # type: ignore[attr-defined]
    return connected
