"""``eventflow dagster``: Dagster's own commands on the instance and the definitions that commands use."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

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

    with environment(dagster=True), tempfile.TemporaryDirectory(prefix="eventflow-dagster-") as folder:
        # Code of its own, under the name that the daemon knows: the code server may be down, or on another machine.
        location = f"{{module_name: eventflow_pipeline.definitions, location_name: {LOCATION}}}"
        Path(folder, "workspace.yaml").write_text(f"load_from: [python_module: {location}]\n")
        command = [sys.executable, "-m", "dagster", *arguments]
        done = subprocess.run(command, cwd=folder, env={**os.environ, **ENVIRONMENT}, check=False)
    raise typer.Exit(done.returncode)
