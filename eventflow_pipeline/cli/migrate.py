"""``eventflow migrate``: create, upgrade or undo what this project owns in the database."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import DiscardHistory, Json, Yes, answer, app, ask_before_discarding


@app.command()
def migrate(
    to: Annotated[
        str | None,
        typer.Option(help="Undo migrations down to this version (kept); 'base' removes all of them."),
    ] = None,
    print_logins: Annotated[
        bool,
        typer.Option(
            "--print-logins", help="Print SQL for the roles that people and processes log in as, and do no more."
        ),
    ] = False,
    discard_history: DiscardHistory = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Create or upgrade everything this project owns (schema stats). Safe to repeat.

    Run it as the owner of EventFlow's tables (EVENTFLOW_OWNER_URL, else EVENTFLOW_DATABASE_URL). It checks names and
    types of the source columns first, stores EVENTFLOW_TIMEZONE and EVENTFLOW_START_DATE on the first run, and refuses
    others later. Everything else needs less: see --print-logins.

    --to names what is lost and asks. Exclusions, definitions, the ledger, reasons and webinar samples are set aside
    (schema stats_kept) and come back with the next migrate, unless --discard-history.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import admin
    from eventflow_pipeline.warehouse.db.sql import sql_text
    from eventflow_pipeline.warehouse.schema import migrations

    if print_logins:
        logins = sql_text("application/logins")
        answer(as_json, {"sql": logins}, logins.rstrip())
        return
    with environment(owner=True) as settings, admin(settings) as engine:
        if to:
            ask_before_discarding(yes, migrations.what_goes(engine, to), discard_history)
            migrations.migrate_back(engine, to, discard_history=discard_history)
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
