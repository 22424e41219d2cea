"""Connections to the database of facts and buckets: who connects, as which role, with which limits."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TypeVar
from weakref import WeakSet

import psycopg
from psycopg.types.json import Jsonb
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings, dagster_database_url
from eventflow_pipeline.warehouse.db.login import Login, login
from eventflow_pipeline.warehouse.db.session import no_session, require_session

PIPELINE_ROLE = "eventflow_pipeline"
OLDEST_SERVER = 150000
APPLICATION = "eventflow_pipeline"


#: Pauses before work is done again whose connection was lost, in seconds: a server that restarts is back by then. Twice
#: at most it may be lost: what brings a server down must not go on doing it.
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_LOSSES = 2
T = TypeVar("T")


class UnreachableError(UserError):
    """No connection could be made."""


class NotMigratedError(UserError):
    """The server has no role of ours yet."""


def parse_url(address: str, variable: str = "EVENTFLOW_DATABASE_URL") -> URL:
    """``address`` (postgres://, postgresql:// or with a driver) as a URL for psycopg 3. Raises UserError."""
    try:
        url = make_url(address)
        if "@" in f"{url.host}{url.database}":  # what follows the first one in a password, and messages name a host
            raise ValueError
    except (ArgumentError, ValueError):  # whose text may quote the password
        raise UserError(
            f"{variable} is not a database address: write postgresql://user:password@host:5432/database, "
            "and %40 for each @ of the password."
        ) from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise UserError(f"{variable} names {url.get_backend_name()}: only Postgres 15 or later is supported.")
    return url.set(drivername="postgresql+psycopg")


def _where(url: URL) -> str:
    """Host and database of ``url`` for a message, never the user or the password."""
    host = url.host or url.query.get("host", "the local socket")
    return f"{host}{f':{url.port}' if url.port else ''}/{url.database}"


def require_dagster_database() -> None:
    """Raise UserError when Dagster's database cannot be reached: Dagster retries for long, and does not name it."""
    if (address := dagster_database_url()) is None:
        return
    variable = "DAGSTER_POSTGRES_URL"
    engine = create_engine(parse_url(address, variable))
    try:
        with connect(engine, variable):
            pass
    finally:
        engine.dispose()


def admin_engine(settings: Settings) -> Engine:
    """Engine of the role that owns the tables (EVENTFLOW_OWNER_URL): for migrations, sample data and nothing else."""
    if settings.owner.url is None:
        engine = _engine(settings)
    else:
        engine = _engine(settings, settings.owner.url, "EVENTFLOW_OWNER_URL")
    engine.update_execution_options(changes_schema=True)
    return engine


def pipeline_engine(settings: Settings) -> Engine:
    """Engine whose every connection runs as the least-privileged pipeline role.

    Connections are in autocommit; ``repeatable_read`` opens the one kind of transaction the pipeline uses.
    """
    engine = _engine(settings)

    @event.listens_for(engine, "connect")
    def _become_pipeline(raw: psycopg.Connection, _record: object) -> None:
        try:
            raw.execute(f"set role {PIPELINE_ROLE}".encode())
        except psycopg.errors.InsufficientPrivilege as problem:
            raise not_allowed(f"it may not step down to the role {PIPELINE_ROLE}") from problem
        except psycopg.Error as problem:
            raise NotMigratedError(
                f"The role {PIPELINE_ROLE} cannot be used ({reason(problem)}): run `eventflow migrate` as the owner."
            ) from problem
        limits = {
            # What somebody with rights on `public` named like a function of the server must not run here.
            "search_path": "pg_catalog, pg_temp",
            "statement_timeout": f"{settings.database.statement_timeout_seconds}s",
            "lock_timeout": f"{settings.database.lock_timeout_seconds}s",
            "work_mem": f"{settings.database.work_mem_mb}MB",
            "jit": "off",
            # A worker that is killed, or stopped, leaves nothing that goes on without it.
            "client_connection_check_interval": "2s",
            # One stage a day, filled and read once: a plan for these very bounds beats a remembered one.
            "plan_cache_mode": "force_custom_plan",
        }
        # In one question: a connection is made for every command.
        raw.execute(
            "select pg_catalog.set_config(name, value, false) from jsonb_each_text(%s) as wanted (name, value)",
            [Jsonb(limits)],
        )

    return engine


def not_allowed(why: str, role: str = PIPELINE_ROLE) -> UserError:
    """The refusal for a login that has too few rights."""
    return UserError(
        f"The user of EVENTFLOW_DATABASE_URL has too few rights ({why}): have the owner of EventFlow's tables run "
        f"`grant {role} to` that user, or connect as the owner (EVENTFLOW_OWNER_URL) to change the schema."
    )


def may_not_read(connection: Connection, why: str) -> UserError:
    """The refusal for a login that may not read what every command reads first."""
    options = connection.engine.get_execution_options()
    if not options.get("changes_schema"):
        return not_allowed(why)
    return UserError(
        f"The user of {options['variable']} is not the owner of EventFlow's tables ({why}), who alone changes the "
        "schema: set EVENTFLOW_OWNER_URL to the owner's address."
    )


@contextmanager
def pipeline(settings: Settings) -> Iterator[Engine]:
    """``pipeline_engine`` for the length of the block; then its connections are closed."""
    engine = pipeline_engine(settings)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def admin(settings: Settings) -> Iterator[Engine]:
    """``admin_engine`` for the length of the block; then its connections are closed."""
    engine = admin_engine(settings)
    try:
        yield engine
    finally:
        engine.dispose()


def _engine(settings: Settings, address: SecretStr | None = None, variable: str = "EVENTFLOW_DATABASE_URL") -> Engine:
    if (address := address or settings.database.url) is None:
        raise UserError("EVENTFLOW_DATABASE_URL is unset and no embedded server was started: set it.")
    url = parse_url(address.get_secret_value(), variable)
    opened: WeakSet[psycopg.Connection] = WeakSet()
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # an error must not carry session ids or other values into logs and events
        pool_size=settings.runs.parallel_days + 2,
        max_overflow=16,
        pool_pre_ping=True,  # one that waited while the server restarted is no reason for a tick to fail
        execution_options={
            "variable": variable,
            "opened": opened,
            "day_work_mem": [max(settings.database.day_work_mem_mb, settings.database.work_mem_mb)],
        },
        connect_args={
            "application_name": APPLICATION,
            "prepare_threshold": None,
            "connect_timeout": 10,
            "client_encoding": "utf8",  # whatever the server's or the environment's
        },
    )
    event.listen(engine, "handle_error", _without_values)
    event.listen(engine, "connect", lambda raw, _: opened.add(raw))
    sessions: list[bool] = []

    @event.listens_for(engine, "connect")
    def _be_a_session(raw: psycopg.Connection, _record: object) -> None:
        # Once: behind a pooler it takes a second connection, of which there may be few.
        if not sessions:
            require_session(raw, variable)
            sessions.append(True)

    return engine


