"""``eventflow backfill``: materialize days in this process."""

from dataclasses import asdict
from typing import Annotated

import typer

from eventflow_pipeline.cli.accept import held_data, held_lines
from eventflow_pipeline.cli.app import Author, First, Json, Last, answer, app, asked_range, exit_status, login_name


@app.command()
def backfill(
    first: First,
    last: Last = None,
    ticket: Annotated[
        str | None,
        typer.Option(metavar="TICKET", help="Why: a tag of the runs in Dagster, and the reason in stats.day_ledger."),
    ] = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Materialize the daily assets for an inclusive range, as a Dagster run in this process.

    No daemon is needed; the same locks hold, so it may run beside one. Days run side by side
    (EVENTFLOW_RUNS_PARALLEL_DAYS). If a day fails the others are kept, measured and checked, the failed days are
    named and the exit status is 1; so it is when any other step of a run failed, which is named, too. Days that would
    lose much of a client by deletion or vanished dimension rows are held as in `eventflow heal`: they keep their old
    buckets, and the exit status is 3 (see `eventflow accept held --help`). Ctrl-C ends it whatever it waits for: days
    that are done are kept, and the command that does the rest is printed.
    """
    from eventflow_pipeline.dev.environment import environment

    with environment(dagster=True) as settings:
        from eventflow_pipeline.runs import run_backfill

        days = asked_range(settings, first, last)
        report = run_backfill(settings, days, ticket=ticket, author=login_name(author), show_progress=not as_json)
    answer(
        as_json,
        {
            "from": days.first,
            "to": days.last,
            "done": len(report.done),
            "failed": report.failed,
            "held": held_data(report.held),
            "runs": report.runs,
            "failed_steps": [asdict(step) for step in report.failed_steps],
        },
        "\n".join(
            [
                f"{len(report.done)} of {len(days)} days materialized ({days})."
                + (f" Failed: {', '.join(map(str, report.failed))}." if report.failed else ""),
                *map(str, report.failed_steps),
                *held_lines(report.held),
            ]
        ),
    )
    exit_status(failed=[*report.failed, *report.failed_steps], held=report.held)
