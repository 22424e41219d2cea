"""``eventflow rebuild``: discard every bucket and start over."""

import typer

from eventflow_pipeline.cli.app import DiscardHistory, Yes, app, ask_before_discarding


@app.command()
def rebuild(discard_history: DiscardHistory = False, yes: Yes = False) -> None:
    """Discard all buckets and take over EVENTFLOW_TIMEZONE and EVENTFLOW_START_DATE; then run a backfill.

    It names what is lost and asks. Facts are not touched; the ledger, closed months, exclusions, definitions and
    reasons stay, unless --discard-history. Dagster forgets that days were materialized. Until the backfill is done,
    ranges answer with an error instead of a number.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import admin
    from eventflow_pipeline.warehouse.schema import migrations

    with environment(dagster=True, owner=True) as settings, admin(settings) as engine:
        ask_before_discarding(yes, migrations.what_goes(engine, None), discard_history)
        migrations.rebuild(engine, settings, discard_history=discard_history)
        from eventflow_pipeline.runs import forget_materializations

        forget_materializations(closings=discard_history)
        typer.echo(
            f"All buckets discarded; days are {settings.timezone}'s, from {settings.start_date} on. "
            f"Next: eventflow backfill --from {settings.start_date}"
        )
