"""``eventflow migrate`` and ``rebuild``: what this project owns in the database."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app
from eventflow_pipeline.errors import UserError


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
            answer(as_json, {"undone_to": to}, f"Undone down to {to}.")
            return
        report = migrations.migrate(engine, settings)
    answer(
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
