"""Replacing many days: side by side in connections of their own, newest first, none held up by another's failure."""

from collections.abc import Iterable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from datetime import date
from functools import partial

from sqlalchemy import Engine

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.replacement import DayTotals, Request, replace_day
from eventflow_pipeline.warehouse.db.at_once import at_once
from eventflow_pipeline.warehouse.db.engine import again_when_lost


@dataclass(frozen=True, slots=True)
class FailedDay:
    """A day that kept its old buckets, and why."""

    day: date
    problem: Exception


def replace_days(
    engine: Engine, days: Iterable[date], settings: Settings, request: Request | None = None
) -> Iterator[DayTotals | FailedDay]:
    """Replace ``days``, ``EVENTFLOW_RUNS_PARALLEL_DAYS`` at once; yields each day's totals, or its failure, as it
    comes.

    A day whose connection is lost is replaced again. A cancelled run (the iterator is closed, or interrupted) starts
    no more days, and those in work are cancelled in the server: when this returns nobody works on any, and each is
    as it was before, or whole.
    """
    with at_once(engine, settings.runs.parallel_days) as begin:
        futures = {
            begin(partial(again_when_lost, partial(replace_day, engine, day, settings, request))): day
            for day in sorted(days, reverse=True)
        }
        for future in as_completed(futures):
            problem = future.exception()
            if problem is None:
                yield future.result()
            elif isinstance(problem, Exception):
                yield FailedDay(futures[future], problem)
            else:
                raise problem
