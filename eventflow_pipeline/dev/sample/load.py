"""Copies a sample into EventFlow's source tables."""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import JsonbDumper

from eventflow_pipeline.dev.sample.options import SampleRefused
from eventflow_pipeline.dev.sample.rows import Sample


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
            statement = sql.SQL("copy {} ({}) from stdin").format(
                sql.Identifier("public", table), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with cursor.copy(statement) as copy:
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