def _without_values(context: ExceptionContext) -> None:
    """Cut a server's error down to its first line (S7): DETAIL and CONTEXT quote whole rows and keys of facts."""
    original, raised = context.original_exception, context.sqlalchemy_exception
    first = redact(reason(original))
    original.args = (first,)
    if raised is not None:
        raised.args = (f"({type(original).__module__}.{type(original).__name__}) {first}",)


def reason(problem: BaseException) -> str:
    """What went wrong, in one line without SQL, parameters or traceback."""
    cause = problem.orig if isinstance(problem, DBAPIError) and problem.orig else problem
    lines = str(cause).strip().splitlines()
    return redact(lines[0]) if lines else type(cause).__name__


@contextmanager
def connect(engine: Engine, variable: str | None = None) -> Iterator[Connection]:
    """An autocommit connection. Raises UserError, naming the ``variable`` (default: the engine's), when the server is
    unreachable or too old.
    """
    try:
        connection = engine.connect()
    except OperationalError as problem:
        named = variable or engine.get_execution_options().get("variable", "EVENTFLOW_DATABASE_URL")
        why = reason(problem)
        if "pooling mode" in why:  # one that lends statements has no transactions: nothing gets as far as being asked
            raise no_session(named) from problem
        remedy = "and that the server is up"
        if "authentication failed" in why:
            remedy = "and the password in it"
        if re.search(r'database ".*" does not exist', why):
            remedy = "or have the database created"
        if "certificate" in why or "SSL" in why:
            remedy = "whose host, sslmode and sslrootcert must be those of the server's certificate"
        raise UnreachableError(
            f"The database {_where(engine.url)} cannot be reached ({why}): check {named} {remedy}."
        ) from problem
    with connection:
        version = int(connection.execute(text("show server_version_num")).scalar_one())
        if version < OLDEST_SERVER:
            raise UserError(
                f"The server at {_where(engine.url)} is Postgres {version // 10000}: version 15 or later is needed."
            )
        yield connection


