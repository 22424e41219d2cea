"""Work in threads, each on connections of its own: ended in the server as soon as nobody waits for it any more."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from eventflow_pipeline.warehouse.db.engine import cancel_statements

T = TypeVar("T")


class Begin(Protocol):
    """Begins work in a thread, as soon as there is a free one."""

    def __call__(self, work: Callable[[], T], /) -> Future[T]: ...


#: Of each engine who works through it: the threads, and on what.
_AT_WORK: WeakKeyDictionary[Engine, list[tuple[ThreadPoolExecutor, Collection[Future[Any]]]]]
_AT_WORK = WeakKeyDictionary()


@contextmanager
def at_once(engine: Engine, most: int) -> Iterator[Begin]:
    """``most`` threads for the block, which do what is begun; when it is left nobody works any more.

    Left by an error, nothing more begins. Left by an interrupt, what is in work is cancelled in the server as well.
    """
    pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix="at_once")
    futures: list[Future[Any]] = []
    _AT_WORK.setdefault(engine, []).append((pool, futures))

    def begin(work: Callable[[], T]) -> Future[T]:
        futures.append(future := pool.submit(work))
        return future

    try:
        yield begin
    except BaseException as problem:
        pool.shutdown(wait=False, cancel_futures=True)
        if not isinstance(problem, Exception):
            _cancel(engine, futures)
        raise
    finally:
        pool.shutdown(wait=True)
        _AT_WORK[engine].remove((pool, futures))


def stop(engine: Engine) -> None:
    """End whatever works through ``engine``: nothing begins, and what is in work is cancelled in the server.

    For a run that ends while nobody waits for it.
    """
    at_work = _AT_WORK.get(engine, [])[:]
    for pool, _ in at_work:
        pool.shutdown(wait=False, cancel_futures=True)
    for _, futures in at_work:
        _cancel(engine, futures)


def _cancel(engine: Engine, futures: Collection[Future[Any]]) -> None:
    # What had not begun is cancelled at once; to ``wait`` it would never be done.
    while wait([future for future in futures if not future.cancelled()], timeout=0.2).not_done:
        cancel_statements(engine)
