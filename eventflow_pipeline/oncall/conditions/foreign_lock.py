"""Locks of the pipeline in the hands of somebody else."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import strangers


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``foreign_lock``: a session that is not the pipeline's holds a lock that days, histograms or indicators wait for.

    While it does, days that changed are neither marked nor computed, and nothing else may say so.
    """
    with connect(engine) as connection:
        return [
            Condition(
                name="foreign_lock",
                subject=str(pid),
                severity=Severity.ERROR,
                since=now,
                summary=f"{name} (server process {pid}) holds locks that the pipeline waits for",
                runbook="connection",
                command=f'psql "$EVENTFLOW_OWNER_URL" -c "select pg_terminate_backend({pid})"',
                fix=f"End that session, and ask whoever uses the login {name} what it took them for.",
            )
            for pid, name in strangers(connection)
        ]
