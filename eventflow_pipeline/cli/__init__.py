"""The command ``eventflow``: thin; every command is one call down."""

import atexit
import gc
import logging
import signal
import sys
import warnings

from eventflow_pipeline.cli import (
    accept,
    adjustments,
    alerts,
    backfill,
    capture,
    close,
    dagster,
    definitions,
    demo,
    doctor,
    env,
    erase,
    exclude,
    explain,
    fold,
    heal,
    letters,
    mail,
    metrics,
    migrate,
    probe,
    psql,
    rebuild,
    reopen,
    report,
    sample,
    serve,
    settings,
    share,
    slo,
    thresholds,
    verify,
    views,
    webinar,
)
from eventflow_pipeline.cli.app import app, complain
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import StoppedError, UserError
from eventflow_pipeline.extras import absent_extra

#: A module a command, named like it; importing one adds its command. In the order ``--help`` lists them: looking
#: around, building, every day, being on call, the rest.
COMMANDS = (
    demo,
    sample,
    migrate,
    views,
    backfill,
    heal,
    accept,
    verify,
    report,
    serve,
    share,
    close,
    reopen,
    adjustments,
    mail,
    explain,
    psql,
    dagster,
    env,
    doctor,
    alerts,
    probe,
    metrics,
    slo,
    exclude,
    fold,
    definitions,
    thresholds,
    erase,
    webinar,
    capture,
    letters,
    settings,
    rebuild,
)
#: SQLSTATE of what the database does not let its user do.
_INSUFFICIENT_PRIVILEGE = "42501"


def main() -> None:
    """Entry point: wrong input or set-up becomes one sentence on stderr and exit status 2."""
    # What imports make stays until the process ends: looking for garbage in it took a tenth of their time, and at the
    # end a quarter of the time of a command that has loaded Dagster.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    # Started in the background by a shell, a process inherits SIGINT ignored, and could not be stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Asked to stop, or its terminal gone, it stops what it has started.
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # What Dagster calls beta or preview is pinned by the lock file and by tests; users need not read about it.
    warnings.filterwarnings("ignore", message=".* is currently in (beta|preview)")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except StoppedError as stopped:
        complain(str(stopped))
        sys.exit(130)
    except Exception as problem:
        if (refusal := as_refusal(problem)) is None:
            raise
        complain(plain(str(refusal)))
        sys.exit(2)


def as_refusal(problem: Exception) -> UserError | None:
    """The sentence for what ended a command, with the remedy; None where it is no wrong input or set-up but a fault."""
    if isinstance(problem, UserError):
        return problem
    if isinstance(problem, ImportError):
        return absent_extra(problem)
    if getattr(getattr(problem, "orig", problem), "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
        from eventflow_pipeline.warehouse.db.engine import not_allowed, reason

        return not_allowed(reason(problem))
    return None
