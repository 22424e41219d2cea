"""``eventflow sample`` and ``demo``: everything on one machine, for development."""

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
            help="Name of the database in EVENTFLOW_DATABASE_URL, to say that you mean it. Unset variable: not needed.",
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
    from eventflow_pipeline.local import environment
    from eventflow_pipeline.sample.into_database import load_sample, require_named
    from eventflow_pipeline.settings import load_settings
    from eventflow_pipeline.warehouse.engine import admin_engine

    is_ours = load_settings().database_url is None
    with environment() as settings:
        engine = admin_engine(settings)
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
    all it started; a second start reuses what is there. When the backfill fails it says why, cancels it and exits
    with status 1: headless at once, else after Ctrl-C.
    """
    from eventflow_pipeline.extras import require_extras

    require_extras("local", "capture", "report")
    from eventflow_pipeline.demo import run_demo

    if not run_demo(headless=headless, fresh=fresh, port=port):
        raise typer.Exit(1)
