"""Events of Dagster, one of each kind and histories of several, for tests of what is stored of them."""

import itertools
import warnings
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.asset_health.asset_health import AssetHealthStatus
from dagster._core.definitions.events import (
    AssetMaterializationFailure,
    AssetMaterializationFailureReason,
    AssetMaterializationFailureType,
)
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.events import (
    AssetFailedToMaterializeData,
    AssetHealthChangedData,
    AssetMaterializationPlannedData,
    AssetObservationData,
    AssetWipedData,
    DagsterEvent,
    EngineEventData,
    HookErroredData,
    StepExpectationResultData,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.inputs import StepInputData
from dagster._core.execution.plan.objects import StepFailureData, StepSuccessData, TypeCheckData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle
from dagster_shared.error import SerializableErrorInfo

RUN, OTHER = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
_DAILY = dg.DailyPartitionsDefinition(DAYS[0])
_A = dg.AssetKey("a")
_clock = itertools.count(1_700_000_000)


def entry(kind: DagsterEventType | None = None, data: Any = None, run_id: str = RUN, step: str = "s") -> EventLogEntry:
    """An event of a type, or a line of a log; each a second after the one before."""
    return EventLogEntry(
        error_info=None,
        level=20,
        user_message='It\'s "said" 100 %, :so, \\ and a NUL: \0',
        run_id=run_id,
        timestamp=next(_clock) + 0.125,
        step_key=step,
        job_name="job",
        dagster_event=DagsterEvent(kind.value, "job", event_specific_data=data, step_key=step) if kind else None,
    )


def materialized(asset: str, day: str | None = None, run_id: str = RUN) -> EventLogEntry:
    """An asset, or its partition, was materialized; with tags, of which one is indexed."""
    tags = {"dagster/data_version": f"v{day}", "other": "not_indexed"}
    what = dg.AssetMaterialization(asset, partition=day, metadata={"rows": 3}, tags=tags)
    return entry(DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(what, []), run_id)


def planned(asset: str, day: str | None = None, run_id: str = RUN) -> EventLogEntry:
    """A run is going to materialize an asset, or its partition."""
    data = AssetMaterializationPlannedData(dg.AssetKey(asset), partition=day)
    return entry(DagsterEventType.ASSET_MATERIALIZATION_PLANNED, data, run_id)


def check_planned(check: str, days: list[str] | None = None, run_id: str = RUN) -> EventLogEntry:
    """A run is going to evaluate a check, of days or of the whole asset."""
    subset = _DAILY.subset_with_partition_keys(days).to_serializable_subset() if days else None
    data = AssetCheckEvaluationPlanned(asset_key=_A, check_name=check, partitions_subset=subset)
    return entry(DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, data, run_id)


def checked(
    check: str, day: str | None = None, run_id: str = RUN, *, passed: bool = True, target: int | None = None
) -> EventLogEntry:
    """A check was evaluated; ``target`` is the id of the materialization it was about."""
    aimed = target and AssetCheckEvaluationTargetMaterializationData(storage_id=target, run_id=RUN, timestamp=1.5)
    data = dg.AssetCheckEvaluation(
        asset_key=_A, check_name=check, passed=passed, partition=day, target_materialization_data=aimed
    )
    return entry(DagsterEventType.ASSET_CHECK_EVALUATION, data, run_id)


def every_kind() -> list[EventLogEntry]:
    """One event of each type Dagster has, and a line of a log."""
    error = SerializableErrorInfo("it broke", [], "ValueError")
    failure = AssetMaterializationFailure(
        asset_key=_A,
        partition=DAYS[0],
        failure_type=AssetMaterializationFailureType.FAILED,
        reason=AssetMaterializationFailureReason.UNKNOWN,
    )
    change = FreshnessStateChange(
        key=dg.AssetKey("c"),
        new_state=FreshnessState.FAIL,
        previous_state=FreshnessState.PASS,
        state_change_timestamp=1.5,
    )
    health = AssetHealthChangedData(
        asset_key=_A, previous_health_state=AssetHealthStatus.HEALTHY, new_health_state=AssetHealthStatus.DEGRADED
    )
    checked_input = StepInputData(input_name="x", type_check_data=TypeCheckData(True, "x"))
    observed = dg.AssetObservation("b", tags={"dagster/data_version": "seen"})
    with warnings.catch_warnings(action="ignore"):  # deprecated, but still a kind of event
        expectation = StepExpectationResultData(dg.ExpectationResult(True))
    kinds = DagsterEventType
    given: dict[DagsterEventType, Any] = {
        kinds.STEP_OUTPUT: StepOutputData(StepOutputHandle("s", "result")),
        kinds.STEP_INPUT: checked_input,
        kinds.STEP_SUCCESS: StepSuccessData(1.5),
        kinds.STEP_FAILURE: StepFailureData(error, None),
        kinds.STEP_EXPECTATION_RESULT: expectation,
        kinds.HOOK_ERRORED: HookErroredData(error),
        kinds.ASSET_MATERIALIZATION: StepMaterializationData(dg.AssetMaterialization("a"), []),
        kinds.ASSET_OBSERVATION: AssetObservationData(observed),
        kinds.ASSET_MATERIALIZATION_PLANNED: AssetMaterializationPlannedData(_A),
        kinds.ASSET_FAILED_TO_MATERIALIZE: AssetFailedToMaterializeData(failure),
        kinds.ASSET_HEALTH_CHANGED: health,
        kinds.ASSET_WIPED: AssetWipedData(asset_key=_A, partition_keys=None),
        kinds.FRESHNESS_STATE_CHANGE: change,
        kinds.ASSET_CHECK_EVALUATION_PLANNED: AssetCheckEvaluationPlanned(asset_key=_A, check_name="kinds"),
        kinds.ASSET_CHECK_EVALUATION: dg.AssetCheckEvaluation(asset_key=_A, check_name="kinds", passed=True),
    }
    engine = (kinds.ENGINE_EVENT, kinds.STEP_WORKER_STARTING, kinds.STEP_WORKER_STARTED, kinds.RESOURCE_INIT_STARTED)
    engine += (kinds.RESOURCE_INIT_SUCCESS, kinds.RESOURCE_INIT_FAILURE)
    given |= dict.fromkeys(engine, EngineEventData({}))
    return [entry(), *(entry(kind, given.get(kind)) for kind in DagsterEventType)]


def dependent() -> list[EventLogEntry]:
    """Events whose rows depend on each other: of assets in two runs; of checks planned or not, evaluated once or again,
    in runs and outside of them."""
    observed = AssetObservationData(dg.AssetObservation("b"))
    third = "00000000-0000-0000-0000-00000000000c"
    return [
        materialized("b", DAYS[0]),
        planned("a", DAYS[0]),
        materialized("a", DAYS[0]),
        materialized("a", DAYS[1]),
        planned("a", DAYS[2], OTHER),
        entry(DagsterEventType.ASSET_OBSERVATION, observed),
        materialized("b", None, OTHER),
        check_planned("daily", DAYS),
        check_planned("whole"),
        checked("daily", DAYS[0], target=3),
        checked("daily", DAYS[1], passed=False),
        checked("whole", passed=False),
        checked("daily"),
        checked("daily", DAYS[1]),
        checked("daily", DAYS[0], third),
        check_planned("daily", DAYS, OTHER),
        checked("daily", DAYS[0], run_id=""),
        checked("daily", run_id=""),
        checked("daily", run_id="", passed=False),
        checked("daily", DAYS[0], run_id=OTHER, passed=False),
    ]
