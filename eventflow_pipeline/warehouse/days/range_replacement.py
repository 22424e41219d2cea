"""Replacing many days: side by side in connections of their own, newest first, none held up by another's failure."""

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from datetime import date
from functools import partial
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.replacement import DayTotals, Request, replace_day
from eventflow_pipeline.warehouse.db.engine import again_when_lost, cancel_statements


@dataclass(frozen=True, slots=True)
class FailedDay:
    """A day that kept its old buckets, and why."""

    day: date
    problem: Exception


#: Of each engine the ranges that are being replaced through it: the threads, and what they work on.
_AT_WORK: WeakKeyDictionary[Engine, list[tuple[ThreadPoolExecutor, Collection[Future[DayTotals]]]]]
_AT_WORK = WeakKeyDictionary()


def replace_days(
    engine: Engine, days: Iterable[date], settings: Settings, request: Request | None = None
) -> Iterator[DayTotals | FailedDay]:
    """Replace ``days``, ``EVENTFLOW_RUNS_PARALLEL_DAYS`` at once; yields each day's totals, or its failure, as it
    comes.

    A day whose connection is lost is replaced again. A cancelled run (the iterator is closed, or interrupted) starts
    no more days, and those in work are cancelled in the server: when this returns nobody works on any, and each is
    as it was before, or whole.
    """
    pool = ThreadPoolExecutor(max_workers=settings.runs.parallel_days, thread_name_prefix="day")
    futures: dict[Future[DayTotals], date] = {}
    _AT_WORK.setdefault(engine, []).append((pool, futures))
    try:
        for day in sorted(days, reverse=True):
            # One by one: an interrupt in between must find those that have begun.
            futures[pool.submit(again_when_lost, partial(replace_day, engine, day, settings, request))] = day
        for future in as_completed(futures):
            problem = future.exception()
            if problem is None:
                yield future.result()
            elif isinstance(problem, Exception):
                yield FailedDay(futures[future], problem)
            else:
                raise problem
    except BaseException:
        stop_replacing(engine)
        raise
    finally:
        pool.shutdown(wait=True)
        _AT_WORK[engine].remove((pool, futures))


def stop_replacing(engine: Engine) -> None:
    """End every ``replace_days`` through ``engine``: no day begins, and those in work are cancelled in the server.

    For a run that ends while nobody goes on with the iterator.
    """
    for pool, futures in _AT_WORK.get(engine, ()):
        pool.shutdown(wait=False, cancel_futures=True)
        # A day that had not begun is cancelled at once; to ``wait`` it would never be done.
        while wait([future for future in futures if not future.cancelled()], timeout=0.2).not_done:
            cancel_statements(engine)
