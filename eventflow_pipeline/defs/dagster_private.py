"""The one place that uses what Dagster does not promise to keep; ``test_dagster_private`` fails when it changes.

In a range run (and in every backfill) Dagster records one result of a check without a partition, and the user
interface then shows every partition as skipped. An evaluation logged as an event with its partition, aimed at the
partition's latest materialization, is counted as it should be; one aimed elsewhere is not counted at all.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData


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
        dg.AssetCheckEvaluation(
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
