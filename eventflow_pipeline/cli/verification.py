"""``eventflow verify`` and ``report``: do the numbers equal the facts, and the numbers for a settlement."""

from pathlib import Path
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Author, Json, answer, app, asked_range, errors, login_name

First = Annotated[str, typer.Option("--from", metavar="DATE", help="First day, a local date.")]
_SHOWN = 200


@app.command()
def verify(
    first: First,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day, inclusive. Default: today.")
    ] = None,
    client: Annotated[str | None, typer.Option(metavar="CLIENT", help="Only this client (id or name).")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild the days that differ from their facts.")] = False,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Compare buckets, bridge, state, 7- and 30-day answers and return histograms with the facts, at zero tolerance.

    Prints a table of differences: which day, which grain, which member, what the facts say, what is stored. The raw
    side is counted from the facts apart from the computation. Days whose facts moved since they were computed are
    named as stale, days never computed as missing; neither is wrong. Nothing is written without --repair. Exit
    status 1 when anything differs, also when it was repaired.
    """
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.warehouse.engine import connect, pipeline_engine
    from eventflow_pipeline.warehouse.explanations import find_client
    from eventflow_pipeline.warehouse.migrations import require_calendar
    from eventflow_pipeline.warehouse.parity import compare_everything
    from eventflow_pipeline.warehouse.parity_repair import Repair
    from eventflow_pipeline.warehouse.parity_repair import repair as rebuild

    with environment() as settings:
        days = asked_range(settings, first, last)
        engine = pipeline_engine(settings)
        with connect(engine) as connection:
            require_calendar(connection, settings)
            client_id = find_client(connection, client)["id"] if client else None
        found = compare_everything(engine, settings, days, client_id)
        done = rebuild(engine, settings, found, author=login_name(author)) if repair and found.differences else Repair()
        engine.dispose()
    rows = [difference.row() for difference in found.differences]
    data = {
        "from": days.first,
        "to": days.last,
        "checked": len(found.checked),
        "stale": found.stale,
        "missing": found.missing,
        "differences": rows,
        "rebuilt": [str(part) for part in done.rebuilt],
        "kept": {str(day): why for day, why in done.kept.items()},
    }
    lines = [f"{len(found.checked)} days compared with their facts, {len(rows)} differences."]
    if found.stale:
        lines.append(f"Stale, not compared: {', '.join(map(str, found.stale))}. `eventflow heal` computes them again.")
    if found.missing:
        lines.append(f"{len(found.missing)} days were never computed, the first {found.missing[0]}.")
    if rows:
        lines += ["", _table(rows[:_SHOWN])]
        if len(rows) > _SHOWN:
            lines.append(f"... and {len(rows) - _SHOWN} more; --json gives all.")
        lines.append("\n" + (f"{done}." if repair else "Rebuild what differs: repeat with --repair."))
    answer(as_json, data, "\n".join(lines))
    if rows:
        raise typer.Exit(1)


def _table(rows: list[dict[str, str | int | None]]) -> str:
    """Aligned columns; an empty cell is a member that side does not have."""
    names = list(rows[0])
    cells = [names, *([("" if row[name] is None else str(row[name])) for name in names] for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


@app.command()
def report(
    client: Annotated[str, typer.Option(metavar="CLIENT", help="Client to settle with (id or name).")],
    first: First,
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, inclusive.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write: .csv, .xlsx or .html with plots.")],
    as_json: Json = False,
) -> None:
    """Write what a settlement needs: totals, campaigns, links and days of a client, exact for the range.

    Beside the numbers stand how current they are (as_of, complete) and the quality of the data (linkage, UTM fill,
    links). Days not computed are an error, not 0. The file is read back before it takes its place: exit status 1, and
    nothing written, when it does not hold what it should.
    """
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.settlement_report import UnreadableReport, write_report
    from eventflow_pipeline.warehouse.engine import connect, pipeline_engine
    from eventflow_pipeline.warehouse.migrations import require_calendar
    from eventflow_pipeline.warehouse.settlement import settle_client

    with environment() as settings:
        days = asked_range(settings, first, last)
        engine = pipeline_engine(settings)
        with connect(engine) as connection:
            require_calendar(connection, settings)
        settlement = settle_client(engine, client, days)
        engine.dispose()
        try:
            write_report(settlement, out, settings.zone)
        except UnreadableReport as problem:
            errors.print(f"eventflow: {problem}", markup=False)
            raise typer.Exit(1) from problem
    numbers = {name: settlement.totals[name] for name in ("visits", "conversions", "hits")}
    answer(
        as_json,
        {
            "client_id": settlement.client_id, "from": days.first, "to": days.last, "out": out, **numbers,
            "as_of": settlement.as_of, "complete": settlement.complete,
        },
        f"{out}: {numbers['visits']:,} visits, {numbers['conversions']:,} conversions, {days}, "
        + (f"complete as of {settlement.as_of:%Y-%m-%d %H:%M %Z}." if settlement.complete else "NOT complete."),
    )  # fmt: skip
