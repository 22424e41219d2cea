"""``eventflow explain``: why a number is what it is."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from eventflow_pipeline.cli.app import Json, answer, app, asked_day
from eventflow_pipeline.domain.days import DayRange, local_time
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import UserError


def _uuid(option: str, value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError as problem:
        raise UserError(f"{option} {value!r} is not an id: give a uuid.") from problem


@app.command()
def explain(
    client: Annotated[str, typer.Option(metavar="CLIENT", help="Client: its id, its name, or unknown.")],
    day: Annotated[str, typer.Option("--date", metavar="DATE", help="Business day, a local date.")],
    campaign: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this campaign or webinar of the client.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer "why this number": a client's facts of one day by member, exclusions, attribution, ledger of changes.

    Counts the raw facts anew beside what is published, so a difference shows; by entity, link and UTM; by which rule
    links and UTM were found; what is excluded and by whom; what the same date would hold in UTC; which checks of
    quality the day fails for the client. Exit status 1 when what is published is not what the facts say now.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.answers.explain import explain as explain_day
    from eventflow_pipeline.warehouse.db.engine import pipeline
    from eventflow_pipeline.warehouse.quality.indicators import findings

    with environment() as settings, pipeline(settings) as engine:
        chosen = _uuid("--campaign", campaign) if campaign else None
        found = explain_day(engine, settings, client, asked_day(settings, "--date", day), chosen)
        failing = [
            {"check": one.check, "severity": one.severity.value, "said": one.said}
            for one in findings(engine, settings, DayRange(found.day, found.day))
            if one.client_id == found.client["id"]
        ]
    if as_json:
        answer(True, found.as_json() | {"failing_checks": failing}, "")
    else:
        _print_explanation(found, failing, settings.zone)
    if not found.agrees:
        raise typer.Exit(1)


def _cell(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, datetime):
        return local_time(value, zone)
    return "–" if value is None else plain(str(value))


def _before_and_after(change: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the ledger, its measures as ``before → after``: so a terminal has room for it."""
    said = {name: change[name] for name in ("replaced_at", "cause", "reason", "author", "run_id")}
    said["run_id"] = said["run_id"] and said["run_id"].partition("-")[0]
    return said | {m: f"{change[f'{m}_before']} → {change[f'{m}_after']}" for m in ("hits", "visits", "conversions")}


def _print_explanation(found: Any, failing: list[dict[str, Any]], zone: ZoneInfo) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from eventflow_pipeline.warehouse.answers.explain import MEASURES

    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 160)

    def show(title: str, rows: list[dict[str, Any]], most: int = 15) -> None:
        if not rows:
            return
        table = Table(
            title=title + (f" (first {most} of {len(rows)})" if len(rows) > most else ""), title_justify="left"
        )
        for heading in rows[0]:
            side: Literal["right", "left"] = "right" if heading in (*MEASURES, "facts") else "left"
            table.add_column(heading.replace("_", " "), justify=side, overflow="fold")
        for row in rows[:most]:
            table.add_row(*(Text(_cell(value, zone)) for value in row.values()))
        console.print(table)

    about = f", campaign or webinar {found.campaign}" if found.campaign else ""
    console.print(f"{plain(found.client['name'])} ({found.client['id']}) on {found.day}{about}")
    console.print(f"The day is {found.window.start:%Y-%m-%d %H:%M} to {found.window.end:%Y-%m-%d %H:%M} UTC (T1).")
    published = found.published or dict.fromkeys(MEASURES)
    show("Numbers", [
        {"": "published", **{m: published[m] for m in MEASURES}},
        {"": "facts now", **found.facts},
        {"": "same date in UTC", **found.utc_date},
    ])  # fmt: skip
    if found.state is None:
        console.print("The day was never computed.")
    else:
        stale = found.state["stale_since"]
        console.print(
            f"Computed {_cell(found.state['computed_at'], zone)}, run {found.state['run_id'] or '–'}"
            + (f"; stale since {_cell(stale, zone)} ({found.state['stale_cause']})" if stale else "; not stale")
            + (f"; held: {found.state['held_reason']}" if found.state["held_since"] else "")
            + plain(
                f"; kept as it is, though its facts differ, by {found.state['kept_by']} since "
                f"{_cell(found.state['kept_since'], zone)}: {found.state['kept_reason']}"
                if found.state["kept_since"]
                else ""
            )
        )
    if found.closing:
        month = f"{found.closing['month']:%Y-%m}"
        console.print(
            plain(
                f"{month} is closed for this client (version {found.closing['version']}, entry "
                f"{found.closing['entry_no']}, by {found.closing['author']} on "
                f"{found.closing['recorded_at']:%Y-%m-%d}): what changed since is an adjustment, see "
                f"`eventflow adjustments --month {month}`."
            )
        )
    else:
        console.print(f"{found.day:%Y-%m} is not closed for this client: its figures may still change.")
    show("Checks of quality that fail, as measured with the day", failing)
    show("By campaign or webinar (E1)", found.members["entity"])
    show("By link (A1, A2)", found.members["link"])
    show("By UTM (A3)", found.members["utm"])
    several = ", ".join(f"{level} {extra}" for level, extra in found.visits_counted_in_several.items() if extra)
    if several:
        console.print(f"Sessions counted in several members, so visits add up to more than the total (M2): {several}.")
    if found.folded_facts:
        console.print(f"Of {found.folded_facts} facts a rule folds a field (A6): see `eventflow fold list`.")
    show("How links and UTM were found", found.attribution)
    show("Excluded (E3)", found.excluded)
    show("What changed the day", [_before_and_after(row) for row in found.ledger])
