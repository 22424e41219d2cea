"""``eventflow dagster``: Dagster's own commands on the instance and the definitions that commands use."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from eventflow_pipeline.cli.app import app


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def dagster(
    arguments: Annotated[
        list[str], typer.Argument(metavar="…", help="What dagster takes, such as sensor start conditions_sensor.")
    ],
) -> None:
    """Run Dagster's own commands wherever these commands run: same databases, and no workspace to be named.

    `eventflow dagster sensor start conditions_sensor` switches a sensor on that somebody switched off,
    `eventflow dagster job launch -j prune_history_job` has the daemon run a job; `eventflow dagster sensor list`
    shows what is on. Dagster looks for files where it is started: write their whole paths. Exit status: Dagster's.
    """
    from eventflow_pipeline.dev.dagster_process import ENVIRONMENT, LOCATION
    from eventflow_pipeline.dev.environment import environment

    # Of a job it launches Dagster says nothing: the run is given its id here, so that it can be said.
    run_id = str(uuid4()) if list(arguments[:2]) == ["job", "launch"] and not _names_run(arguments) else None
    with environment(dagster=True) as settings, tempfile.TemporaryDirectory(prefix="eventflow-dagster-") as folder:
        # Code of its own, under the name that the daemon knows: the code server may be down, or on another machine.
        location = f"{{module_name: eventflow_pipeline.definitions, location_name: {LOCATION}}}"
        Path(folder, "workspace.yaml").write_text(f"load_from: [python_module: {location}]\n")
        command = [sys.executable, "-m", "dagster", *arguments, *(("--run-id", run_id) if run_id else ())]
        done = subprocess.run(command, cwd=folder, env={**os.environ, **ENVIRONMENT}, check=False)
    if run_id and done.returncode == 0:
        url = settings.docs.dagster_url.rstrip("/")
        page = f"{url}/runs/{run_id}" if url else "Dagster › Runs"
        typer.echo(f"Run {run_id} is launched: the daemon starts it. See {page}, or `eventflow dagster run list`.")
    raise typer.Exit(done.returncode)


def _names_run(arguments: Sequence[str]) -> bool:
    """Whether the caller gave the run its id, or asks for help only."""
    return any(argument.partition("=")[0] in ("--run-id", "--help", "-h") for argument in arguments)
