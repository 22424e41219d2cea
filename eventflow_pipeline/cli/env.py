"""``eventflow env``: what Dagster's own commands need, as lines for a shell."""

import os
import shlex
import sys

import typer

from eventflow_pipeline.cli.app import app


@app.command()
def env() -> None:
    """Print what Dagster's own commands need, for a shell: eval "$(eventflow env)" && dg dev

    Exports the databases, DAGSTER_HOME, the zone and first day of the buckets and Dagster's limits, those that are
    unset. Where no database is named the project's own Postgres is started, and stays up until the shell that asked
    has ended. Use a terminal of its own: commands in it then name that server. Not while a demo is up: one daemon.
    """
    from eventflow_pipeline.dev.dagster_process import ENVIRONMENT
    from eventflow_pipeline.dev.environment import environment, needs_embedded
    from eventflow_pipeline.dev.shell_server import keep_server
    from eventflow_pipeline.settings import load_settings

    before = dict(os.environ)
    embedded = needs_embedded(load_settings(), dagster=True)
    with environment(dagster=True) as settings:
        if embedded:
            keep_server(settings.home, os.getppid())
        wanted = {**ENVIRONMENT, **os.environ}
        for name, value in sorted(wanted.items() - before.items()):
            if name.startswith(("EVENTFLOW_", "DAGSTER_")):
                typer.echo(f"export {name}={shlex.quote(value)}")
    if sys.stdout.isatty():
        typer.echo('For a shell: eval "$(eventflow env)"', err=True)
