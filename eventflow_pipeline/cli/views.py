"""``eventflow views``: out of the way of EventFlow's own migrations, and back."""

import typer

from eventflow_pipeline.cli.app import Json, answer, app

views = typer.Typer(help="Make way for changes of EventFlow's own tables.", no_args_is_help=True, rich_markup_mode=None)


app.add_typer(views, name="views")


@views.command()
def drop(as_json: Json = False) -> None:
    """Drop the views over EventFlow's tables, which keep their columns from changing type or being dropped.

    Run it as the owner, before such a change; then change the table, then `eventflow views refresh`. Numbers stay and
    are answered meanwhile, and capture stores facts; no day is computed, no link resolved. Safe to repeat.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import admin
    from eventflow_pipeline.warehouse.schema import migrations

    with environment(owner=True) as settings, admin(settings) as engine:
        dropped = migrations.drop_source_views(engine)
    answer(
        as_json,
        {"dropped": dropped},
        f"{len(dropped)} views dropped. Change the tables, then run: eventflow views refresh",
    )


@views.command()
def refresh(as_json: Json = False) -> None:
    """Create the views over EventFlow's tables anew, for the columns there are now. Safe to repeat.

    Also the way to have a column read that was added later (session_id, webinar_id, cid): the days it changes are then
    found and computed again by themselves.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import admin
    from eventflow_pipeline.warehouse.schema import migrations

    with environment(owner=True) as settings, admin(settings) as engine:
        unread = migrations.refresh_source_views(engine)
    answer(
        as_json,
        {"columns": unread},
        "The views read every column there is." + (f" New: {', '.join(unread)}." if unread else ""),
    )
