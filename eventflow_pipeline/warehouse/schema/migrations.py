"""Creating and upgrading everything this project owns (schema ``stats``), and undoing it step by step."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from alembic.script.revision import RevisionError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from eventflow_pipeline.domain.source_contract import SOURCE_TABLES, first_problem
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect, reason, repeatable_read
from eventflow_pipeline.warehouse.db.locks import migration_lock
from eventflow_pipeline.warehouse.db.sql import sql_root, sql_text, statement
from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings, stored_build_settings
from eventflow_pipeline.warehouse.schema.definitions import (
    apply_definitions,
    drop_definitions,
    drop_views,
    patiently,
    rehearse,
)
from eventflow_pipeline.warehouse.schema.history import KEPT, bring_back, counts_of, set_aside
from eventflow_pipeline.warehouse.schema.preconditions import first_in_the_way, first_unmet, source_tables
from eventflow_pipeline.warehouse.schema.source_views import NAMED_VIEWS, SOURCE_VIEWS, missing_views, unread_columns
from eventflow_pipeline.warehouse.schema.versions import LOCK_TIMEOUT, Versions, run_script

#: How long a migration waits for tables that others use.
_WAIT_SECONDS = 600.0
#: Tables whose rows are computed from facts and mean nothing under other build settings.
_COMPUTED = (
    "stats.session_days",
    "stats.session_day_change",
    "stats.bucket_daily",
    "stats.campaign_hourly",
    "stats.return_histogram",
    "stats.return_month",
    "stats.partition_state",
    "stats.client_day",
    "stats.quality_daily",
    "stats.day_check",
    "stats.webinar_stats_5min",
    "stats.webinar_stats_daily",
    "stats.webinar_client_daily",
    "stats.webinar_day_state",
    "stats.detection_pass",
    "stats.day_comparison",
    "stats.delta_day",
    "stats.chunked_day",
    "stats.chunk",
    "stats.chunk_member",
    "stats.kept_day",
    "stats.erased_day",
    "stats.closing_comparison",
)


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What ``migrate`` did: versions applied, oldest first, and the build settings in force."""

    applied: tuple[str, ...]
    time_zone: str
    first_partition: date


@contextmanager
def _owner(engine: Engine) -> Iterator[Connection]:
    """An autocommit connection of its own to change the schema over.

    Names mean pg_catalog's and ours: the owner must not run what somebody with rights on ``public`` named ``format``.
    """
    with connect(engine) as connection:
        connection.execute(text("set search_path = pg_catalog, pg_temp"))
        try:
            yield connection
        finally:
            connection.invalidate()  # really closed: the pool must not hand the path on


def create_source(engine: Engine) -> None:
    """Create EventFlow's own tables (``sql/source``) where there are none: development and tests only.

    All of them in one transaction; where they exist nothing is done at all. Raises UserError where some exist.
    """
    with _owner(engine) as connection, migration_lock(connection):
        found = source_tables(connection)
        missing = [table.name for table in SOURCE_TABLES if table.name not in found]
        if not missing:
            return
        if len(missing) < len(SOURCE_TABLES):
            raise UserError(
                f"EventFlow's tables are there but for public.{missing[0]}, so nothing was created: create it as "
                "EventFlow's schema has it, or name an empty database."
            )
        with repeatable_read(connection):
            for file in sorted((sql_root() / "source").glob("*.sql")):
                run_script(connection, sql_text(f"source/{file.stem}"))


