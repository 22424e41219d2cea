"""Rows between Postgres and Parquet files: out of a snapshot and into scratch tables, by COPY, a batch at a time."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from psycopg import sql
from pyarrow.fs import FileSelector, FileSystem
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from eventflow_pipeline.warehouse.db.engine import reason
from eventflow_pipeline.warehouse.db.sql import statement

_TEXT, _TIME, _NUMBER = pa.string(), pa.timestamp("us", "UTC"), pa.int64()
_UTM = {"utm_source": _TEXT, "utm_medium": _TEXT, "utm_campaign": _TEXT}
#: Columns of what is exported, by the view of ``stats`` it is exported of, in the order of ``storage/export``. Ids are
#: text: lower-case, they are equal and in order where uuids are.
EXPORTED: Mapping[str, Mapping[str, pa.DataType]] = {
    "visit_facts": {
        "id": _TEXT, "campaign_id": _TEXT, "webinar_id": _TEXT, "session_id": _TEXT, **_UTM, "cid": _TEXT,
        "link_id": _TEXT, "accessed_at": _TIME, "created_at": _TIME,
    },
    "entry_facts": {
        "id": _TEXT, "campaign_id": _TEXT, "client_id": _TEXT, **_UTM, "cid": _TEXT, "link_id": _TEXT,
        "created_at": _TIME,
    },
    "campaigns": {"id": _TEXT, "client_id": _TEXT},
    "webinars": {"id": _TEXT, "client_id": _TEXT},
    "links": {"id": _TEXT, "client_id": _TEXT, "cid": _TEXT, **_UTM, "created_at": _NUMBER},
    "exclusion": {"campaign_id": _TEXT},
    "fold_rule": {
        "rule_no": _NUMBER, "client_id": _TEXT, "field": _TEXT, "kind": _TEXT, "prefix": _TEXT, "removed_at": _TIME,
    },
    "fold_value": {"rule_no": _NUMBER, "value": _TEXT},
}  # fmt: skip
#: Those of them that hold facts; all others are dimensions and rules.
FACTS = ("visit_facts", "entry_facts")
#: Bytes of CSV that are parsed at once, of what a file's group of rows holds, and rows that are sent at once.
_BLOCK, _ROWS, _READ_AHEAD = 4 << 20, 65_536, 1 << 20


class _CopiedOut(io.RawIOBase):
    """The bytes of COPY … TO STDOUT as a file."""

    def __init__(self, copy: psycopg.Copy, digest: "hashlib._Hash | None") -> None:
        self._rows = iter(copy)
        self._rest = memoryview(b"")
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        filled = 0
        while filled < len(room):
            if not self._rest:
                self._rest = memoryview(next(self._rows, b""))
                if not self._rest:
                    break
                if self._digest:
                    self._digest.update(self._rest)
            part = self._rest[: len(room) - filled]
            room[filled : filled + len(part)] = part
            self._rest = self._rest[len(part) :]
            filled += len(part)
        return filled


@contextmanager
def _cursor(connection: Connection) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor for COPY, which SQLAlchemy does not know; its errors are SQLAlchemy's, without the rows they quote."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    try:
        with raw.cursor() as cursor:
            yield cursor
    except psycopg.Error as problem:
        problem.args = (reason(problem),)
        raise DBAPIError.instance(
            None, None, problem, psycopg.Error, hide_parameters=True, connection_invalidated=raw.closed
        ) from problem


def export(
    connection: Connection,
    view: str,
    parameters: Mapping[str, Any],
    files: FileSystem,
    path: str,
    digest: "hashlib._Hash | None" = None,
) -> int:
    """Write what ``storage/export`` selects of a view of ``stats`` into one Parquet file; returns how many rows.

    Memory is bounded, however many rows there are. A view without rows gives a file without rows. ``digest`` is told
    of the rows, as they come.
    """
    schema = pa.schema(EXPORTED[view].items())
    parsed = {name: pa.timestamp("us") if kind == _TIME else kind for name, kind in EXPORTED[view].items()}
    query = statement(f"storage/export/select_{view}").compile(dialect=connection.dialect)
    # Times are printed as ISO says, whatever the server's settings. One process hands the rows over: with others beside
    # it all of a table may be read for a day.
    connection.exec_driver_sql("set local datestyle = 'ISO'")
    connection.exec_driver_sql("set local max_parallel_workers_per_gather = 0")
    rows = 0
    with _cursor(connection) as cursor, pq.ParquetWriter(path, schema, filesystem=files) as writer:
        copied = sql.SQL("copy ({}) to stdout (format csv)").format(sql.SQL(str(query)))
        values = {name: parameters[name] for name in query.params}
        with cursor.copy(copied, values or None) as copy:
            stream = io.BufferedReader(_CopiedOut(copy, digest), _BLOCK)
            if stream.peek(1):
                batches = pa_csv.open_csv(
                    pa.PythonFile(stream, mode="r"),
                    pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=schema.names),
                    pa_csv.ParseOptions(newlines_in_values=True),
                    pa_csv.ConvertOptions(
                        column_types=parsed,
                        null_values=[""],
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=False,
                    ),
                )
                for batch in batches:
                    writer.write_table(pa.Table.from_batches([batch]).cast(schema))
                    rows += batch.num_rows
    connection.exec_driver_sql("set local max_parallel_workers_per_gather = default")
    return rows


def parquet_files(files: FileSystem, folder: str) -> list[str]:
    """The Parquet files in a folder; none where nobody made it: an engine may write no file for no rows."""
    found = files.get_file_info(FileSelector(folder, allow_not_found=True, recursive=True))
    return sorted(one.path for one in found if one.is_file and one.path.endswith(".parquet"))


def stage(connection: Connection, table: str, columns: Sequence[str], files: FileSystem, folder: str) -> None:
    """Copy the rows of a folder's Parquet files into a scratch table. Memory is bounded."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    into = sql.SQL("copy {} ({}) from stdin (format csv)").format(sql.Identifier(table), names)
    with _cursor(connection) as cursor, cursor.copy(into) as copy:
        for path in parquet_files(files, folder):
            # Else a row group is read whole before its first row, and a cluster may put a million rows into one.
            with pq.ParquetFile(path, filesystem=files, buffer_size=_READ_AHEAD, pre_buffer=False) as file:
                for batch in file.iter_batches(_ROWS, columns=list(columns)):
                    lines = pa.BufferOutputStream()
                    pa_csv.write_csv(
                        batch.select(columns), lines, pa_csv.WriteOptions(include_header=False, batch_size=_ROWS)
                    )
                    copy.write(lines.getvalue().to_pybytes())
