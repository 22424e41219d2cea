"""What the buckets were built with (T1): time zone and first partition, as the first ``migrate`` stored them.

Apart from the migrations, whose library takes longer to import than all else that a process needs to read two values.
"""

from datetime import date

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import may_not_read, reason

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
        raise may_not_read(connection, hindrance)
    try:
        row = connection.execute(text("select time_zone, first_partition from stats.build_settings")).one_or_none()
    except ProgrammingError as problem:  # rows are for those who may ask who they are
        raise may_not_read(connection, reason(problem)) from problem
    return (row.time_zone, row.first_partition) if row else None


def require_build_settings(connection: Connection, settings: Settings) -> tuple[str, date]:
    """The stored build settings, which must equal the settings: other days would be other numbers (T1).

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
