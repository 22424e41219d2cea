"""``eventflow probe``: health of databases, daemon, sensors, change detection and capture, for a cron elsewhere."""

import json
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import app
from eventflow_pipeline.errors import UserError


@app.command()
def probe(
    alert: Annotated[
        bool, typer.Option("--alert", help="Also notify the receivers, once when it begins and ends.")
    ] = False,
) -> None:
    """For a cron outside this system: are databases, daemon, sensors, change detection and capture alive?

    Prints one JSON line and exits 0 when all are, 1 when something is not. The sensors notify people of everything
    except their own death, so run it every few minutes from another machine. With the database away it notifies all the
    same, at most every EVENTFLOW_ALERTS_REPEAT_MINUTES: when is kept in Dagster's database, and in
    EVENTFLOW_HOME for when that is away, too.
    """
    from datetime import UTC, datetime

    from eventflow_pipeline.dev.environment import whatever_answers
    from eventflow_pipeline.oncall.probe import Probe, tell
    from eventflow_pipeline.oncall.probe import probe as look_around

    try:
        with whatever_answers() as settings:
            now = datetime.now(UTC)
            found = look_around(settings, now)
            if alert:
                tell(settings, found, now)
    except UserError as problem:
        found = Probe(problems=[str(problem)])
    typer.echo(json.dumps(found.as_json()))
    if not found.healthy:
        raise typer.Exit(1)
