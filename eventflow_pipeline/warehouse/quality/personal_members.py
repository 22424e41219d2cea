"""UTM members of buckets that look like personal data (S7): counted, never shown.

Members are what facts and N1 say, so nothing is altered here: the facts are corrected by their owner, change
detection recomputes the days, and the member is gone.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.domain.personal_data import EMAIL, PHONE
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


@dataclass(frozen=True, slots=True)
class PersonalMembers:
    """How many values of one UTM column of a client (None: unknown) look personal, and on which days."""

    client_id: UUID | None
    utm_column: str
    members: int
    first_day: date
    last_day: date


def personal_members(engine: Engine, first_day: date) -> list[PersonalMembers]:
    """Members of buckets from ``first_day`` on that look like an e-mail address or a phone number."""
    with connect(engine) as connection:
        rows = connection.execute(
            statement("numbers/personal_members"), {"first_day": first_day, "pattern": f"{EMAIL}|{PHONE}"}
        )
        return [
            PersonalMembers(row.client_id, row.utm_column, row.members, row.first_day, row.last_day) for row in rows
        ]
