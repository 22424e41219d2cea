"""Captured events that their table refused, and that wait for their replay."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.client_names import client_names
from eventflow_pipeline.warehouse.capture.dead_letters import shares


def who(client: str, names: Mapping[str, str]) -> str:
    """Whose letters they are, in words: ``client`` is an id or unknown."""
    return "unknown clients" if client == "unknown" else f"client {names.get(client, client)}"


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``dead_letters``, by client: a warning at once, an error once one outlives the link grace.

    Those of the unknown client stay a warning until their share is full: a stranger can invent campaigns.
    """
    names = client_names(engine)
    return [
        Condition(
            name="dead_letters",
            subject=share.client,
            client_id=share.client_id,
            severity=Severity.ERROR
            if share.client_id and share.oldest_seconds > settings.capture.link_grace_seconds
            else Severity.WARN,
            since=share.since,
            summary=f"{share.visits} visits and {share.entries} registrations of "
            f"{who(share.client, names)} were refused by their table ({share.reason})",
            runbook="dead-letters",
            command=f"eventflow letters list --client {share.client}",
            fix="Restore the row that the reason names, or correct what refuses the events; or discard the letters.",
            numbers={
                "visits": share.visits,
                "entries": share.entries,
                "oldest_seconds": share.oldest_seconds,
                "reason": share.reason,
            },
        )
        for share in shares(engine)
    ]
