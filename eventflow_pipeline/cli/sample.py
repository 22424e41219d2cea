"""``eventflow sample``: EventFlow's own tables filled with sample facts, for development."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import Json, answer, app


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
    database: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the database in EVENTFLOW_OWNER_URL, else EVENTFLOW_DATABASE_URL, to say that you mean it. "
            "Both unset: not needed.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fill EventFlow's own tables with sample facts (development only), creating them where they are missing.

    The rows look like the real thing and hold every trap the numbers must survive: zone boundaries, double
    mounts, dangling links, missing dimensions, late and back-dated rows, a test clone, an incident day.
    Tables that already hold rows are refused, before anything is changed, unless --replace is given; so is a server
    that is not the project's own, unless --database names its database.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.dev.sample.load import load_sample, require_named
    from eventflow_pipeline.settings import load_settings
    from eventflow_pipeline.warehouse.db.engine import admin

    given = load_settings()
    is_ours = given.database.url is None and given.owner.url is None
    with environment(owner=True) as settings, admin(settings) as engine:
        if database is not None or not is_ours:
            require_named(engine, database)
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
    answer(as_json, {"rows": counts}, lines)
