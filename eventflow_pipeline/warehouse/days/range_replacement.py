"""Replacing many days: side by side in connections of their own, newest first, none held up by another's failure."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from functools import partial

from sqlalchemy import Engine

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.replacement import DayTotals, Request, replace_day
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

    A day whose connection is lost is replaced again. Closing the iterator (a cancelled run) lets days in work finish
    and starts no more.
    """
    pool = ThreadPoolExecutor(max_workers=settings.runs.parallel_days, thread_name_prefix="day")
    try:
        futures = {
            pool.submit(again_when_lost, partial(replace_day, engine, day, settings, request)): day
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
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