def again_when_lost(work: Callable[[], T]) -> T:
    """What ``work`` returns, done again when its connection was lost in the middle, also while the server restarts, or
    when the server ran out of memory for it (``day_transaction`` then asks for less).

    For work that is one transaction on a connection of its own, whose repeat changes nothing when it was committed.
    """
    losses = 0
    for pause in (*_PAUSES, None):
        try:
            return work()
        except DBAPIError as lost:
            losses += 1
            if not (lost.connection_invalidated or _ran_out(lost)) or losses > _LOSSES or pause is None:
                raise
        except UnreachableError:
            if not losses or pause is None:
                raise
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _ran_out(problem: DBAPIError) -> bool:
    return isinstance(problem.orig, psycopg.errors.OutOfMemory)


def logged_in(engine: Engine) -> Login:
    """Who an engine logs in as, and what is unsafe about it."""
    with connect(engine) as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, psycopg.Connection)
        return login(raw)


def cancel_statements(engine: Engine) -> None:
    """Have the server cancel what every connection of ``engine`` is doing, whatever it waits for.

    Their statements raise, their transactions are rolled back. A connection that is between two statements goes on.
    """
    for raw in engine.get_execution_options()["opened"].copy():
        with suppress(psycopg.Error):  # closed meanwhile
            raw.cancel_safe(timeout=5)


def server_time(connection: Connection) -> datetime:
    """The database's clock (UTC), which stamps what is computed."""
    now: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    return now


@contextmanager
def joining_by_hash(connection: Connection) -> Iterator[None]:
    """Within a transaction: joins are not nested loops, where there is another way.

    For statements that join what may be large and new with itself, with a list or with dimensions: what has just been
    written has no statistics, or those of an empty table, and only the tables' owner could have them made. Taken for a
    row or two, half a million are then compared each with each: ten minutes instead of ten seconds.
    """
    connection.execute(text("set local enable_nestloop = off"))
    yield
    connection.execute(text("set local enable_nestloop = default"))


@contextmanager
def grouping_by_hash(connection: Connection) -> Iterator[None]:
    """``joining_by_hash``, and facts that are grouped are not sorted first, where there is another way.

    Half a million rows that are taken for a few thousand would be sorted by ten texts.
    """
    with joining_by_hash(connection):
        connection.execute(text("set local enable_sort = off"))
        yield
        connection.execute(text("set local enable_sort = default"))


@contextmanager
def repeatable_read(connection: Connection) -> Iterator[None]:
    """One REPEATABLE READ transaction on an autocommit connection: all its statements see one snapshot."""
    with _transaction(connection, "repeatable read"):
        yield


@contextmanager
def day_transaction(connection: Connection) -> Iterator[None]:
    """``repeatable_read`` with memory for a huge day: EVENTFLOW_DATABASE_DAY_WORK_MEM_MB a sort or hash.

    Once the server had not that much, or went away meanwhile, EVENTFLOW_DATABASE_WORK_MEM_MB does, for as long as the
    engine lives: slower, never twice as slow.
    """
    memory: list[int] = connection.get_execution_options()["day_work_mem"]
    try:
        with repeatable_read(connection):
            for megabytes in memory:
                connection.execute(text(f"set local work_mem = '{megabytes}MB'"))
            yield
    except DBAPIError as problem:
        if problem.connection_invalidated or _ran_out(problem):
            memory.clear()
        raise


@contextmanager
def read_committed(connection: Connection) -> Iterator[None]:
    """One READ COMMITTED transaction on an autocommit connection: each statement sees what is there when it begins.

    For changing the schema, which must see what it has just changed and what others have.
    """
    with _transaction(connection, "read committed"):
        yield


@contextmanager
def _transaction(connection: Connection, level: str) -> Iterator[None]:
    connection.execute(text(f"begin isolation level {level}"))
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):  # a lost connection rolls back by itself
            connection.execute(text("rollback"))
        raise
    connection.execute(text("commit"))
