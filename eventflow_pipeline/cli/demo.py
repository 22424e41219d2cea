"""``eventflow demo``: everything on one machine."""

from typing import Annotated

import typer

from eventflow_pipeline.cli.app import app


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
    from eventflow_pipeline.dev.demo import run_demo

    if not run_demo(headless=headless, fresh=fresh, port=port):
        raise typer.Exit(1)
