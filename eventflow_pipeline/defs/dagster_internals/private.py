"""What Dagster offers no public API for: pruning its own history, and checks of partitions in range runs. Tests fail
when these stop working.

Dagster keeps runs, events, check executions and (but for its own retention of ticks) ticks for ever, and deleting a
run leaves its check executions behind.

In a range run (and in every backfill) it records one result of a check without a partition, and the user interface
then shows every partition as skipped. An evaluation logged as an event with its partition, aimed at the partition's
latest materialization, is counted as it should be; one aimed elsewhere is not counted at all.

It paints a check red or amber by the severity of what was evaluated last, whatever the partition, where that was aimed
at the asset's newest materialization; and red where it was not.

It records the partitions of a step when the step ends, all at once, with metadata that is collected in a time that
grows with their square. A materialization that the step yields is recorded at once.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.definitions.assets.definition.asset_spec import AssetExecutionType
from dagster._core.definitions.data_version import NULL_EVENT_POINTER, get_input_event_pointer_tag
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster._core.execution.plan.execute_step import _get_output_asset_events
from dagster._core.scheduler.instigation import TickStatus
from dagster._serdes import deserialize_value
from sqlalchemy import Connection, String, bindparam

from eventflow_pipeline.warehouse.db.sql import statement

_LATEST = statement("storage/dagster/select_latest_materializations").bindparams(
    # Of which type an empty list is nobody could tell.
    bindparam("asset_list", type_=String, expanding=True),
    bindparam("partition_list", type_=String, expanding=True),
)
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


def delete_superseded_observations(instance: dg.DagsterInstance, before: datetime) -> int:
    """Remove observations from before ``before`` (aware) that no run made and that a later one follows; returns how
    many. Dagster has a retention of none of its events.
    """
    with _storage(instance) as connection:
        deleted = connection.execute(
            statement("storage/dagster/delete_superseded_observations"),
            {"before": before.astimezone(UTC).replace(tzinfo=None)},
        )
        return int(deleted.rowcount)


def purge_ticks(instance: dg.DagsterInstance, before: datetime) -> None:
    """Remove ticks from before ``before`` that did their work or had none; failed ones are Dagster's to keep."""
    for state in instance.all_instigator_state():
        instance.purge_ticks(
            state.instigator_origin_id,
            state.selector_id,
            before.timestamp(),
            [TickStatus.SKIPPED, TickStatus.SUCCESS],
        )


@dataclass(frozen=True, slots=True)
class Materializations:
    """Event ids of an asset's materializations: the latest of each partition that was asked for, and of any."""

    by_partition: Mapping[str, int]
    newest: int | None


def latest_materializations(
    instance: dg.DagsterInstance, assets: Iterable[dg.AssetKey], partitions: Iterable[str]
) -> dict[dg.AssetKey, Materializations]:
    """The latest materializations of each asset. Dagster's own reads ask twice for every asset."""
    keys = {asset.to_string(): asset for asset in assets}
    by_partition: dict[str, dict[str, int]] = {name: {} for name in keys}
    newest: dict[str, int] = {}
    with _storage(instance) as connection:
        for row in connection.execute(_LATEST, {"asset_list": [*keys], "partition_list": [*partitions]}):
            if row.partition is None:
                newest[row.asset_key] = row.id
            else:
                by_partition[row.asset_key][row.partition] = row.id
    return {asset: Materializations(by_partition[name], newest.get(name)) for name, asset in keys.items()}


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


def provenance_tags(context: dg.AssetExecutionContext, asset: dg.AssetKey) -> dict[str, str]:
    """Tags that say what a materialization of an asset of the step is made from, as Dagster sets them.

    Data versions of what it depends on are those recorded by now: also of assets of the same step. Of these alone
    Dagster is not told up to which event: the one of a partition's own day may be still to come, and it would take
    the day for made from something older.
    """
    step = context.get_step_execution_context()
    output = step.op_def.output_def_named(context.assets_def.get_output_name_for_asset_key(asset))
    (event,) = _get_output_asset_events(
        asset, (), dg.Output(None, output.name), output, {}, step, AssetExecutionType.MATERIALIZATION
    )
    unknown = {get_input_event_pointer_tag(key): NULL_EVENT_POINTER for key in context.assets_def.keys}
    tags = dict(event.tags or {})
    return tags | {tag: value for tag, value in unknown.items() if tag in tags}


def recorded(asset: dg.AssetKey) -> dg.MaterializeResult[None]:
    """Tells Dagster that a step is done with an asset whose partitions it has recorded one by one itself.

    Dagster would record every partition of the run once more, at the end of the step.
    """
    return dg.MaterializeResult(asset_key=asset, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a check says of partitions: one line, and values to show."""

    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, Any]


def log_check(
    context: CheckContext,
    check: dg.AssetCheckKey,
    partition: str | None,
    materialization: int | None,
    evaluation: Evaluation,
) -> None:
    """Log an evaluation, of a partition and aimed at a materialization (an event id) where there are such."""
    log_evaluation(context.op_execution_context, _evaluated(context, check, partition, materialization, evaluation))


def log_evaluation(context: dg.OpExecutionContext, evaluation: dg.AssetCheckEvaluation) -> None:
    """Log an evaluation as an event of the step, which Dagster takes, though it announces others alone."""
    context.log_event(evaluation)  # type: ignore[arg-type]


def store_checks(
    context: CheckContext,
    evaluations: Sequence[tuple[dg.AssetCheckKey, Evaluation, Mapping[str, int | None]]],
) -> None:
    """Store evaluations, each for many partitions (with the event id of the materialization it is about).

    Where Dagster's storage is ours they are no events: each partition has its status, and the run's page stays short.
    """
    store = getattr(context.instance.event_log_storage, "store_evaluations", None)
    if store is None:
        for check, evaluation, partitions in evaluations:
            for partition, materialization in partitions.items():
                log_check(context, check, partition, materialization, evaluation)
        return
    step = context.get_step_execution_context()
    entries = []
    for check, evaluation, partitions in evaluations:
        partition, materialization = next(iter(partitions.items()))
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
            job_name=step.job_name,
            step_handle=step.step.handle,
            node_handle=step.step.node_handle,
            step_kind_value=step.step.kind.value,
            logging_tags=step.event_tags,
            event_specific_data=_evaluated(context, check, partition, materialization, evaluation),
        )
        entry = dg.EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=logging.DEBUG,
            user_message="",
            run_id=context.run.run_id,
            timestamp=time.time(),
            step_key=step.step.key,
            job_name=step.job_name,
            dagster_event=event,
        )
        entries.append((entry, partitions))
    store(entries)


def _evaluated(
    context: CheckContext,
    check: dg.AssetCheckKey,
    partition: str | None,
    materialization: int | None,
    evaluation: Evaluation,
) -> dg.AssetCheckEvaluation:
    target = None
    if materialization is not None:
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=materialization, run_id=context.run.run_id, timestamp=time.time()
        )
    return dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        partition=partition,
        passed=evaluation.passed,
        severity=evaluation.severity,
        description=evaluation.description,
        metadata=evaluation.metadata,
        target_materialization_data=target,
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
