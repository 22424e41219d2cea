"""The command ``eventflow``: thin; every command is one call down."""

import json
import logging
import signal
import sys
import warnings
from datetime import date
from typing import Annotated, Any

import typer
from rich.console import Console

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
    # Started in the background by a shell, a process inherits SIGINT ignored, and could not be told to stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # What Dagster calls beta or preview is pinned by the lock file and by tests; users need not read about it.
    warnings.filterwarnings("ignore", message=".* is currently in (beta|preview)")
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
        str | None,
        typer.Option(help="Undo migrations down to this version (kept); 'base' removes all of them."),
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

        days = checked_range(settings, _day("--from", first), _day("--to", last) if last else None)
        report = run_backfill(settings, days, show_progress=not as_json)
    _print(
        as_json,
        {
            "from": days.first,
            "to": days.last,
            "done": len(report.done),
            "failed": report.failed,
            "runs": report.runs,
        },
        f"{len(report.done)} of {len(days)} days materialized ({days})."
        + (f" Failed: {', '.join(map(str, report.failed))}." if report.failed else ""),
    )
    if report.failed:
        raise typer.Exit(1)


@app.command()
def sample(
    days: Annotated[int, typer.Option(help="Days of facts, ending today in the business zone.")] = 45,
    visits_per_day: Annotated[int, typer.Option(help="Visit hits a day, on average.")] = 900,
    agencies: Annotated[int, typer.Option()] = 2,
    clients: Annotated[int, typer.Option()] = 4,
    campaigns: Annotated[int, typer.Option()] = 16,
    webinars: Annotated[int, typer.Option()] = 4,
    seed: Annotated[int, typer.Option(help="The same seed and sizes give the same rows.")] = 7,
    replace: Annotated[
        bool, typer.Option("--replace", help="Empty EventFlow's tables first. Development only.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fill EventFlow's own tables with sample facts (development only), creating them where they are missing.

    The rows look like the real thing and hold every trap the numbers must survive: zone boundaries, double
    mounts, dangling links, missing dimensions, late and back-dated rows, a test clone, an incident day.
    Tables that already hold facts are refused unless --replace is given.
    """
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.sample.into_database import load_sample
    from eventflow_pipeline.warehouse.engine import admin_engine
    from eventflow_pipeline.warehouse.migrations import create_source

    with environment() as settings:
        engine = admin_engine(settings)
        create_source(engine)
        counts = load_sample(
            engine,
            settings,
            days=days,
            replace=replace,
            visits_per_day=visits_per_day,
            agencies=agencies,
            clients=clients,
            campaigns=campaigns,
            webinars=webinars,
            seed=seed,
        )
    lines = "\n".join(f"{rows:>9,}  {table}" for table, rows in counts.items())
    _print(as_json, {"rows": counts}, lines)


@app.command()
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Print the table and exit instead of staying up.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an earlier demo and start over.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the UI. Default: a free one.")] = None,
) -> None:
    """Bring everything up on this machine: Postgres, sample facts, Dagster's UI and daemon, a real backfill.

    Everything lives under EVENTFLOW_HOME and listens on 127.0.0.1 only. It stays up until Ctrl-C and then stops
    all it started; a second start reuses what is there.
    """
    from eventflow_pipeline.demo import run_demo

    run_demo(headless=headless, fresh=fresh, port=port)
