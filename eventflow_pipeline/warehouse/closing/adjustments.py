"""Adjustments: what a closed month is now less what was closed and adjusted already, figure by figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping

from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.closing.chain import append, head
from eventflow_pipeline.warehouse.closing.closings import states_of
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read, server_time
from eventflow_pipeline.warehouse.db.locks import closing_lock
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.registry import DEFINITION_VERSION

#: Whose doing adjustments are: nobody's.
AUTHOR = "eventflow"


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many adjustments were recorded, and the closed months that wait: a day is due or missing."""

    entries: int
    waiting: tuple[Month, ...]


def record_adjustments(engine: Engine, settings: Settings) -> Recorded:
    """Record what changed in closed months of which a day was computed again since they were last compared.

    A month with a day that is missing or waits to be computed is left for later: its numbers are about to change.
    """
    recorded, waiting = 0, []
    with connect(engine) as connection:
        changed = connection.execute(statement("storage/closings/select_changed_months")).all()
        for row in changed:
            if not row.settled:
                waiting.append(Month(row.month))
                continue
            with closing_lock(connection), repeatable_read(connection):
                recorded += _record(connection, settings, row.month)
    return Recorded(recorded, tuple(waiting))


def adjustments(engine: Engine, month: Month | None = None, client_id: UUID | None = None) -> Sequence[RowMapping]:
    """Recorded adjustments, oldest first: of a month or all, of a client or all; each with its figures and days."""
    asked = {"month": month.first if month else None, "client_id": client_id}
    with connect(engine) as connection:
        return connection.execute(statement("storage/closings/select_adjustments"), asked).mappings().all()


def _record(connection: Connection, settings: Settings, first: Any) -> int:
    """Append an entry for each client of the month whose figures differ, if the month still stands as it was seen."""
    month = Month(first)
    rows = connection.execute(statement("storage/closings/select_changed_months"))
    seen = next((row for row in rows if row.month == first), None)
    if seen is None or not seen.settled:
        return 0
    standing = connection.execute(statement("storage/closings/select_standing"), {"month": first})
    versions = {row.client_id: row.version for row in standing if row.kind == "closed"}
    asked = {"month": first, "first_day": first, "last_day": seen.last_day}
    differing = connection.execute(
        statement("storage/closings/select_differing_clients"),
        {**asked, "clients": list(versions), "versions": list(versions.values())},
    )
    clients = list(differing.scalars())
    if clients:
        newest, recorded_at = head(connection), server_time(connection)
        parameters = {
            **asked,
            "clients": clients,
            "versions": [versions[client] for client in clients],
            "entries": [newest.entry_no + n + 1 for n in range(len(clients))],
        }
        connection.execute(statement("storage/closings/insert_adjusted_figures"), parameters)
        connection.execute(statement("storage/closings/insert_adjusted_days"), parameters)
        states = states_of(connection, month.days, clients)
        for client in clients:
            entry = {
                "kind": "adjusted", "client_id": client, "month": first, "last_day": seen.last_day,
                "version": versions[client], "time_zone": settings.timezone, "definition_version": DEFINITION_VERSION,
                **states[client], "author": AUTHOR, "recorded_at": recorded_at.isoformat(),
            }  # fmt: skip
            newest = append(connection, newest, entry)
    connection.execute(statement("storage/closings/upsert_comparison"), {"month": first, "days_state": seen.days_state})
    return len(clients)
