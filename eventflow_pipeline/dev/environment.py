"""What a command needs around it: the embedded server where none is named, and Dagster's home.

Everything is handed on through the environment, so processes started from here find the same databases.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import date
from pathlib import Path

from sqlalchemy import create_engine, text

from eventflow_pipeline.dev.embedded import EmbeddedServer, start_embedded
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.logs import leaving_stdout_alone
from eventflow_pipeline.settings import Settings, dagster_database_url, load_settings, packaged
from eventflow_pipeline.warehouse.db.engine import (
    NotMigratedError,
    admin,
    connect,
    pipeline,
    require_dagster_database,
)
from eventflow_pipeline.warehouse.schema.build_settings import stored_build_settings

FACTS_DATABASE = "eventflow"
DAGSTER_DATABASE = "dagster"


@contextmanager
def environment(*, dagster: bool = False, owner: bool = False) -> Iterator[Settings]:
    """Settings with every address filled in; the embedded server runs meanwhile where one is unset.

    ``owner``: for a command that changes the schema, which may do without EVENTFLOW_DATABASE_URL. With ``dagster`` also
    ``DAGSTER_POSTGRES_URL``, ``DAGSTER_HOME`` and Dagster's size of batches are set. A zone or first day that nobody
    set follows the database, so that commands agree with what was built. Raises UserError.
    """
    settings = load_settings()
    server: EmbeddedServer | None = None
    missing = _missing_databases(settings, dagster=dagster, owner=owner)
    if dagster and "DAGSTER_POSTGRES_URL" not in missing:
        require_dagster_database()
    if missing:
        server = start_embedded(settings.home)
    try:
        for variable, name in missing.items():
            assert server
            os.environ[variable] = _ensure_database(server, name)
        if dagster:
            # Events of a range are handed to the storage 200 at a time.
            os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "200")
            _ensure_dagster_home(settings.home)
        _follow_stored_build_settings(settings, owner=owner)
        # Of a run in this process only warnings are shown, beside the command's answer.
        with leaving_stdout_alone() if dagster else nullcontext():
            yield load_settings()
    finally:
        if server:
            server.stop()


def needs_embedded(settings: Settings, *, dagster: bool = False) -> bool:
    """Whether ``environment`` starts the embedded server."""
    return bool(_missing_databases(settings, dagster=dagster, owner=False))


def _missing_databases(settings: Settings, *, dagster: bool, owner: bool) -> dict[str, str]:
    """Variables that name no database yet, with the embedded server's that they will name."""
    missing = {}
    if settings.database.url is None and not (owner and settings.owner.url):
        missing["EVENTFLOW_DATABASE_URL"] = FACTS_DATABASE
    if dagster and dagster_database_url() is None:
        missing["DAGSTER_POSTGRES_URL"] = DAGSTER_DATABASE
    return missing


@contextmanager
def server_environment() -> Iterator[Settings]:
    """As ``environment()``, for who serves others: a named database is not asked, so it comes up while that is away."""
    settings = load_settings()
    with environment() if settings.database.url is None else nullcontext(settings) as found:
        yield found


@contextmanager
def whatever_answers() -> Iterator[Settings]:
    """As ``environment(dagster=True)``, for who looks what is wrong: also while databases cannot be reached."""
    with ExitStack() as stack:
        try:
            settings = stack.enter_context(environment(dagster=True))
        except UserError:
            stack.enter_context(leaving_stdout_alone())
            try:  # Dagster's alone may be away
                settings = stack.enter_context(environment())
            except UserError:
                settings = load_settings()
        yield settings


def drop_databases(home: Path) -> None:
    """Drop the embedded server's two databases, so that the next use starts over."""
    server = start_embedded(home)
    try:
        for name in (FACTS_DATABASE, DAGSTER_DATABASE):
            _on_server(server, f'drop database if exists "{name}" with (force)')
    finally:
        server.stop()


def _on_server(server: EmbeddedServer, command: str) -> bool:
    """Run ``command`` in the maintenance database; True when it gave a row."""
    engine = create_engine(server.url("postgres").set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            result = connection.execute(text(command))
            return result.returns_rows and result.first() is not None
    finally:
        engine.dispose()


def _ensure_database(server: EmbeddedServer, name: str) -> str:
    if not _on_server(server, f"select from pg_database where datname = '{name}'"):
        _on_server(server, f'create database "{name}"')
    return server.url(name).render_as_string(hide_password=False)


def _ensure_dagster_home(home: Path) -> None:
    """With DAGSTER_HOME unset, make EVENTFLOW_HOME Dagster's home, configured by the project's dagster.yaml."""
    if os.environ.get("DAGSTER_HOME"):
        return
    try:
        home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packaged("dagster.yaml"), home / "dagster.yaml")
    except OSError as problem:
        raise UserError(
            f"The folder {home} cannot be written ({problem.strerror}): point EVENTFLOW_HOME to one that can."
        ) from problem
    os.environ["DAGSTER_HOME"] = str(home)


def _follow_stored_build_settings(settings: Settings, *, owner: bool) -> None:
    if {"timezone", "start_date"} <= settings.model_fields_set:
        return
    try:
        with (admin if owner else pipeline)(load_settings()) as engine, connect(engine) as connection:
            stored = stored_build_settings(connection)
    except NotMigratedError:
        return
    if stored is None:
        return
    zone, first = stored
    if "timezone" not in settings.model_fields_set:
        os.environ["EVENTFLOW_TIMEZONE"] = zone
    if "start_date" not in settings.model_fields_set:
        os.environ["EVENTFLOW_START_DATE"] = date.isoformat(first)
