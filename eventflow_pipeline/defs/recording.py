"""How a run over days records them: each day with its numbers, and what was finished also when the run is not."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from eventflow_pipeline.warehouse.days.range_replacement import FailedDay
from eventflow_pipeline.warehouse.db.engine import reason

#: Tags of a run that goes on where its parent failed.
_RESUMES = frozenset({"dagster/is_resume_retry", "dagster/is_asset_resume_retry", "dagster/retry_number"})


@dataclass(frozen=True, slots=True)
class FinishedDay:
    """A replaced day: a line for the log, and what each asset of the step shows of it."""

    day: date
    summary: str
    metadata: Mapping[dg.AssetKey, Mapping[str, Any]]


def resumed_runs(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """Ids of the runs that ``run`` goes on with: a retry after a crash, or *Re-execute from failure*, and what that one
    went on with. None for *Re-execute all*: that is to compute everything again.
    """
    found: list[str] = []
    at: dg.DagsterRun | None = run
    while at and at.parent_run_id and _RESUMES & at.tags.keys():
        found.append(at.parent_run_id)
        at = instance.get_run_by_id(at.parent_run_id)
    return found


def record_days(
    context: dg.AssetExecutionContext,
    assets: Sequence[dg.AssetKey],
    outcomes: Iterable[FinishedDay | FailedDay],
    kept: str,
    follow_up: Callable[[Sequence[date]], None] | None = None,
) -> Iterator[dg.MaterializeResult[None]]:
    """Record the days of a step as they come out of ``outcomes``, and yield what Dagster waits for.

    A failing day does not lose the finished ones, nor does a run that is cancelled, or what ``outcomes`` does after
    the last day: finished days are recorded as materialized before the run ends, so re-executing from failure runs
    what is left. ``assets``: all of the step, each after those it depends on, as Dagster wants them. ``kept``: what of
    a failing day stays as it was. ``follow_up`` is called with the finished days, oldest first, of a step that fails:
    the steps behind it will not be started. A run that is cancelled follows nothing up; ``finish_days_sensor`` does.

    Raises:
        dg.Failure: some days failed; it names them.
    """
    asked = len(context.partition_keys)
    done: list[FinishedDay] = []
    failed: list[FailedDay] = []
    try:
        for outcome in outcomes:
            if isinstance(outcome, FailedDay):
                failed.append(outcome)
                context.log.error(f"{outcome.day} failed: {reason(outcome.problem)}")
            else:
                done.append(outcome)
                context.log.info(f"{outcome.day}: {outcome.summary} ({len(done)} of {asked} days)")
        if failed:
            failed.sort(key=lambda outcome: outcome.day)
            names = ", ".join(str(outcome.day) for outcome in failed)
            raise dg.Failure(
                f"{len(failed)} of {asked} days failed and kept their old {kept}: {names}",
                metadata={str(outcome.day): reason(outcome.problem) for outcome in failed[:20]},
            ) from failed[0].problem
    except BaseException as problem:
        log_days(context, done)
        if done and follow_up and isinstance(problem, Exception):
            try:
                follow_up(sorted(outcome.day for outcome in done))
            except Exception as another:
                context.log.error(f"What follows on the finished days failed, too: {reason(another)}")
        raise
    for outcome in done:
        for key, metadata in outcome.metadata.items():
            context.add_asset_metadata(dict(metadata), asset_key=key, partition_key=outcome.day.isoformat())
    for key in assets:
        yield dg.MaterializeResult(asset_key=key)


def log_days(context: dg.AssetExecutionContext, outcomes: Iterable[FinishedDay | FailedDay]) -> None:
    """Record days as materialized one by one, where the step as a whole does not count as done."""
    for outcome in outcomes:
        if isinstance(outcome, FailedDay):
            context.log.error(f"{outcome.day} failed: {reason(outcome.problem)}")
            continue
        for key, metadata in outcome.metadata.items():
            context.log_event(dg.AssetMaterialization(key, partition=outcome.day.isoformat(), metadata=dict(metadata)))
