"""``eventflow verify``: do the numbers equal the facts?"""

import sys
from typing import Annotated, Any

import typer

from eventflow_pipeline.cli.app import Author, First, Json, Last, answer, app, asked_range, login_name
from eventflow_pipeline.domain.foreign_text import plain

#: Differences shown; `--json` gives all.
_SHOWN = 200


@app.command()
def verify(
    first: First,
    last: Last = None,
    client: Annotated[str | None, typer.Option(metavar="CLIENT", help="Only this client (id or name).")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild the days that differ from their facts.")] = False,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Compare buckets, days and hours, session-days, state, 7- and 30-day answers and histograms with the facts.

    Tolerance zero.

    Prints a table of differences: which day, which grain, which member, what the facts say, what is stored. The raw
    side is counted from the facts apart from the computation. Days whose facts moved since they were computed are
    named as stale, days never computed as missing; neither is wrong. Nor are days that somebody keeps as they are
    (`eventflow accept pruned`): said is by how much they differ. Clients that the guard holds are compared as
    published, with what they would count now less that: Σ buckets + excluded + Σ held differences + out of range = raw
    rows. Nothing is written without --repair. Exit status 1 when anything differs, also when it was repaired.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.parity.comparison import compare_everything
    from eventflow_pipeline.warehouse.parity.rebuild import Repair
    from eventflow_pipeline.warehouse.parity.rebuild import repair as rebuild
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    with environment() as settings, pipeline(settings) as engine:
        days = asked_range(settings, first, last)
        with connect(engine) as connection:
            require_build_settings(connection, settings)
            client_id = find_client(connection, client)["id"] if client else None
        found = compare_everything(engine, settings, days, client_id)
        done = rebuild(engine, settings, found, author=login_name(author)) if repair and found.differences else Repair()
    rows = [difference.row() for difference in found.differences]
    data = {
        "from": days.first,
        "to": days.last,
        "checked": len(found.checked),
        "stale": found.stale,
        "missing": found.missing,
        "accepted": {str(day): why for day, why in found.kept.items()},
        "differences": rows,
        "held": [
            {
                "day": held.day,
                "client_id": held.client_id,
                "client": held.client,
                "hits": held.hits,
                "entries": held.entries,
            }
            for held in found.held
        ],
        "rebuilt": [str(part) for part in done.rebuilt],
        "kept": {str(day): why for day, why in done.kept.items()},
    }
    if as_json:
        answer(True, data, "")
    else:
        _print_differences(data, f"{done}." if repair else "Rebuild what differs: repeat with --repair.")
    if rows:
        raise typer.Exit(1)


def _print_differences(data: dict[str, Any], what_to_do: str) -> None:
    """How many days agree, what was not compared, and the differences; an empty cell is a member that side lacks."""
    from rich.console import Console
    from rich.table import Table

    rows, stale, missing = data["differences"], data["stale"], data["missing"]
    width = None if sys.stdout.isatty() else 10_000  # a line a difference, for whoever filters them
    console = Console(highlight=False, markup=False, width=width)
    console.print(f"{data['checked']} days compared with their facts, {len(rows)} differences.")
    if stale:
        console.print(
            f"Stale, compared for clients whose facts did not move: {', '.join(map(str, stale))}. `eventflow heal` "
            "computes them again, or says that they are held."
        )
    for day, why in data["accepted"].items():
        console.print(plain(f"{day} is {why}."))
    for held in data["held"]:
        difference = f"{held['hits']:+} hits, {held['entries']:+} entries"
        console.print(plain(f"{held['day']} is held for {held['client']}, compared as published; now {difference}."))
    if missing:
        console.print(f"{len(missing)} days were never computed, the first {missing[0]}.")
    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows[:_SHOWN]:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print()
    console.print(table)
    if len(rows) > _SHOWN:
        console.print(f"... and {len(rows) - _SHOWN} more; --json gives all.")
    console.print(f"\n{what_to_do}")
