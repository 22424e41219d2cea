"""A login that could do more than it needs."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import logged_in


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``owner_login``: whoever gets hold of this process's connection could own, change and drop what is in stats."""
    login = logged_in(engine)
    if not login.may_become_owner:
        return []
    return [
        Condition(
            name="owner_login",
            subject="",
            severity=Severity.WARN,
            since=now,
            summary=f"the login {login.name} could become the owner of what is in stats",
            runbook="connection",
            command="eventflow migrate --print-logins",
            fix="Let EVENTFLOW_DATABASE_URL name a login that is a member of eventflow_pipeline alone.",
        )
    ]
