"""Session-level advisory locks: days are replaced side by side, one worker a day.

They are taken before a transaction begins: inside, the snapshot is already fixed, and a worker that waited would
compute from facts older than the lock.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.engine import connect

#: Within how many seconds a run whose connection was lost shows again that it is alive.
NOTICED_SECONDS = 4.0

#: Name spaces of the advisory locks (the first of their two keys).
_DAY = 0x0EF10001
_MIGRATION = 0x0EF10002
_HISTOGRAM = 0x0EF10003
_WEBINAR_DAY = 0x0EF10040
_RUN = 0x0EF10004
_ALERTS = 0x0EF10035
_QUALITY = 0x0EF10030
_CLOSING = 0x0EF10016
_CHUNKS = 0x0EF10005
#: All of them, and those to come.
_SPACES = (0x0EF10000, 0x0EF1FFFF)

#: Advisory locks have no rights: whoever may connect may take ours.
_STRANGERS = text("""
select distinct a.pid, pg_get_userbyid(a.usesysid)::text as name
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 2
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and l.classid::bigint between :first and :last
  and not pg_has_role(a.usesysid, 'eventflow_pipeline', 'member')
order by a.pid
""")


@contextmanager
def _held(connection: Connection, space: int, key: int, what: str, shared: str = "") -> Iterator[None]:
    keys = {"space": space, "key": key}
    try:
        connection.execute(text(f"select pg_advisory_lock{shared}(:space, :key)"), keys)
    except OperationalError as problem:
        if problem.connection_invalidated:
            raise
        raise UserError(
            f"Another worker has held {what} longer than EVENTFLOW_DATABASE_LOCK_TIMEOUT_SECONDS: wait for it or "
            "raise that."
        ) from problem
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # a lost connection has given its locks back already
            connection.execute(text(f"select pg_advisory_unlock{shared}(:space, :key)"), keys)


@contextmanager
def day_lock(connection: Connection, day: date) -> Iterator[None]:
    """Sole right to replace ``day``; waits at most the lock time-out."""
    with _held(connection, _DAY, day.toordinal(), f"the day {day}"):
        yield


@contextmanager
def webinar_day_lock(connection: Connection, day: date) -> Iterator[None]:
    """Sole right to replace the webinar statistics of ``day``; waits at most the lock time-out."""
    with _held(connection, _WEBINAR_DAY, day.toordinal(), f"the webinars of {day}"):
        yield


@contextmanager
def _tried(connection: Connection, *locks: tuple[int, int, str]) -> Iterator[bool]:
    """Whether every one of these locks (its two keys, and its suffix where it is shared) was free, at once."""
    taken: list[tuple[int, int, str]] = []
    for space, key, shared in locks:
        keys = {"space": space, "key": key}
        if not connection.execute(text(f"select pg_try_advisory_lock{shared}(:space, :key)"), keys).scalar():
            break
        taken.append((space, key, shared))
    try:
        yield len(taken) == len(locks)
    finally:
        with suppress(SQLAlchemyError):  # a lost connection has given its locks back already
            for space, key, shared in reversed(taken):
                keys = {"space": space, "key": key}
                connection.execute(text(f"select pg_advisory_unlock{shared}(:space, :key)"), keys)


@contextmanager
def try_day(connection: Connection, day: date) -> Iterator[bool]:
    """Whether ``day`` is free, at once: inside the block nobody replaces it and no histogram step runs."""
    with _tried(connection, (_HISTOGRAM, 0, "_shared"), (_DAY, day.toordinal(), "")) as free:
        yield free


@contextmanager
def migration_lock(connection: Connection, wait_seconds: float = 600) -> Iterator[None]:
    """Sole right to change the schema; waits at most ``wait_seconds``.

    It asks again and again instead of waiting inside a statement: that would hold a snapshot, for which the other
    migration's CREATE INDEX CONCURRENTLY would wait in turn.
    """
    keys = {"space": _MIGRATION, "key": 0}
    deadline = time.monotonic() + wait_seconds
    while not connection.execute(text("select pg_try_advisory_lock(:space, :key)"), keys).scalar():
        if time.monotonic() > deadline:
            raise UserError(f"Another migration has been running for {wait_seconds:.0f} s: wait for it, then repeat.")
        time.sleep(0.2)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):
            connection.execute(text("select pg_advisory_unlock(:space, :key)"), keys)


@contextmanager
def run_alive(engine: Engine, run_id: str) -> Iterator[None]:
    """Shows that the process working on Dagster run ``run_id`` lives: a killed one lets go with its connection.

    One that is lost while the process lives is taken anew within ``NOTICED_SECONDS``, or when the server is back.
    Raises UserError where there is no first one.
    """
    first = _showing(engine, run_id)
    over = threading.Event()
    keeper = threading.Thread(target=_keep_showing, args=(engine, run_id, first, over), name="run-alive", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _showing(engine: Engine, run_id: str) -> tuple[Connection, ExitStack]:
    """A connection that holds the lock of a living run, and what lets go of both."""
    with ExitStack() as entered:
        connection = entered.enter_context(connect(engine))
        what = f"the run {run_id}"
        entered.enter_context(_held(connection, _RUN, _run_key(run_id), what, shared="_shared"))
        return connection, entered.pop_all()


def _keep_showing(engine: Engine, run_id: str, shown: tuple[Connection, ExitStack], over: threading.Event) -> None:
    connection, held = shown
    while True:
        with held, suppress(SQLAlchemyError):
            while not over.wait(NOTICED_SECONDS / 2):
                connection.execute(text("select 1"))
            return
        while not over.is_set():
            try:
                connection, held = _showing(engine, run_id)
                break
            except (SQLAlchemyError, UserError):  # the server is away
                over.wait(NOTICED_SECONDS / 4)
        else:
            return


def is_alive(connection: Connection, run_id: str) -> bool:
    """Does any process work on Dagster run ``run_id``?"""
    keys = {"space": _RUN, "key": _run_key(run_id)}
    if not connection.execute(text("select pg_try_advisory_lock(:space, :key)"), keys).scalar():
        return True
    connection.execute(text("select pg_advisory_unlock(:space, :key)"), keys)
    return False


def _run_key(run_id: str) -> int:
    """32 bits of the run's id (a UUID), signed as an advisory lock's key is."""
    return int.from_bytes(UUID(run_id).bytes[:4], "big", signed=True)


@contextmanager
def no_histogram_step(connection: Connection) -> Iterator[None]:
    """No histogram step runs meanwhile; any number of days may be replaced side by side.

    Taken before the day's lock: a worker that held its day and then waited here would block the step that waits for
    a third worker who waits for that day.
    """
    with _held(connection, _HISTOGRAM, 0, "the return histograms", shared="_shared"):
        yield


@contextmanager
def histogram_step(connection: Connection) -> Iterator[None]:
    """Sole right to change return histograms: no day is being replaced meanwhile, by anybody."""
    with _held(connection, _HISTOGRAM, 0, "the return histograms"):
        yield


@contextmanager
def try_histogram_step(connection: Connection) -> Iterator[bool]:
    """``histogram_step``; gives False, at once, where a day is being replaced."""
    with _tried(connection, (_HISTOGRAM, 0, "")) as free:
        yield free


def strangers(connection: Connection, spaces: tuple[int, int] = _SPACES) -> list[tuple[int, str]]:
    """Sessions that hold locks of ours and are not the pipeline's: process id on the server, and login."""
    first, last = spaces
    return [(row.pid, row.name) for row in connection.execute(_STRANGERS, {"first": first, "last": last})]


