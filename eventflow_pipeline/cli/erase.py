"""``eventflow erase``: one person, whose facts were deleted on request."""

import sys
from typing import Annotated
from uuid import UUID

import typer

from eventflow_pipeline.cli.accept import pruned_lines
from eventflow_pipeline.cli.app import Author, Json, Yes, agreed, answer, app, login_name
from eventflow_pipeline.errors import UserError


@app.command()
def erase(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the ledger: no personal value.")],
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="Session of the person; - reads it from standard input.")
    ] = None,
    entry: Annotated[
        str | None, typer.Option(metavar="ID", help="Entry of the person (a uuid); - reads it from standard input.")
    ] = None,
    author: Author = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what names the person; change nothing.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase one person from everything derived, after their facts were deleted in EventFlow's own tables.

    It refuses while facts are left. Then no table of schema stats holds the session or the entry any more: the days
    are computed again, dead letters, pages and first touches are deleted. A day that loses no more than the person's
    facts passes the guard against mass loss, with the reason in the ledger; one that loses more is held as ever, and
    its session-days name nobody. Neither ledger nor log gets the value. docs/privacy.md has the whole procedure.

    Interrupted, it is finished by the same command again. Exit status 1 when a day failed, 3 when one is held.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.changes.erasure import Person

    if session is None and entry is None:
        raise UserError("Say who: give --session, --entry or both.")
    if session == entry == "-":
        raise UserError("Standard input is one value: give - to --session or to --entry, and the other as it is.")
    session, entry = (sys.stdin.readline().strip() if value == "-" else value for value in (session, entry))
    if session is not None and not session.strip():
        raise UserError("The session is empty: give the value of the session cookie.")
    try:
        person = Person(session, UUID(entry) if entry is not None else None)
    except ValueError as problem:
        raise UserError("The entry is no id: give the uuid of event_survey_entries.id.") from problem
    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept in the ledger.")
    if any(value and value.strip().lower() in f"{reason} {author}".lower() for value in (session, entry)):
        raise UserError("--reason and --author are kept for good: leave the session and the entry out of them.")
    with environment(dagster=True) as settings:
        from eventflow_pipeline.runs import run_erase

        if not dry_run:
            agreed(yes, "Whatever names this person in schema stats is erased for good")
        report = run_erase(
            settings, person, reason=reason.strip(), author=login_name(author), dry_run=dry_run,
            show_progress=not as_json,
        )  # fmt: skip
    traces = report.traces
    data = {
        "session_days": traces.session_days + traces.changes,
        "dead_letters": traces.letters,
        "first_touches": traces.surfaces,
        "days": sorted(traces.hits),
        "done": report.done,
        "failed": report.failed,
        "held": report.held,
        "pruned": [stale.day for stale in report.pruned],
    }
    named = (
        f"{data['session_days']} session-days, {traces.letters} dead letters, {traces.surfaces} pages and first touches"
    )
    if dry_run:
        answer(
            as_json,
            {**data, "visits_left": traces.visits_left, "entries_left": traces.entries_left},
            f"Named by {named}; {traces.visits_left} visits and {traces.entries_left} entries are left in EventFlow's "
            "tables and have to be deleted there first.",
        )
        return
    lines = [f"Erased from {named}; {len(report.done)} days computed again."]
    if report.failed:
        lines.append(f"Failed: {', '.join(map(str, report.failed))}; they name nobody and are tried again.")
    if report.held:
        lines.append(
            f"Held, because they lose more than this person's facts: {', '.join(map(str, report.held))}. They name "
            "nobody; see `eventflow heal --dry-run`."
        )
    lines += pruned_lines(report.pruned)
    answer(as_json, data, "\n".join(lines))
    if report.failed or report.held:
        raise typer.Exit(1 if report.failed else 3)
