"""Creating and upgrading everything this project owns (schema ``stats``), and undoing it step by step."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from eventflow_pipeline.domain.source_contract import SOURCE_TABLES, first_problem
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect, not_allowed, reason, repeatable_read
from eventflow_pipeline.warehouse.db.locks import migration_lock
from eventflow_pipeline.warehouse.db.sql import sql_root, sql_text, statement
from eventflow_pipeline.warehouse.schema.preconditions import first_in_the_way, first_unmet, source_tables

_REVISIONS = Path(__file__).parent / "revisions"
#: Tables whose rows are computed from facts and mean nothing under other build settings.
_COMPUTED = (
    "stats.session_days",
    "stats.session_day_change",
    "stats.bucket_daily",
    "stats.campaign_hourly",
    "stats.return_histogram",
    "stats.partition_state",
    "stats.quality_daily",
    "stats.webinar_stats_5min",
    "stats.webinar_stats_daily",
    "stats.webinar_client_daily",
    "stats.webinar_day_state",
    "stats.detection_pass",
    "stats.day_ledger",
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
                _run(connection, f"source/{file.stem}")


def migrate(engine: Engine, settings: Settings) -> MigrationReport:
    """Bring schema ``stats`` to the newest version; safe to repeat, and to run twice at once.

    Checks first whatever could stop one of its steps, so nothing is half-written. The first run stores the build
    settings.

    Raises:
        UserError: something a step needs is not there (source columns, ownership, roles, N1's collations), or the
            calendar differs from the settings.
    """
    with _owner(engine) as connection, migration_lock(connection):
        # Ownership first: who has no right on a table does not see its columns either.
        if unmet := first_unmet(connection):
            raise UserError(f"Nothing was migrated because {unmet}.")
        if problem := first_problem(_source_columns(connection)):
            raise UserError(
                f"Nothing was migrated because {problem}: create it as EventFlow's schema has it "
                "(in an empty database for development `eventflow sample` creates all source tables)."
            )
        if pending(connection) and (unmet := first_in_the_way(connection)):
            raise UserError(f"Nothing was migrated because {unmet}.")
        connection.execute(text("create schema if not exists stats"))
        before = _current(connection)
        if stored_build_settings(connection):
            require_build_settings(connection, settings)
        _alembic(engine, command.upgrade, "head")
        connection.execute(text("select stats.refresh_source_views(), stats.grant_readers()"))
        connection.execute(
            statement("storage/webinar/update_setting"), {"presence_min_seconds": settings.webinar.presence_min_seconds}
        )
        connection.execute(
            statement("storage/registry/insert_build_settings"),
            {"time_zone": settings.timezone, "first_partition": settings.start_date},
        )
        calendar = require_build_settings(connection, settings)
        return MigrationReport(_between(connection, before), *calendar)


def migrate_back(engine: Engine, version: str) -> None:
    """Undo migrations down to ``version`` (kept), or all of them with ``base``, which also removes the schema."""
    with _owner(engine) as connection, migration_lock(connection):
        _alembic(engine, command.downgrade, version)
        if version == "base":
            connection.execute(text("drop table if exists stats.schema_migration"))
            connection.execute(text("drop schema if exists stats"))


def pending(connection: Connection) -> tuple[str, ...]:
    """Versions ``migrate`` would apply, oldest first."""
    return _between(connection, _current(connection), _script().get_current_head())


#: Why the build settings cannot be read: asked step by step, because each question fails without the one before.
_HINDRANCE = text("""
    select case
        when to_regnamespace('stats') is null then 'absent'
        when not has_schema_privilege('stats', 'usage') then 'no USAGE on schema stats'
        when to_regclass('stats.build_settings') is null then 'absent'
        when not has_table_privilege('stats.build_settings', 'select') then 'no SELECT on stats.build_settings'
    end""")


def stored_build_settings(connection: Connection) -> tuple[str, date] | None:
    """Time zone and first partition the buckets were built with, or None before the first migration.

    Raises UserError when the login may not read them.
    """
    hindrance = connection.execute(_HINDRANCE).scalar_one()
    if hindrance == "absent":
        return None
    if hindrance:
        raise not_allowed(hindrance)
    row = connection.execute(text("select time_zone, first_partition from stats.build_settings")).one_or_none()
    return (row.time_zone, row.first_partition) if row else None


def require_build_settings(connection: Connection, settings: Settings) -> tuple[str, date]:
    """The stored calendar, which must equal the settings: other days would be other numbers (T1).

    Raises UserError naming the setting that differs, or that nothing was migrated.
    """
    stored = stored_build_settings(connection)
    if stored is None:
        raise UserError("The database has no schema stats yet: run `eventflow migrate`.")
    for variable, wanted, found in (
        ("EVENTFLOW_TIMEZONE", settings.timezone, stored[0]),
        ("EVENTFLOW_START_DATE", settings.start_date, stored[1]),
    ):
        if wanted != found:
            raise UserError(
                f"{variable} is {wanted} but the buckets were built with {found}: set it to {found}, or discard all "
                "buckets with `eventflow rebuild --yes` and backfill."
            )
    return stored


def rebuild(engine: Engine, settings: Settings) -> None:
    """Discard every bucket and store the build settings of the settings; facts are not touched."""
    with _owner(engine) as connection, migration_lock(connection):
        if stored_build_settings(connection) is None:
            raise UserError("The database has no schema stats yet: run `eventflow migrate`.")
        with repeatable_read(connection):
            connection.execute(text(f"truncate {', '.join(_COMPUTED)}"))
            connection.execute(
                statement("storage/registry/replace_build_settings"),
                {"time_zone": settings.timezone, "first_partition": settings.start_date},
            )


def _run(connection: Connection, name: str) -> None:
    connection.exec_driver_sql(sql_text(name), execution_options={"no_parameters": True})


def _alembic(engine: Engine, action: Callable[[Config, str], None], version: str) -> None:
    """Run an Alembic command, one transaction a step, while the caller's connection holds the lock."""
    with _owner(engine) as connection:
        connection.commit()  # ends what SQLAlchemy takes for a transaction; the level can be set between two only
        connection.execution_options(isolation_level="READ COMMITTED")
        config = Config()
        config.set_main_option("script_location", str(_REVISIONS))
        config.attributes["connection"] = connection
        try:
            action(config, version)
        except DBAPIError as stopped:
            connection.rollback()
            raise UserError(
                f"Migrating stopped after version {_current(connection) or 'base'} and undid the step it was at "
                f"({reason(stopped)}): put that right and run the command again, it goes on from there."
            ) from stopped
        except CommandError as unknown:
            raise UserError(
                f"There is no way back to {version!r}: name base or an applied version, such as {_current(connection)}."
            ) from unknown


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_REVISIONS))


def _current(connection: Connection) -> str | None:
    options = {"version_table": "schema_migration", "version_table_schema": "stats"}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _between(connection: Connection, before: str | None, head: str | None = None) -> tuple[str, ...]:
    """Versions after ``before`` up to ``head`` (default: the current one), oldest first."""
    upper = head or _current(connection)
    if upper is None or upper == before:
        return ()
    newest_first = _script().iterate_revisions(upper, before or "base")
    return tuple(step.revision for step in newest_first)[::-1]


def _source_columns(connection: Connection) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(statement("storage/schema/select_source_columns")):
        found.setdefault(row.table_name, {})[row.column_name] = row.data_type
    return found
