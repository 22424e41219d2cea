"""``eventflow probe``: health of databases, daemon, sensors, change detection and capture, for a cron elsewhere."""

import json
from contextlib import ExitStack
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
    except their own death, so run it every few minutes from another machine.
    """
    from datetime import UTC, datetime

    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.oncall.alerts import notify
    from eventflow_pipeline.oncall.probe import Probe, probe_conditions
    from eventflow_pipeline.oncall.probe import probe as look_around
    from eventflow_pipeline.warehouse.db.engine import pipeline

    with ExitStack() as stack:
        try:
            settings = stack.enter_context(environment(dagster=True))
        except UserError as problem:
            found = Probe(problems=[str(problem)])
        else:
            found = look_around(settings)
            if alert and found.migrated:
                now = datetime.now(UTC)
                with pipeline(settings) as engine:
                    notify(engine, settings, {"probe": probe_conditions(found, now)}, now)
        typer.echo(json.dumps(found.as_json()))
    if not found.healthy:
        raise typer.Exit(1)
