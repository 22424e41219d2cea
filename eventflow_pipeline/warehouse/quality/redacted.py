"""How much of each client's recent traffic counts in the member ``(redacted)`` (A5)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


@dataclass(frozen=True, slots=True)
class Redacted:
    """A client's (None: the unknown one's) hits and entries, and those with a UTM value that looked personal.

    ``first_day`` and ``last_day`` are the business days of the latter.
    """

    client_id: UUID | None
    first_day: date
    last_day: date
    hits: int
    redacted_hits: int
    entries: int
    redacted_entries: int


def redacted_traffic(engine: Engine, first_day: date) -> list[Redacted]:
    """Clients with a member ``(redacted)`` on business days from ``first_day`` on, and how much of all it is."""
    with connect(engine) as connection:
        rows = connection.execute(statement("numbers/redacted"), {"first_day": first_day}).mappings()
        return [Redacted(**row) for row in rows]
