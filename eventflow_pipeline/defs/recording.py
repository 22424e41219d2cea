"""How a run over days records them: each day with its numbers, and what was finished also when the run is not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from eventflow_pipeline.warehouse.days.range_replacement import FailedDay
from eventflow_pipeline.warehouse.db.engine import reason


@dataclass(frozen=True, slots=True)
class FinishedDay:
    """A replaced day: a line for the log, and what each asset of the step shows of it."""

    day: date
    summary: str
    metadata: Mapping[dg.AssetKey, Mapping[str, Any]]


def record_days(
    context: dg.AssetExecutionContext, assets: Sequence[dg.AssetKey], outcomes: Iterable[FinishedDay | FailedDay]
) -> Iterator[dg.MaterializeResult[None]]:
    """Record the days of a step as they come out of ``outcomes``, and yield what Dagster waits for.

    A failing day does not lose the finished ones, nor does a run that is cancelled, or what ``outcomes`` does after
    the last day: finished days are recorded as materialized before the run ends, so re-executing from failure runs
    what is left. ``assets``: all of the step, each after those it depends on, as Dagster wants them.

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
            names = ", ".join(str(outcome.day) for outcome in sorted(failed, key=lambda o: o.day))
            raise dg.Failure(
                f"{len(failed)} of {asked} days failed and kept their old buckets: {names}",
                metadata={str(outcome.day): reason(outcome.problem) for outcome in failed[:20]},
            ) from failed[0].problem
    except BaseException:
        for outcome in done:
            for key, metadata in outcome.metadata.items():
                context.log_event(
                    dg.AssetMaterialization(key, partition=outcome.day.isoformat(), metadata=dict(metadata))
                )
        raise
    for outcome in done:
        for key, metadata in outcome.metadata.items():
            context.add_asset_metadata(dict(metadata), asset_key=key, partition_key=outcome.day.isoformat())
    for key in assets:
        yield dg.MaterializeResult(asset_key=key)
