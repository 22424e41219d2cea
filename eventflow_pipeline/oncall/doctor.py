"""``eventflow doctor``: walks the runbook's tree on the live system and says what is wrong, why, and what to do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import dagster as dg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.deficit import cause_of_deficit
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.conditions import check_failed, poll, run_failed, tick_failed
from eventflow_pipeline.oncall.probe import FIX, RUNBOOK, Probe, probe
from eventflow_pipeline.oncall.receivers import address_problems, configured_receivers
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts import incidents as incident_store
from eventflow_pipeline.warehouse.db.engine import connect, pipeline, reason
from eventflow_pipeline.warehouse.quality.deficit import deficit_evidence


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is wrong: what it means, what to do, where the runbook explains it, which command to run."""

    severity: Severity
    name: str
    subject: str
    summary: str
    meaning: str
    fix: str
    runbook: str
    command: str
    since: datetime | None = None
    cause: str | None = None
    client_id: UUID | None = None


def examine(
    settings: Settings, client_id: UUID | None = None, now: datetime | None = None, probed: Probe | None = None
) -> list[Diagnosis]:
    """What is wrong, the most severe first; with ``client_id`` only those about that client or about everything.

    ``probed``: what the probe found just now, where it was asked. Never raises for what is broken: a part that cannot
    be asked is a finding.
    """
    now = now or datetime.now(UTC)
    probed = probed or probe(settings, now)
    found = [_of_probe(problem, *remedy) for problem, remedy in probed.remedies.items()]
    # One dead daemon has many symptoms, and one remedy.
    if symptoms := [problem for problem in probed.problems if problem not in probed.remedies]:
        found.append(_of_probe(" ".join(symptoms)))
    with pipeline(settings) as engine:
        parts: list[Callable[[], Iterable[Diagnosis]]] = [lambda: _of_receivers(settings)]
        if probed.dagster_database_reachable:
            parts.append(lambda: _of_dagster(now))
        if probed.database_reachable:
            parts += [
                lambda: [_of_condition(condition) for condition in check_failed.conditions(engine, settings, now)],
                lambda: _of_database(engine, settings, now),
                lambda: _of_alerts(engine, now),
            ]
        for part in parts:
            try:
                found.extend(part())
            except UserError as problem:
                found.append(_of_probe(str(problem)))
            except (SQLAlchemyError, dg.DagsterError, OSError) as problem:
                found.append(_of_probe(f"A part of the examination failed: {reason(problem)}"))
    wanted = [f for f in dict.fromkeys(found) if client_id is None or f.client_id in (None, client_id)]
    return sorted(wanted, key=lambda f: (f.severity is Severity.WARN, f.since or now, f.name, f.subject))


def _of_probe(problem: str, fix: str = FIX, command: str = "dagster-daemon run -w workspace.yaml") -> Diagnosis:
    return Diagnosis(
        Severity.ERROR, "dead", "", problem, "Until this is put right days are not computed, or nobody is notified.",
        fix, RUNBOOK, command,
    )  # fmt: skip


def _of_receivers(settings: Settings) -> list[Diagnosis]:
    found = [
        Diagnosis(
            Severity.ERROR, "bad_receiver", "", problem, "It is notified of nothing; the others are.",
            "Put the address right and start the daemon again: it does not start with this one.", "alerts",
            "eventflow alerts test",
        )
        for problem in address_problems(settings)
    ]  # fmt: skip
    if found or configured_receivers(settings):
        return found
    return [
        Diagnosis(
            Severity.WARN, "no_receiver", "", "EVENTFLOW_ALERTS_URLS is unset",
            "Alerts are log lines only: nobody is paged.", "Name at least one receiver.", "alerts", "export EVENTFLOW_ALERTS_URLS='slack://…'",
        )
    ]  # fmt: skip


def _of_dagster(now: datetime) -> list[Diagnosis]:
    with dg.DagsterInstance.get() as instance:
        conditions = [*run_failed.conditions(instance, now), *tick_failed.conditions(instance, now)]
    return [_of_condition(condition) for condition in conditions]


def _of_database(engine: Engine, settings: Settings, now: datetime) -> list[Diagnosis]:
    findings: list[Diagnosis] = []
    for conditions in poll(engine, settings, now).values():
        for condition in conditions:
            if condition.name == "deficit" or (
                condition.name == "deficit_day" and not any(f.subject == condition.subject for f in findings)
            ):
                findings.append(_of_deficit(engine, settings, condition, now))
            elif condition.name != "deficit_day":
                findings.append(_of_condition(condition))
    return findings


def _of_deficit(engine: Engine, settings: Settings, condition: Condition, now: datetime) -> Diagnosis:
    found = _of_condition(condition)
    if condition.client_id is None:
        return found
    window = now - timedelta(minutes=settings.quality.deficit_window_minutes)
    since = window if condition.name == "deficit" else condition.since
    cause = cause_of_deficit(deficit_evidence(engine, condition.client_id, since, now))
    return replace(found, meaning=cause.meaning, fix=cause.fix, cause=cause.name)


def _of_alerts(engine: Engine, now: datetime) -> list[Diagnosis]:
    with connect(engine) as connection:
        stuck = [e for e in incident_store.incidents(connection) if e.due and e.undelivered_since]
    return [
        Diagnosis(
            Severity.ERROR, "undelivered", "", f"{len(stuck)} alerts could not be delivered",
            "A receiver does not take messages; they are sent again in every pass and not lost.",
            "See the log lines alert_not_delivered; put the receiver or its address right.",
            "alerts", "eventflow doctor",
            min(e.undelivered_since or now for e in stuck),
        )
    ] if stuck else []  # fmt: skip


def _of_condition(condition: Condition) -> Diagnosis:
    numbers = ", ".join(f"{name} {value}" for name, value in condition.numbers.items())
    return Diagnosis(
        condition.severity, condition.name, condition.subject, condition.summary, numbers,
        condition.fix, condition.runbook, condition.command, condition.since, client_id=condition.client_id,
    )  # fmt: skip
