"""The command ``eventflow``: thin; every command is one call down."""

import gc
import logging
import signal
import sys
import warnings
from typing import NoReturn

from eventflow_pipeline.cli import (
    backfill,
    capture,
    demo,
    doctor,
    exclude,
    explain,
    heal,
    migrate,
    probe,
    rebuild,
    replay,
    report,
    sample,
    settings,
    verify,
    webinar,
)
from eventflow_pipeline.cli.app import app, errors
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.extras import absent_extra

#: A module a command, named like it; importing one adds its command. In the order ``--help`` lists them.
COMMANDS = (
    demo,
    sample,
    migrate,
    backfill,
    heal,
    verify,
    report,
    explain,
    doctor,
    probe,
    exclude,
    webinar,
    capture,
    replay,
    settings,
    rebuild,
)


def main() -> None:
    """Entry point: a UserError, or an extra that is not installed, becomes one sentence on stderr and exit status 2."""
    gc.set_threshold(100_000)  # what imports make stays: looking for garbage in it took a tenth of their time
    # Started in the background by a shell, a process inherits SIGINT ignored, and could not be told to stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Told to stop, or its terminal gone, it stops what it has started.
    for told in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(told, lambda number, _: sys.exit(128 + number))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # What Dagster calls beta or preview is pinned by the lock file and by tests; users need not read about it.
    warnings.filterwarnings("ignore", message=".* is currently in (beta|preview)")
    try:
        app()
    except UserError as problem:
        _refuse(problem)
    except ImportError as problem:
        if (refusal := absent_extra(problem)) is None:
            raise
        _refuse(refusal)
    except KeyboardInterrupt:
        sys.exit(130)


def _refuse(problem: UserError) -> NoReturn:
    errors.print(f"eventflow: {problem}", markup=False)
    sys.exit(2)
