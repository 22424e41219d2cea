"""A connection over a network that does not verify which server answers."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import logged_in


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``unverified_server``: sslmode is not verify-full, and the server is not on this machine."""
    unverified = logged_in(engine).unverified
    if unverified is None:
        return []
    return [
        Condition(
            name="unverified_server",
            subject="",
            severity=Severity.WARN,
            since=now,
            summary=f"sslmode={unverified} takes any server that answers over the network for the database",
            runbook="connection",
            command="eventflow settings",
            fix="Add ?sslmode=verify-full&sslrootcert=FILE to EVENTFLOW_DATABASE_URL.",
        )
    ]
