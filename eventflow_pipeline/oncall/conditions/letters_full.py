"""A client's share of dead letters that has no room left: what its table refuses now is lost."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.oncall.conditions.dead_letters import who
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.client_names import client_names
from eventflow_pipeline.warehouse.capture.dead_letters import shares


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``letters_full``, by client: there is no room for one more dead letter of the largest size a call may have."""
    names = client_names(engine)
    return [
        Condition(
            name="letters_full",
            subject=share.client,
            client_id=share.client_id,
            severity=Severity.ERROR,
            since=share.since,
            summary=f"no more refused events of {who(share.client, names)} are kept: "
            f"{share.visits + share.entries:,} letters of {share.payload_bytes / 2**20:.1f} MiB wait",
            runbook="dead-letters",
            command=f"eventflow letters list --client {share.client}",
            fix="Put right what the reason names and replay them, discard what is junk, or raise the share.",
            numbers={"letters": share.visits + share.entries, "bytes": share.payload_bytes, "reason": share.reason},
        )
        for share in shares(engine)
        if share.is_full(settings.capture.body_kib * 1024)
    ]
