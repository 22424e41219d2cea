"""Row sets as files, piece by piece: memory holds a batch of rows, whatever the number of rows."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventflow_pipeline.reports.cells import FORMULA_SQL, excel_text
from eventflow_pipeline.serve_app.asked import Asked
from eventflow_pipeline.serve_app.refusals import Refusal
from eventflow_pipeline.warehouse.serve.reader import Asking

#: Rows that are fetched, written and sent at once.
_BATCH = 5_000
_PIECE_BYTES = 64 * 1024
#: Rows of a group of Parquet, as text.
_GROUP_BYTES = 256 * 1024
#: What a sheet holds, its head included.
_SHEET_ROWS = 1_048_576
#: Columns of a row and where each comes from. Ids are text: a file has no uuid.
_COLUMNS: Mapping[str, str] = {
    "client_id": "r.client_id::text",
    "client_name": "client.name",
    "entity_type": "r.entity_type",
    "entity_id": "r.entity_id::text",
    "entity_title": "entity.name",
    "link_id": "r.link_id::text",
    "link_name": "link.name",
    "link_status": "r.link_status",
    "utm_source": "r.utm_source",
    "utm_medium": "r.utm_medium",
    "utm_campaign": "r.utm_campaign",
    "hits": "r.hits",
    "visits": "r.visits",
    "sessionless_hits": "r.sessionless_hits",
    "conversions": "r.conversions",
    "cvr": "round(r.cvr, 6)::float8",
}
#: Text that somebody else typed.
_FOREIGN = ("client_name", "entity_title", "link_name", "utm_source", "utm_medium", "utm_campaign")
_QUERY = """
    with names as materialized (select * from stats.readable_names(%(client)s))
    select {columns}
    from {function}(%(grain)s, %(first)s, %(last)s, %(client)s) r
    left join names client on client.kind = 'client' and client.id = r.client_id
    left join names entity on entity.kind = r.entity_type and entity.id = r.entity_id
        and entity.client_id is not distinct from r.client_id
    left join names link on link.kind = 'link' and link.id = r.link_id and link.client_id = r.client_id
"""


@dataclass(frozen=True)
class RowSet:
    """What can be exported: the function that is asked, and whether its rows have a day."""

    function: str
    by_day: bool = False


ROW_SETS: Mapping[str, RowSet] = {
    "summary": RowSet("stats.range_summary"),
    "days": RowSet("stats.daily_series", by_day=True),
}
#: Media types of the forms.
FORMS: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}


def pieces(asking: Asking, rows: RowSet, grain: str, asked: Asked, form: str) -> Iterator[bytes]:
    """The file of a row set at a grain (stats.grain), in pieces. Raises psycopg.Error before the first, or Refusal."""
    makers: Mapping[str, Callable[[Asking, RowSet, Mapping[str, Any]], Iterator[bytes]]] = {
        "csv": _csv, "xlsx": _excel, "parquet": _parquet,
    }  # fmt: skip
    parameters = {"grain": grain, "first": asked.first, "last": asked.last, "client": asked.client}
    yield from makers[form](asking, rows, parameters)


def _columns(rows: RowSet) -> dict[str, str]:
    """Columns of the file and where each comes from."""
    return {"date": "r.bucket_date", **_COLUMNS} if rows.by_day else dict(_COLUMNS)


def _query(rows: RowSet, *, guarded: bool = False) -> str:
    """The rows with their names; ``guarded``: what a spreadsheet would run has an apostrophe before it."""
    columns = _columns(rows)
    for name in _FOREIGN if guarded else ():
        text = columns[name]
        columns[name] = f"case when {text} ~ {FORMULA_SQL} then '''' || {text} else {text} end"
    listed = ", ".join(f"{source} as {name}" for name, source in columns.items())
    return _QUERY.format(columns=listed, function=rows.function)


def _copied(asking: Asking, copied: str, parameters: Mapping[str, Any], size: int) -> Iterator[bytes]:
    """What COPY makes, whole rows of about so many bytes at a time."""
    held = bytearray()
    with asking.connection.cursor().copy(copied.encode(), parameters) as rows:
        for row in rows:
            held += row
            if len(held) >= size:
                yield bytes(held)
                held.clear()
    yield bytes(held)


def _csv(asking: Asking, rows: RowSet, parameters: Mapping[str, Any]) -> Iterator[bytes]:
    """As COPY makes it; Excel reads UTF-8 by the mark at its beginning."""
    copied = f"copy ({_query(rows, guarded=True)}) to stdout (format csv, header true)"
    pieces = _copied(asking, copied, parameters, _PIECE_BYTES)
    yield b"\xef\xbb\xbf" + next(pieces)
    yield from pieces


def _batches(asking: Asking, rows: RowSet, parameters: Mapping[str, Any]) -> Iterator[tuple[list[str], list[Any]]]:
    """Names of the columns and rows, a batch at a time; the last batch is empty."""
    with asking.connection.cursor("export") as cursor:
        cursor.execute(_query(rows).encode(), parameters)
        names = [column.name for column in cursor.description or ()]
        while batch := cursor.fetchmany(_BATCH):
            yield names, batch
        yield names, []


def _excel(asking: Asking, rows: RowSet, parameters: Mapping[str, Any]) -> Iterator[bytes]:
    """One sheet: typed cells, its head frozen; rows go to a file of the system's as they come."""
    import openpyxl
    from openpyxl.utils import get_column_letter

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.freeze_panes = "A2"
    written = 0
    try:
        for names, batch in _batches(asking, rows, parameters):
            if not written:
                for n in range(len(names)):
                    sheet.column_dimensions[get_column_letter(n + 1)].width = 18
                sheet.append([_cell(sheet, name.replace("_", " "), bold=True) for name in names])
                written = 1
            written += len(batch)
            if written > _SHEET_ROWS:
                raise Refusal(
                    400, f"A sheet holds {_SHEET_ROWS - 1:,} rows, and there are more: ask for csv or parquet."
                )
            for row in batch:
                sheet.append([_cell(sheet, value) if isinstance(value, str) else value for value in row])
        with tempfile.TemporaryFile() as file:
            book.save(file)
            file.seek(0)
            yield from iter(lambda: file.read(_PIECE_BYTES), b"")
    finally:
        _discard(sheet)


