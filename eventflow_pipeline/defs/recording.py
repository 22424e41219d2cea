"""How a run over days records them: each day with its numbers, and what was finished also when the run is not."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from eventflow_pipeline.defs.dagster_internals.private import provenance_tags, recorded
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay
from eventflow_pipeline.warehouse.db.engine import reason

#: What a step over days yields.
Recorded = dg.AssetMaterialization | dg.MaterializeResult[None]
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
) -> Iterator[Recorded]:
    """Record the days of a step as they come out of ``outcomes``, and yield what Dagster waits for.

    Each day is recorded as materialized when it ends: a failing day does not lose the finished ones, nor does a run
    that is cancelled or killed, or what ``outcomes`` does after the last day; re-executing from failure runs what is
    left. ``assets``: all of the step, each after those it depends on. ``kept``: what of a failing day stays as it was.
    ``follow_up`` is called with the finished days, oldest first, of a step that fails: the steps behind it will not
    be started. A run that is cancelled follows nothing up; ``finish_days_sensor`` does.

    Raises:
        dg.Failure: some days failed; it names them.
    """
    asked = len(context.partition_keys)
    tags: dict[dg.AssetKey, Mapping[str, str]] = {}
    done: list[date] = []
    failed: list[FailedDay] = []
    try:
        for outcome in outcomes:
            if isinstance(outcome, FailedDay):
                failed.append(outcome)
                context.log.error(f"{outcome.day} failed: {reason(outcome.problem)}")
            else:
                done.append(outcome.day)
                context.log.info(f"{outcome.day}: {outcome.summary} ({len(done)} of {asked} days)")
                for key in assets:
                    if key not in tags:
                        tags[key] = provenance_tags(context, key)
                    yield _materialization(outcome, key, tags[key])
        if failed:
            failed.sort(key=lambda outcome: outcome.day)
            names = ", ".join(str(outcome.day) for outcome in failed)
            raise dg.Failure(
                f"{len(failed)} of {asked} days failed and kept their old {kept}: {names}. "
                f"{failed[0].day}: {reason(failed[0].problem)}",
                metadata={str(outcome.day): reason(outcome.problem) for outcome in failed[:20]},
                allow_retries=False,
            ) from failed[0].problem
    except Exception:
        if done and follow_up:
            try:
                follow_up(sorted(done))
            except Exception as another:
                context.log.error(f"What follows on the finished days failed, too: {reason(another)}")
        raise
    yield from map(recorded, assets)


def _materialization(
    day: FinishedDay, asset: dg.AssetKey, tags: Mapping[str, str] | None = None
) -> dg.AssetMaterialization:
    metadata = dict(day.metadata.get(asset, {}))
    return dg.AssetMaterialization(asset, partition=day.day.isoformat(), metadata=metadata, tags=tags)


def log_days(context: dg.AssetExecutionContext, outcomes: Iterable[FinishedDay | FailedDay]) -> None:
    """Record days as materialized that a step of their own was to record, which now is not started."""
    for outcome in outcomes:
        if isinstance(outcome, FailedDay):
            context.log.error(f"{outcome.day} failed: {reason(outcome.problem)}")
            continue
        for asset in outcome.metadata:
            context.log_event(_materialization(outcome, asset))