@contextmanager
def alert_pass(connection: Connection) -> Iterator[bool]:
    """Sole right to notify people; gives False, at once, when another process is at it.

    A stranger's session is none: nobody mutes alerts by taking the lock.
    """
    with _tried(connection, (_ALERTS, 0, "")) as free:
        yield free or bool(strangers(connection, (_ALERTS, _ALERTS)))


@contextmanager
def try_chunks(connection: Connection) -> Iterator[bool]:
    """Sole right to write what facts amount to by chunk; gives False, at once, when another pass is at it."""
    with _tried(connection, (_CHUNKS, 0, "")) as free:
        yield free


@contextmanager
def chunks_lock(connection: Connection) -> Iterator[None]:
    """``try_chunks``, for who has to wait: a pass holds them while it reads, and waits for nobody then."""
    with _held(connection, _CHUNKS, 0, "what facts amount to by chunk"):
        yield


@contextmanager
def quality_lock(connection: Connection) -> Iterator[None]:
    """Sole right to write indicators of data quality."""
    with _held(connection, _QUALITY, 0, "the indicators of data quality"):
        yield


@contextmanager
def closing_lock(connection: Connection) -> Iterator[None]:
    """Sole right to add to the chain of closed months."""
    with _held(connection, _CLOSING, 0, "the chain of closed months"):
        yield
