"""The command ``eventflow``: thin; every command is one call down."""

import json
import logging
import signal
import sys
from datetime import date
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from eventflow_pipeline.errors import UserError

app = typer.Typer(
    help="Daily campaign and link buckets from EventFlow's facts: exact, explainable, self-healing.",
    epilog="With EVENTFLOW_DATABASE_URL unset, commands use a Postgres of their own under EVENTFLOW_HOME. "
    "Exit status: 0 done, 1 something failed, 2 wrong input or set-up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def main() -> None:
    """Entry point: a UserError becomes one sentence on stderr and exit status 2."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        app()
    except UserError as problem:
        errors.print(f"eventflow: {problem}", markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _day(option: str, value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as problem:
        raise UserError(f"{option} {value!r} is not a date: write it as YYYY-MM-DD.") from problem


def _print(as_json: bool, answer: dict[str, Any], text: str) -> None:
    typer.echo(json.dumps(answer, default=str) if as_json else text)


@app.command()
def migrate(
    to: Annotated[
        str | None, typer.Option(help="Undo migrations down to this version (kept); 'base' removes all of them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create or upgrade everything this project owns (schema stats). Safe to repeat.

    Run it as the owner of EventFlow's tables. It checks names and types of the source columns first, stores
    EVENTFLOW_TIMEZONE and EVENTFLOW_START_DATE on the first run, and refuses others later.
    """
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.warehouse import migrations
    from eventflow_pipeline.warehouse.engine import admin_engine

    with environment() as settings:
        engine = admin_engine(settings)
        if to:
            migrations.migrate_back(engine, to)
            _print(as_json, {"undone_to": to}, f"Undone down to {to}.")
            return
        report = migrations.migrate(engine, settings)
    _print(
        as_json,
        {
            "applied": report.applied,
            "time_zone": report.time_zone,
            "first_partition": report.first_partition,
        },
        f"{len(report.applied)} migrations applied; days are {report.time_zone}'s, from {report.first_partition} on.",
    )


@app.command()
def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Really discard every bucket.")] = False,
) -> None:
    """Discard all buckets and take over EVENTFLOW_TIMEZONE and EVENTFLOW_START_DATE; then run a backfill.

    Facts are not touched. Until the backfill is done, ranges answer with an error instead of a number.
    """
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.warehouse import migrations
    from eventflow_pipeline.warehouse.engine import admin_engine

    if not yes:
        raise UserError("This discards every bucket: repeat it with --yes, then run `eventflow backfill`.")
    with environment() as settings:
        migrations.rebuild(admin_engine(settings), settings)
        typer.echo(
            f"All buckets discarded; days are {settings.timezone}'s, from {settings.start_date} on. "
            f"Next: eventflow backfill --from {settings.start_date}"
        )


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First day, a local date.")],
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day, inclusive. Default: today.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Materialize the daily assets for an inclusive range, as a Dagster run in this process.

    No daemon is needed; the same locks hold, so it may run beside one. Days run side by side
    (EVENTFLOW_PARALLEL_DAYS). If a day fails the others are kept, the failed days are named and the exit
    status is 1.
    """
    from eventflow_pipeline.local import environment

    with environment(dagster=True) as settings:
        from eventflow_pipeline.backfill import checked_range, run_backfill

        days = checked_range(
            settings, _day("--from", first), _day("--to", last) if last else None
        )
        report = run_backfill(settings, days, show_progress=not as_json)
    _print(
        as_json,
        {"from": days.first, "to": days.last, "done": len(report.done), "failed": report.failed, "runs": report.runs},
        f"{len(report.done)} of {len(days)} days materialized ({days})."
        + (f" Failed: {', '.join(map(str, report.failed))}." if report.failed else ""),
    )
    if report.failed:
        raise typer.Exit(1)
