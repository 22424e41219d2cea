"""A settlement as a file for people: CSV, Excel or one HTML page with its plots inside."""

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from jinja2 import Environment

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.settlement import Settlement

#: A cell that begins like this is a formula to a spreadsheet, whoever named the campaign.
_FORMULA = re.compile(r"^[\s]*[=+\-@\t\r]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 14px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #ddd }
th { text-align: left; background: #f4f4f4 } td.number { text-align: right; font-variant-numeric: tabular-nums }
.warning { background: #fff3cd; border-left: 4px solid #d39e00; padding: .5rem 1rem } img { max-width: 100% }
</style></head><body><h1>{{ title }}</h1>
{% if not complete %}<p class="warning">Not complete: at least one day is missing or stale, the numbers may change.</p>
{% endif %}{% for name, columns, rows in tables %}<h2>{{ name }}</h2><table><tr>{% for column in columns %}
<th>{{ column }}</th>{% endfor %}</tr>{% for row in rows %}<tr>{% for value, number in row %}
<td{% if number %} class="number"{% endif %}>{{ value }}</td>{% endfor %}</tr>{% endfor %}</table>
{% if name == "Days" %}<img alt="Visits and conversions by day" src="data:image/png;base64,{{ plot }}">{% endif %}
{% endfor %}<p>Visits are distinct sessions (M2) of the row's range: they do not add up over campaigns, links or days.
CVR = conversions / visits (M4). Days are {{ zone }}'s.</p></body></html>
"""


def write_report(settlement: Settlement, file: Path, zone: ZoneInfo) -> None:
    """Write the settlement to ``file``; its suffix (.csv, .xlsx, .html) chooses the form.

    ``zone`` is the business zone, for times. Text that a spreadsheet would run as a formula gets an apostrophe in
    front. Raises UserError for another suffix or a folder that cannot be written.
    """
    writers: Mapping[str, Callable[[Settlement, Path, ZoneInfo], None]] = {
        ".csv": _write_csv,
        ".xlsx": _write_excel,
        ".html": _write_html,
    }
    writer = writers.get(file.suffix.lower())
    if writer is None:
        raise UserError(f"--out {file} has the suffix {file.suffix or '(none)'}: use .csv, .xlsx or .html.")
    try:
        writer(settlement, file, zone)
    except OSError as problem:
        raise UserError(f"{file} cannot be written ({problem.strerror}): give --out a folder that can.") from problem


def frames(settlement: Settlement, zone: ZoneInfo) -> dict[str, pd.DataFrame]:
    """The report's tables by title."""
    days = settlement.days_range
    summary = {
        "client": settlement.client_name,
        "client_id": settlement.client_id,
        "from": days.first,
        "to": days.last,
        "time_zone": zone.key,
        "as_of": settlement.as_of,
        "complete": "yes" if settlement.complete else "NO",
        **settlement.totals,
    }
    return {
        "Summary": _frame([{"name": name, "value": value} for name, value in summary.items()], zone),
        "Data quality": _frame([{"name": name, "value": value} for name, value in settlement.quality.items()], zone),
        "Days": _frame(settlement.days, zone),
        "Campaigns": _frame(settlement.campaigns, zone),
        "Links": _frame(settlement.links, zone),
    }


def _frame(rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> pd.DataFrame:
    return pd.DataFrame([{name: _plain(value, zone) for name, value in row.items()} for row in rows], dtype=object)


def _plain(value: Any, zone: ZoneInfo) -> Any:
    """A cell: times with their zone's offset, rates to four digits, ids as text, text that cannot be a formula."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, str):
        cleaned = _CONTROL.sub(" ", value)
        return f"'{cleaned}" if _FORMULA.match(cleaned) else cleaned
    try:
        return round(float(value), 4)
    except (TypeError, ValueError):
        return str(value)


def _write_csv(settlement: Settlement, file: Path, zone: ZoneInfo) -> None:
    """One table: a column says which part a row belongs to; as_of and complete stand beside every row."""
    tables = frames(settlement, zone)
    state = {"as_of": _plain(settlement.as_of, zone), "complete": "yes" if settlement.complete else "NO"}
    parts = [
        pd.DataFrame(
            [
                {
                    "part": "total",
                    "from": settlement.days_range.first.isoformat(),
                    "to": settlement.days_range.last.isoformat(),
                    "client": _plain(settlement.client_name, zone),
                    "client_id": str(settlement.client_id),
                    **{name: _plain(value, zone) for name, value in settlement.totals.items()},
                    **{f"quality_{name}": _plain(value, zone) for name, value in settlement.quality.items()},
                }
            ],
            dtype=object,
        ),
        *(
            tables[name].assign(part=part)
            for name, part in (("Campaigns", "campaign"), ("Links", "link"), ("Days", "day"))
        ),
    ]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True).assign(**state)
    table.to_csv(file, index=False, encoding="utf-8-sig")


def _write_excel(settlement: Settlement, file: Path, zone: ZoneInfo) -> None:
    with pd.ExcelWriter(file, engine="openpyxl") as workbook:
        for name, table in frames(settlement, zone).items():
            table.to_excel(workbook, sheet_name=name, index=False)
            sheet = workbook.sheets[name]
            sheet.freeze_panes = "A2"
            for column in sheet.columns:
                width = max(len(str(cell.value)) if cell.value is not None else 0 for cell in column)
                sheet.column_dimensions[column[0].column_letter].width = min(max(10, width + 2), 48)


def _write_html(settlement: Settlement, file: Path, zone: ZoneInfo) -> None:
    tables = [
        (
            name,
            [str(column).replace("_", " ") for column in table.columns],
            [[_shown(value) for value in row] for row in table.itertuples(index=False)],
        )
        for name, table in frames(settlement, zone).items()
    ]
    page = Environment(autoescape=True).from_string(_PAGE)
    file.write_text(
        page.render(
            title=f"Settlement {settlement.client_name or settlement.client_id}, {settlement.days_range}",
            complete=settlement.complete,
            tables=tables,
            plot=_plot(settlement),
            zone=zone.key,
        ),
        encoding="utf-8",
    )


def _shown(value: Any) -> tuple[str, bool]:
    """Text of a cell and whether it is a number."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "", False
    if isinstance(value, int):
        return f"{value:,}", True
    return str(value), isinstance(value, float)


def _plot(settlement: Settlement) -> str:
    """Visits and conversions by day as a PNG in base64. No names, so no fonts beyond the default."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.5), layout="constrained")
    axes = figure.add_subplot()
    dates = [row["date"] for row in settlement.days]
    for measure, colour in (("visits", "#2b6cb0"), ("conversions", "#c05621")):
        axes.plot(dates, [row[measure] for row in settlement.days], marker="o", ms=3, label=measure, color=colour)
    axes.set_ylim(bottom=0)
    axes.legend()
    axes.grid(visible=True, alpha=0.3)
    figure.autofmt_xdate()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return base64.b64encode(image.getvalue()).decode("ascii")