def _discard(sheet: Any) -> None:
    """Remove the file of a sheet's rows, which openpyxl removes of none but a saved book."""
    writer = sheet._writer
    if writer is None or not Path(writer.out).exists():
        return
    # Its end cannot be written where the disk is full, which is no reason to leave it there.
    with suppress(Exception):
        if not sheet.closed:
            sheet.close()
    writer.cleanup()


def _cell(sheet: Any, text: str, *, bold: bool = False) -> Any:
    """Text, whatever it looks like, and still when somebody edits the cell."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cell = WriteOnlyCell(sheet, excel_text(text))
    cell.data_type, cell.number_format = "s", "@"
    if bold:
        cell.font = Font(bold=True)
    return cell


class _Drained(io.RawIOBase):
    """A file to write to, of which what was written is taken away."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        self._held += data
        self._at += len(data)
        return len(data)

    def take(self) -> bytes:
        """What was written since it was last taken."""
        taken = bytes(self._held)
        self._held.clear()
        return taken


def _parquet(asking: Asking, rows: RowSet, parameters: Mapping[str, Any]) -> Iterator[bytes]:
    """A group of rows a block that COPY makes.

    Read by Arrow itself: made of Python's values, it would import pandas to see whether they are pandas', a quarter of
    the process's memory.
    """
    import pyarrow
    from pyarrow import csv, parquet

    # Arrow's own keeps what it has no more use for.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    types = {"date": pyarrow.date32(), "cvr": pyarrow.float64()}
    types |= dict.fromkeys(("hits", "visits", "sessionless_hits", "conversions"), pyarrow.int64())
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in _columns(rows)])
    # What has quotes is text, however empty; what has none and is empty is NULL.
    values = csv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    lines = csv.ParseOptions(newlines_in_values=True)
    file = _Drained()
    writer = parquet.ParquetWriter(file, schema)
    for block in _copied(asking, f"copy ({_query(rows)}) to stdout (format csv)", parameters, _GROUP_BYTES):
        if block:
            whole = csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=len(block) + 1)
            writer.write_table(csv.read_csv(pyarrow.BufferReader(block), whole, lines, values))
            yield file.take()
    writer.close()
    yield file.take()