def migrate(
    engine: Engine, settings: Settings, root: Path | None = None, wait_seconds: float = _WAIT_SECONDS
) -> MigrationReport:
    """Bring schema ``stats`` to what ``root`` (a folder ``sql/``, default ours) says; safe to repeat, or twice at once.

    Versions first, each in a transaction; then the definitions, whole, in one. Checks first whatever could stop one of
    its steps, so nothing is half-written, and waits at most ``wait_seconds`` for tables that others use. The first run
    stores the build settings.

    Raises:
        UserError: something a step needs is not there (source columns, ownership, roles, N1's collations), somebody
            else's object uses what would have to be dropped, or the build settings differ from the settings.
    """
    root = root or sql_root()
    versions = Versions(root)
    with _owner(engine) as connection, migration_lock(connection):
        # Ownership first: who has no right on a table does not see its columns either.
        if unmet := first_unmet(connection):
            raise UserError(f"Nothing was migrated because {unmet}.")
        if problem := first_problem(_source_columns(connection)):
            raise UserError(
                f"Nothing was migrated because {problem}: create it as EventFlow's schema has it "
                "(in an empty database for development `eventflow sample` creates all source tables)."
            )
        if unmet := first_in_the_way(connection):
            raise UserError(f"Nothing was migrated because {unmet}.")
        if stored_build_settings(connection):
            require_build_settings(connection, settings)
        before = versions.current(connection)
        try:
            missing = versions.between(before, versions.head())
            edited = versions.edited(connection)
        except RevisionError as unknown:
            raise UserError(
                f"Nothing was migrated because the database is at version {before}, which these files do not have: go "
                f"back with those that do, `eventflow migrate --to {versions.head()}`, then repeat."
            ) from unknown
        if edited:
            raise UserError(
                f"Nothing was migrated because an earlier version migrated the database, whose {edited} was not what "
                "it is here: `eventflow migrate --to base` sets decisions and history aside and removes the rest; then "
                "repeat, and compute every day by `eventflow backfill`."
            )
        connection.execute(text("create schema if not exists stats"))
        if missing:
            rehearse(connection, root, wait_seconds, versions.texts(missing))
            _walk(engine, versions, versions.walk_up, wait_seconds)
        apply_definitions(connection, root, wait_seconds)
        connection.execute(
            statement("storage/webinar/update_setting"), {"presence_min_seconds": settings.webinar.presence_min_seconds}
        )
        connection.execute(
            statement("storage/capture/update_setting"),
            {"letter_rows": settings.capture.letter_rows, "letter_bytes": settings.capture.letter_mib * 2**20},
        )
        connection.execute(
            statement("storage/registry/insert_build_settings"),
            {"time_zone": settings.timezone, "first_partition": settings.start_date},
        )
        with repeatable_read(connection):
            bring_back(connection)
        return MigrationReport(missing, *require_build_settings(connection, settings))


def what_goes(engine: Engine, version: str | None) -> tuple[dict[str, int], dict[str, int]]:
    """What undoing down to ``version`` (None: a rebuild) takes away, and the history it may keep: rows by their name.

    Both empty where nothing is undone. Raises UserError for a version there is no way back to.
    """
    with _owner(engine) as connection:
        if version and not _undone(Versions(sql_root()), connection, version):
            return {}, {}
        return counts_of(connection, capture=version is not None)


def _undone(versions: Versions, connection: Connection, version: str) -> tuple[str, ...]:
    """The versions that undoing down to ``version`` undoes, oldest first. Raises UserError."""
    current = versions.current(connection)
    if current is None and version != "base":
        raise UserError("The database has no schema stats yet, so there is nothing to undo: run `eventflow migrate`.")
    try:
        applied = versions.between(None, current)
    except RevisionError as unknown:
        raise UserError(
            f"The database is at version {current}, which these files do not have: go back with those that do."
        ) from unknown
    if version == "base":
        return applied
    if version not in applied:
        raise UserError(f"There is no way back to {version!r}: name base or an applied version, such as {current}.")
    return versions.between(version, current)


def migrate_back(
    engine: Engine,
    version: str,
    root: Path | None = None,
    wait_seconds: float = _WAIT_SECONDS,
    *,
    discard_history: bool = False,
) -> None:
    """Undo versions down to ``version`` (kept), or all of them with ``base``, which also removes the schema.

    Exclusions, definitions, the ledger, reasons and samples are set aside in a schema ``stats_kept`` and come back with
    the next ``migrate``, unless ``discard_history``. The definitions in ``sql/schema`` go first and come back with it,
    too. Raises UserError, and has changed nothing, when somebody else's object uses something that would have to be
    dropped, or there is no such version.
    """
    root = root or sql_root()
    versions = Versions(root)
    with _owner(engine) as connection, migration_lock(connection):
        undone = _undone(versions, connection, version)
        drop_definitions(connection, root, wait_seconds, versions.texts(undone, down=True))
        with repeatable_read(connection):
            if discard_history:
                connection.execute(text("drop schema if exists stats_kept cascade"))
            elif undone:
                set_aside(connection)
        if undone:
            _walk(engine, versions, lambda walked: versions.walk_down(walked, version), wait_seconds)
        if version == "base":
            connection.execute(text("drop table if exists stats.schema_migration"))
            connection.execute(text("drop schema if exists stats"))
        with repeatable_read(connection):
            bring_back(connection)


