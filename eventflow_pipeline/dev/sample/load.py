"""A sample in a database: EventFlow's tables filled, and concurrency samples replayed from presence."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import JsonbDumper
from sqlalchemy import Engine, select, text
from sqlalchemy import table as table_of

from eventflow_pipeline.dev.sample.generate import generate
from eventflow_pipeline.dev.sample.options import SampleOptions, SampleRefused
from eventflow_pipeline.dev.sample.rows import Sample
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.schema.migrations import create_source


def load(
    connection: psycopg.Connection[Any],
    sample: Sample,
    progress: Callable[[str, int], None] | None = None,
    *,
    replace: bool = False,
) -> dict[str, int]:
    """Copy ``sample`` into ``public`` and return the number of rows by table.

    ``connection`` is the table owner's: row-level security must not hide rows from the check. It is all one
    transaction; ``progress`` gets each table and its rows once copied. Raises SampleRefused (a ValueError)
    when a source table already holds a row, unless ``replace`` asks to empty the source tables first.
    """
    tables = sample.tables()
    names = sql.SQL(", ").join(sql.Identifier("public", table) for table, _, _ in tables)
    counts: dict[str, int] = {}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.adapters.register_dumper(dict, JsonbDumper)
        if replace:
            cursor.execute(sql.SQL("truncate {}").format(names))
        else:
            # No writer may slip in between the check and the copy.
            cursor.execute(sql.SQL("lock table {} in share row exclusive mode").format(names))
            _refuse_rows(cursor, [table for table, _, _ in tables])
        for table, kind, rows in tables:
            columns = [field.name for field in fields(kind)]
            values = attrgetter(*columns)
            command = sql.SQL("copy {} ({}) from stdin").format(
                sql.Identifier("public", table), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with cursor.copy(command) as copy:
                for row in rows:
                    copy.write_row(values(row))
            counts[table] = len(rows)
            if progress is not None:
                progress(table, len(rows))
        cursor.execute(sql.SQL("analyze {}").format(names))
    return counts


def _refuse_rows(cursor: psycopg.Cursor[Any], tables: list[str]) -> None:
    """Raise SampleRefused naming the first of ``tables`` that holds a row."""
    for table in tables:
        cursor.execute(sql.SQL("select 1 from {} limit 1").format(sql.Identifier("public", table)))
        if cursor.fetchone() is not None:
            raise SampleRefused(
                f"public.{table} already holds rows: use an empty database, or ask to replace them,"
                " which empties EventFlow's tables first."
            )


def require_named(engine: Engine, database: str | None) -> None:
    """Refuse (UserError) unless ``database`` is the very name of the database ``engine`` connects to.

    For a server that is not the project's own: sample facts in production would be billed.
    """
    with connect(engine) as connection:
        name = connection.execute(text("select pg_catalog.current_database()")).scalar_one()
    if database != name:
        raise UserError(
            f"{engine.get_execution_options()['variable']} names the database {name}, which is not this project's own, "
            "and sample facts are for development: unset it to use a server of the project's own, or say "
            f"--database {name} if you mean it."
        )


def load_sample(
    engine: Engine, settings: Settings, *, days: int, replace: bool = False, **sizes: Any
) -> dict[str, int]:
    """Generate a sample of ``days`` days up to this moment and load it; returns rows by table.

    Creates EventFlow's tables where there are none. Nothing is touched when one of them holds a row, unless
    ``replace``. ``engine`` is the table owner's, ``sizes`` are fields of SampleOptions. Raises SampleRefused
    (a UserError), and UserError where only some of the tables exist.
    """
    now = datetime.now(UTC)
    options = SampleOptions(until=today(settings.zone, now), days=days, time_zone=settings.zone, now=now, **sizes)
    if not replace and (filled := _first_filled(engine)):
        raise SampleRefused(
            f"public.{filled} already holds rows, so nothing was changed: name an empty database, or give --replace, "
            "which empties EventFlow's tables first."
        )
    sample = generate(options)
    create_source(engine)
    with connect(engine) as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        return load(raw, sample, replace=replace)


def sample_is_loaded(engine: Engine) -> bool:
    """Does any of EventFlow's tables hold a row?"""
    return _first_filled(engine) is not None


def _first_filled(engine: Engine) -> str | None:
    """The first of EventFlow's tables that holds a row; a table that does not exist holds none."""
    with connect(engine) as connection:
        for source in SOURCE_TABLES:
            known = {"name": f"public.{source.name}"}
            if connection.execute(text("select pg_catalog.to_regclass(:name)"), known).scalar() is None:
                continue
            any_row = select(text("1")).select_from(table_of(source.name, schema="public")).limit(1)
            if connection.execute(any_row).first() is not None:
                return source.name
    return None


def replay_presence(engine: Engine, *, most: int = 2, now: datetime | None = None) -> int:
    """Fill ``stats.webinar_sample`` for the ``most`` latest webinars with presence; returns how many samples.

    ``engine`` is the table owner's; schema stats must be there. Only for sample data: real presence has been
    overwritten, so its past cannot be read from it.
    """
    with connect(engine) as connection:
        result = connection.execute(statement("dev/replay_presence"), {"most": most, "now": now or datetime.now(UTC)})
        return result.rowcount
