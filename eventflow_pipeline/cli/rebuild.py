"""``eventflow rebuild``: discard every bucket and start over."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import app
from eventflow_pipeline.errors import UserError


@app.command()
def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Really discard every bucket.")] = False,
) -> None:
    """Discard all buckets and take over EVENTFLOW_TIMEZONE and EVENTFLOW_START_DATE; then run a backfill.

    Facts are not touched. Until the backfill is done, ranges answer with an error instead of a number.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import admin
    from eventflow_pipeline.warehouse.schema import migrations

    if not yes:
        raise UserError("This discards every bucket: repeat it with --yes, then run `eventflow backfill`.")
    with environment(owner=True) as settings, admin(settings) as engine:
        migrations.rebuild(engine, settings)
        typer.echo(
            f"All buckets discarded; days are {settings.timezone}'s, from {settings.start_date} on. "
            f"Next: eventflow backfill --from {settings.start_date}"
        )
