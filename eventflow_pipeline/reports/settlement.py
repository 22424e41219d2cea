"""A settlement as a file for people: CSV, Excel or one HTML page with its plots inside.

Text comes from outside. What a file cannot spell is replaced (``cells``), and what a program would run is stopped in
the way of each form: in CSV by an apostrophe, in Excel by the cell's type, in HTML by escaping.
"""

import base64
import csv
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.reports.cells import excel_text, spelled, unformulated
from eventflow_pipeline.warehouse.answers.settlement import Settlement

Cells = list[list[Any]]
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>{{ title }}</title><style{% if nonce %} nonce="{{ nonce }}"{% endif %}>
body { font: 14px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #ddd; white-space: nowrap }
th { text-align: left; background: #f4f4f4 } .number { text-align: right; font-variant-numeric: tabular-nums }
.pairs td { white-space: normal; overflow-wrap: anywhere } .pairs .number { text-align: left } h1 { font-size: 1.5rem }
.warning { background: #fff3cd; border-left: 4px solid #d39e00; padding: .5rem 1rem } img { max-width: 100% }
.wide { overflow-x: auto }
@page { margin: 15mm } @media print { body { margin: 0; max-width: none; font-size: 10px } .wide { overflow: visible }
th, td { white-space: normal; overflow-wrap: anywhere; padding: 1px 4px }
thead { display: table-header-group } tr { break-inside: avoid } h2 { break-after: avoid } }
</style></head><body><main><h1>{{ title }}</h1>
{% if closing and closing.exceptions %}<p class="warning">Closed although {{ closing.exceptions | join("; ") }}:
{{ closing.reason }}</p>{% elif not complete %}<p class="warning">Not complete: at least one day is missing or stale,
the numbers may change.</p>{% endif %}
{% if closing %}<p>Closed by {{ closing.author }}: the figures stand. What changed since is in the adjustments; closed
and all adjustments of a figure are what is published now. Days and data quality are as they are now.</p>{% endif %}
<img alt="Visits and conversions by day; the table Days has the figures" src="data:image/svg+xml;base64,{{ plot }}">
{% for name, columns, rows in tables %}<h2>{{ name }}</h2><div class="wide" tabindex="0">
<table{% if columns | length == 2 %} class="pairs"{% endif %}><thead><tr>{% for column, number in columns %}
<th scope="col"{% if number %} class="number"{% endif %}>{{ column }}</th>{% endfor %}</tr></thead>
{% for row in rows %}<tr>
{% for value, number in row %}<td{% if number %} class="number"{% endif %}>{{ value }}</td>{% endfor %}</tr>{% endfor %}
</table></div>
{% endfor %}<p>Visits are distinct sessions (M2) of the row's range: they do not add up over campaigns, links or days.
CVR = conversions / visits (M4). Days are {{ zone }}'s.</p></main></body></html>
"""
#: Sheets of a workbook, and the question each answers.
_QUESTIONS: Mapping[str, str] = {
    "Summary": "What is settled, of when, and may it still change?",
    "Data quality": "How much of it is linked, tagged and known?",
    "Days": "How much on each day? Visits are of the day: they do not add up.",
    "Campaigns": "How much by each campaign or webinar? Visits do not add up.",
    "Links": "How much by each link? Visits do not add up.",
    "Adjustments": "What has changed since the month was closed?",
}
#: Shares of a whole, shown as percentages; the same names hold counts elsewhere, which are whole numbers.
_RATES = frozenset({
    "cvr", "linkage", "utm_fill", "utm_fill_hits", "utm_fill_entries", "unresolved_link", "unresolved_link_hits",
    "unknown_link", "unknown_link_hits", "sessionless_hits",
})  # fmt: skip
_HEAD_ROWS = 2


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report: its columns, none where there is no row, and a cell of each in every row."""

    columns: Sequence[str]
    rows: Cells

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> "Table":
        """Rows by column; what only some have is None in the others."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        return cls(columns, [[row.get(name) for name in columns] for row in rows])

    def by_column(self) -> Iterable[dict[str, Any]]:
        """Its rows by column."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


class UnreadableReport(Exception):
    """A report that does not read back as what was written: one sentence. Nothing of it is left."""


def write_report(settlement: Settlement, file: Path, zone: ZoneInfo, nonce: str | None = None) -> None:
    """Write the settlement to ``file``; its suffix (.csv, .xlsx, .html) chooses the form.

    ``zone`` is the business zone, for times; ``nonce`` that of the policy a page is served with. The file is written
    beside its place, read back and compared cell by cell, and only then put there: what stood there before stays until
    then. Raises UserError for another suffix or a folder that cannot be written, UnreadableReport when what was
    written is not what is read.
    """
    form: Mapping[str, tuple[Callable[[Settlement, Path, ZoneInfo], Cells], Callable[[Path], Cells]]] = {
        ".csv": (_write_csv, _read_csv),
        ".xlsx": (_write_excel, _read_excel),
        ".html": (partial(_write_html, nonce=nonce), _read_html),
    }
    if file.suffix.lower() not in form:
        raise UserError(f"--out {file} has the suffix {file.suffix or '(none)'}: use .csv, .xlsx or .html.")
    write, read = form[file.suffix.lower()]
    written = file.with_name(f".{file.stem}.{uuid.uuid4().hex[:8]}{file.suffix}")
    try:
        meant = write(settlement, written, zone)
        _check(file, meant, lambda: read(written))
        written.replace(file)
    except OSError as problem:
        raise UserError(f"{file} cannot be written ({problem.strerror}): give --out a folder that can.") from problem
    finally:
        with suppress(OSError):
            written.unlink()


def _check(file: Path, meant: Cells, read: Callable[[], Cells]) -> None:
    try:
        why = "" if read() == meant else "does not read back as the settlement"
    except Exception as problem:  # whatever a reader of broken files may raise
        why = f"cannot be read back ({type(problem).__name__})"
    if why:
        raise UnreadableReport(
            f"{file} is not written, because what was made for it {why}: give --out another form, .csv, .xlsx or .html."
        )


def tables_of(
    settlement: Settlement, zone: ZoneInfo, cell: Callable[[Any, ZoneInfo], Any] | None = None
) -> dict[str, Table]:
    """The report's tables by title, each value as ``cell`` makes it (``_plain`` unless given)."""
    shown = cell or _plain

    def made(rows: Sequence[Mapping[str, Any]]) -> Table:
        return Table.of([{name: shown(value, zone) for name, value in row.items()} for row in rows])

    days = settlement.days_range
    summary = {
        "client": settlement.client_name,
        "client_id": settlement.client_id,
        "from": days.first,
        "to": days.last,
        "time_zone": zone.key,
        "as_of": settlement.as_of,
        "complete": "yes" if settlement.complete else "NO",
        **_closing(settlement),
        **settlement.totals,
    }
    adjusted = {"Adjustments": made(settlement.adjustments)} if settlement.closing else {}
    return {
        "Summary": made([{"name": name, "value": value} for name, value in summary.items()]),
        "Data quality": made([{"name": name, "value": value} for name, value in settlement.quality.items()]),
        "Days": made(settlement.days),
        "Campaigns": made(settlement.campaigns),
        "Links": made(settlement.links),
        **adjusted,
    }


def _closing(settlement: Settlement) -> Mapping[str, Any]:
    """What a statement says of a closed month: by whom and when, what spoke against it, by which hash it is known."""
    closing = settlement.closing
    if closing is None:
        return {}
    return {
        "closed_at": closing["recorded_at"],
        "closed_by": closing["author"],
        "closing_version": closing["version"],
        "closing_entry": closing["entry_no"],
        "closing_hash": closing["hash"],
        "hash_before": closing["previous_hash"],
        "closed_although": "; ".join(closing["exceptions"]) or None,
        "closing_reason": closing["reason"],
        "quality_checks_failed": "; ".join(closing["quality"]) or None,
        "adjustments": len({row["entry_no"] for row in settlement.adjustments}),
    }


def _plain(value: Any, zone: ZoneInfo) -> Any:
    """A cell: times with their zone's offset, rates to four digits, ids as text, text that every form can spell."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, str):
        return spelled(value)
    try:
        return round(float(value), 4)
    except (TypeError, ValueError):
        return str(value)


def _write_csv(settlement: Settlement, file: Path, zone: ZoneInfo) -> Cells:
    """One table: a column says which part a row belongs to; as_of and complete stand beside every row."""
    tables = tables_of(settlement, zone)
    state = {"as_of": _plain(settlement.as_of, zone), "complete": "yes" if settlement.complete else "NO"}
    total = {
        "part": "total",
        "from": settlement.days_range.first.isoformat(),
        "to": settlement.days_range.last.isoformat(),
        "client": _plain(settlement.client_name, zone),
        "client_id": str(settlement.client_id),
        **{name: _plain(value, zone) for name, value in _closing(settlement).items()},
        **{name: _plain(value, zone) for name, value in settlement.totals.items()},
        **{f"quality_{name}": _plain(value, zone) for name, value in settlement.quality.items()},
    }
    parts = {"Campaigns": "campaign", "Links": "link", "Days": "day", "Adjustments": "adjustment"}
    others = [
        {**row, "part": part} for name, part in parts.items() if name in tables for row in tables[name].by_column()
    ]
    whole = Table.of([total, *others])
    written = [
        [*whole.columns, *state],
        *(["" if cell is None else str(unformulated(cell)) for cell in (*row, *state.values())] for row in whole.rows),
    ]
    with file.open("w", encoding="utf-8-sig", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows(written)
    return written


def _read_csv(file: Path) -> Cells:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))


def _write_excel(settlement: Settlement, file: Path, zone: ZoneInfo) -> Cells:
    """A sheet a question, which is its first row; then its head, which stays in sight."""
    import openpyxl
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    meant: Cells = []
    workbook = openpyxl.Workbook()
    del workbook["Sheet"]
    for name, table in tables_of(settlement, zone, _typed).items():
        rows = [[_excel_cell(value) for value in row] for row in table.rows]
        title = [_QUESTIONS[name], *[None] * (len(table.columns) - 1)]
        below = [[*table.columns], *rows] if rows else []
        meant += [[name], title, *below]
        sheet = workbook.create_sheet(name)
        for row in (title, *below):
            sheet.append(row)
        sheet.freeze_panes = f"A{_HEAD_ROWS + 1}"
        for n, row_of_cells in enumerate(sheet.iter_rows(), start=1):
            for cell, column in zip(row_of_cells, table.columns or [""], strict=False):
                _format(cell, str(row_of_cells[0].value) if column == "value" else column)
                if n <= _HEAD_ROWS:
                    cell.font = Font(bold=True, size=13 if n == 1 else 11)
        for n, values in enumerate(zip(*below, strict=True), start=1):
            width = max(len(str(value)) for value in values if value is not None)
            sheet.column_dimensions[get_column_letter(n)].width = min(max(10, width + 2), 48)
    workbook.save(file)
    return meant


def _format(cell: Any, name: str) -> None:
    """How a workbook shows a value of this name, and what it stays when somebody edits it."""
    if isinstance(cell.value, str):
        # Text, whatever it looks like.
        cell.data_type, cell.number_format = "s", "@"
    elif isinstance(cell.value, datetime):
        cell.number_format = "yyyy-mm-dd" if cell.value.time() == time() else "yyyy-mm-dd hh:mm:ss"
    elif isinstance(cell.value, float) and name in _RATES:
        cell.number_format = "0.0%"
    elif isinstance(cell.value, int):
        cell.number_format = "#,##0"


def _typed(value: Any, zone: ZoneInfo) -> Any:
    """A value for a workbook, which knows no zones: instants are the business zone's, to the second."""
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None, microsecond=0)
    return datetime.combine(value, time()) if isinstance(value, date) else _plain(value, zone)


def _excel_cell(value: Any) -> Any:
    return (excel_text(value) or None) if isinstance(value, str) else value


def _read_excel(file: Path) -> Cells:
    import openpyxl

    found: list[list[Any]] = []
    for sheet in openpyxl.load_workbook(file):
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        if any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row):
            raise ValueError("a formula")
        found += [[sheet.title], *(row for row in rows if any(value is not None for value in row))]
    return found


def _write_html(settlement: Settlement, file: Path, zone: ZoneInfo, nonce: str | None = None) -> Cells:
    tables = [(name, *_html_table(table)) for name, table in tables_of(settlement, zone).items()]
    from jinja2 import Environment

    page = Environment(autoescape=True).from_string(_PAGE)
    title = spelled(f"Settlement {settlement.client_name or settlement.client_id}, {settlement.days_range}")
    file.write_text(
        page.render(
            title=title,
            complete=settlement.complete,
            closing=settlement.closing,
            tables=tables,
            plot=_plot(settlement),
            zone=zone.key,
            nonce=nonce,
        ),
        encoding="utf-8",
    )
    texts = ((name, *(text for row in (columns, *rows) for text, _ in row)) for name, columns, rows in tables)
    return [[title, *(text for of_table in texts for text in of_table)]]


def _html_table(table: Table) -> tuple[list[tuple[str, bool]], list[list[tuple[str, bool]]]]:
    """Headings and rows, each cell's text and whether it is a number; ids, which nobody reads, stand last."""
    places = sorted(range(len(table.columns)), key=lambda place: table.columns[place].endswith("_id"))
    columns = [table.columns[place] for place in places]
    rows = [[_shown(row[place], str(row[0]) if column == "value" else column)
             for column, place in zip(columns, places, strict=True)] for row in table.rows]  # fmt: skip
    if columns == ["name", "value"]:
        rows = [[(name.replace("_", " "), False), *values] for (name, _), *values in rows]
    are_numbers = [any(is_number for _, is_number in cells) for cells in zip(*rows, strict=True)]
    headings = [(name.replace("_", " "), number) for name, number in zip(columns, are_numbers, strict=bool(rows))]
    return headings, rows


class _HtmlCells(HTMLParser):
    """Collects the text of headings and cells; ``ended`` once the page has its end."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.inside = self.ended = False

    def handle_starttag(self, tag: str, _: object) -> None:
        self.inside = tag in ("h1", "h2", "th", "td")
        if self.inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False
        self.ended = tag == "html"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def _read_html(file: Path) -> Cells:
    parser = _HtmlCells()
    parser.feed(file.read_text(encoding="utf-8"))
    parser.close()
    if not parser.ended:
        raise ValueError("the page has no end")
    return [parser.cells]


def _shown(value: Any, name: str) -> tuple[str, bool]:
    """Text of a cell of this name, and whether it is a number."""
    if value is None:
        return "", False
    if isinstance(value, int):
        return f"{value:,}", True
    if isinstance(value, float) and name in _RATES:
        return f"{value:.1%}", True
    return str(value), isinstance(value, float)


def _plot(settlement: Settlement) -> str:
    """Visits and conversions by day as SVG in base64."""
    from eventflow_pipeline.reports import charts

    named = {measure: [row[measure] for row in settlement.days] for measure in ("visits", "conversions")}
    drawn = charts.lines("Visits and conversions by day", [str(row["date"]) for row in settlement.days], named)
    return base64.b64encode(drawn.encode()).decode("ascii")
