"""Streams of a client, and its capture surfaces, that are quiet for longer than they are used to (Q7)."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.client_names import client_names
from eventflow_pipeline.warehouse.quality.silence import quiet_streams
from eventflow_pipeline.warehouse.quality.thresholds import judge


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``silence`` per client and stream (subject: client/stream), by the thresholds in force; ``now`` is UTC."""
    judged = judge(engine, settings)
    names = client_names(engine)
    found: list[Condition] = []
    for quiet in quiet_streams(engine, settings, now):
        passed = judged.threshold("silence", quiet.client_id).severity(quiet.excess)
        if passed is None:
            continue
        who = names.get(str(quiet.client_id), str(quiet.client_id))
        minutes, usual = quiet.quiet_seconds / 60, quiet.limit_seconds / 60
        found.append(
            Condition(
                name="silence",
                subject=f"{quiet.client_id}/{quiet.stream}",
                client_id=quiet.client_id,
                severity=passed[0],
                since=quiet.last_at or now - timedelta(seconds=quiet.quiet_seconds),
                summary=f"client {who}: {quiet.stream} quiet for {minutes:.0f} minutes, "
                f"at this hour it is used to at most {usual:.0f}",
                runbook="visits-zero-or-low",
                command=f"eventflow doctor --client {quiet.client_id}",
                fix="See whether the client's pages are up and whether the quiet is planned.",
                numbers={"quiet_minutes": round(minutes), "usual_minutes": round(usual)},
            )
        )
    return found
