"""Work in threads on connections of its own: nobody works on when whoever waited for it is gone."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.db.at_once import at_once, stop
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.parity.comparison import compare_days
from eventflow_pipeline_tests.databases import FIRST_DAY, Database

_ASLEEP = "select count(*) as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"


def _sleep(database: Database) -> None:
    """Longer than any test."""
    with connect(database.pipeline) as connection:
        connection.execute(text("select pg_sleep(100000)"))


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _asleep(database: Database, count: int) -> bool:
    with connect(database.owner) as connection:
        return bool(connection.execute(text(_ASLEEP)).scalar() == count)


def test_an_interrupt_ends_in_the_server_what_is_at_work_and_begins_nothing_more(database: Database) -> None:
    futures: list[Future[None]] = []

    def interrupted() -> None:
        with at_once(database.pipeline, 2) as begin:
            futures.extend(begin(partial(_sleep, database)) for _ in range(3))
            _until(lambda: _asleep(database, 2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _asleep(database, 0)
    *asleep, behind = futures
    assert all(isinstance(future.exception(), OperationalError) for future in asleep)
    assert behind.cancelled()


def test_an_error_begins_nothing_more_and_lets_end_what_is_at_work(database: Database) -> None:
    goes_on = threading.Event()
    futures: list[Future[bool]] = []

    def failing() -> None:
        with at_once(database.pipeline, 1) as begin:
            futures.extend(begin(goes_on.wait) for _ in range(2))
            _until(futures[0].running)
            threading.Thread(target=lambda: (_until(futures[1].cancelled), goes_on.set())).start()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        failing()
    assert futures[0].result() is True
    assert futures[1].cancelled()


def test_what_nobody_waits_for_can_be_ended_from_elsewhere(database: Database) -> None:
    """Also where one waits for the other, as a comparison that was begun waits for its parts."""

    def both() -> None:
        with at_once(database.pipeline, 1) as begin:
            begin(partial(_sleep, database)).result()

    with at_once(database.pipeline, 1) as begin:
        outer = begin(both)
        _until(lambda: _asleep(database, 1))
        stop(database.pipeline)
        assert isinstance(outer.exception(), OperationalError)
    assert _asleep(database, 0)


def test_parts_of_a_long_comparison_are_compared_at_once(database: Database) -> None:
    """Both wait in the server; where one fails the comparison does, when the other has ended.

    Two parts for two threads: with a third the thread whose part failed might begin it first.
    """
    days = DayRange(FIRST_DAY, FIRST_DAY.replace(day=10))
    found: list[BaseException] = []

    def compare() -> None:
        try:
            compare_days(database.pipeline, database.settings, days)
        except OperationalError as problem:
            found.append(problem)

    waits = "select pid from pg_stat_activity where :blocking = any (pg_blocking_pids(pid)) order by pid"
    with connect(database.owner) as blocking, connect(database.owner) as watching:
        blocking.execute(text("begin"))
        blocking.execute(text("lock table stats.partition_state in access exclusive mode"))
        (pid,) = blocking.execute(text("select pg_backend_pid()")).one()
        waiting = partial(watching.execute, text(waits), {"blocking": pid})
        worker = threading.Thread(target=compare)
        worker.start()
        _until(lambda: len(waiting().all()) == 2)
        (first, *_) = waiting().scalars()
        watching.execute(text("select pg_cancel_backend(:pid)"), {"pid": first})
        _until(lambda: len(waiting().all()) == 1)
        assert not found, "it ends when both have ended"
        blocking.execute(text("rollback"))
        worker.join(120)
    assert [type(problem) for problem in found] == [OperationalError]