def drop_source_views(engine: Engine, wait_seconds: float = _WAIT_SECONDS) -> list[str]:
    """Drop the views over EventFlow's tables, so that those may change; returns their names.

    Raises UserError, and has dropped none, when somebody else's object uses one or there is no schema stats.
    """
    with _owner(engine) as connection, migration_lock(connection):
        if unmet := first_unmet(connection):
            raise UserError(f"Nothing was changed because {unmet}.")
        if stored_build_settings(connection) is None:
            raise UserError("The database has no schema stats yet: run `eventflow migrate`.")
        missing = set(
            connection.execute(
                statement("storage/schema/select_missing_views"), {"views": [*SOURCE_VIEWS, *NAMED_VIEWS]}
            ).scalars()
        )
        there = [view for view in SOURCE_VIEWS if view not in missing]
        if there:
            drop_views(connection, [*there, *(view for view in NAMED_VIEWS if view not in missing)], wait_seconds)
        return there


def refresh_source_views(engine: Engine, root: Path | None = None, wait_seconds: float = _WAIT_SECONDS) -> list[str]:
    """Create the views over EventFlow's tables anew; returns the columns (``table.column``) they, if there, did
    not read before.

    Raises UserError when a column they need is missing, or versions are not the newest.
    """
    root = root or sql_root()
    versions = Versions(root)
    with _owner(engine) as connection, migration_lock(connection):
        if unmet := first_unmet(connection):
            raise UserError(f"Nothing was changed because {unmet}.")
        if problem := first_problem(_source_columns(connection)):
            raise UserError(f"The views cannot be created because {problem}: create it as EventFlow's schema has it.")
        if versions.current(connection) != versions.head():
            raise UserError("The database is not at the newest version: run `eventflow migrate`, which does this too.")
        unread = [] if missing_views(engine) else unread_columns(engine)
        apply_definitions(connection, root, wait_seconds)
        return unread


def rebuild(engine: Engine, settings: Settings, *, discard_history: bool = False) -> None:
    """Discard every bucket and store the build settings of the settings; facts are not touched.

    The ledger stays, and names no run any more: none has computed what is there now. With ``discard_history`` ledger,
    exclusions, definitions' history and reasons go, too.
    """
    with _owner(engine) as connection, migration_lock(connection):
        if stored_build_settings(connection) is None:
            raise UserError("The database has no schema stats yet: run `eventflow migrate`.")
        with repeatable_read(connection):
            connection.execute(text(f"truncate {', '.join(_COMPUTED)}"))
            if discard_history:
                history = (f"stats.{table}" for table in KEPT if table != "webinar_sample")
                connection.execute(text(f"truncate {', '.join(history)}"))
            connection.execute(text("update stats.day_ledger set run_id = null where run_id is not null"))
            connection.execute(
                statement("storage/registry/replace_build_settings"),
                {"time_zone": settings.timezone, "first_partition": settings.start_date},
            )


def _walk(engine: Engine, versions: Versions, walk: Callable[[Connection], None], wait_seconds: float) -> None:
    """Walk versions, one transaction a version, while the caller's connection holds the lock."""
    with _owner(engine) as connection:
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()  # ends what SQLAlchemy takes for a transaction; the level can be set between two only
        connection.execution_options(isolation_level="READ COMMITTED")

        def once() -> None:
            try:
                walk(connection)
            except DBAPIError:
                connection.rollback()
                raise

        try:
            patiently(connection, wait_seconds, once)
        except DBAPIError as stopped:
            raise UserError(
                f"Migrating stopped after version {versions.current(connection) or 'base'} and undid the step it was "
                f"at ({reason(stopped)}): put that right and run the command again, it goes on from there."
            ) from stopped


def _source_columns(connection: Connection) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(statement("storage/schema/select_source_columns")):
        found.setdefault(row.table_name, {})[row.column_name] = row.data_type
    return found
