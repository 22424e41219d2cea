"""Clients for whom the guard against mass loss holds days."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import StaleDay, stale_days

#: Subject of days of which it cannot be told who would lose.
_CANNOT_BE_TOLD = ""


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``heal_held`` per client for which days are held (subject: its id), and one for days where that is not known.

    Of a day on which some would lose too much these alone, not those that are held with them.
    """
    held: dict[tuple[str, UUID | None, str], list[StaleDay]] = defaultdict(list)
    for stale in stale_days(engine):
        for client, name in stale.held_names.items():
            if stale.losing and client not in stale.losing:
                continue
            held[str(client or "unknown"), client, name].append(stale)
        if stale.held_since and not stale.held_names:
            held[_CANNOT_BE_TOLD, None, ""].append(stale)
    return [_condition(*who, days) for who, days in held.items()]


def _condition(subject: str, client: UUID | None, name: str, held: list[StaleDay]) -> Condition:
    days = DayRange(held[0].day, held[-1].day)
    count = "1 day is" if len(held) == 1 else f"{len(held)} days are"
    only = f" --client {subject}" if subject else ""
    return Condition(
        name="heal_held",
        subject=subject,
        client_id=client,
        severity=Severity.ERROR,
        since=min(stale.held_since for stale in held if stale.held_since),
        summary=(f"client {name}: " if name else "")
        + f"{count} held because of a mass loss; for {days.last}: {held[-1].reason_of(client)}.",
        runbook="heal-held",
        command="eventflow heal --dry-run",
        fix="Compare the loss with what was deleted in the source; restore the rows, or accept it: "
        f'eventflow accept held --from {days.first} --to {days.last}{only} --reason "..."',
        days=days,
        own_days=frozenset(stale.day for stale in held),
        narrowed=lambda some: _condition(subject, client, name, [stale for stale in held if stale.day in some]),
        numbers={"days": len(held)},
    )
