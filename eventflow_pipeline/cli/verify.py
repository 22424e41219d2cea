"""``eventflow verify``: do the numbers equal the facts?"""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Author, Json, answer, app, asked_range, login_name

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
    """Compare buckets, session-days, state, 7- and 30-day answers and return histograms with the facts, tolerance zero.

    Prints a table of differences: which day, which grain, which member, what the facts say, what is stored. The raw
    side is counted from the facts apart from the computation. Days whose facts moved since they were computed are
    named as stale, days never computed as missing; neither is wrong. Nothing is written without --repair. Exit
    status 1 when anything differs, also when it was repaired.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline_engine
    from eventflow_pipeline.warehouse.parity.comparison import compare_everything
    from eventflow_pipeline.warehouse.parity.rebuild import Repair
    from eventflow_pipeline.warehouse.parity.rebuild import repair as rebuild
    from eventflow_pipeline.warehouse.schema.migrations import require_build_settings

    with environment() as settings:
        days = asked_range(settings, first, last)
        engine = pipeline_engine(settings)
        with connect(engine) as connection:
            require_build_settings(connection, settings)
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
