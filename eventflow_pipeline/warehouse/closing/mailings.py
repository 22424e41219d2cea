"""Which statements of closed months were mailed: kept so that none is mailed twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    """A closing in force."""

    client_id: UUID
    client: str
    month: Month
    version: int
    hash: str


def closings_in_force(
    engine: Engine, *, month: Month | None = None, client_id: UUID | None = None, since: datetime | None = None
) -> list[ClosedMonth]:
    """Closings that were not taken back: of a month, of a client, recorded since an instant; by month and client."""
    asked = {"month": month.first if month else None, "client_id": client_id, "since": since}
    with connect(engine) as connection:
        rows = connection.execute(_s("select_closings"), asked).all()
    return [ClosedMonth(row.client_id, row.client, Month(row.month), row.version, row.hash) for row in rows]


def mailed(engine: Engine, closings: Sequence[ClosedMonth]) -> dict[tuple[str, str], str]:
    """``sent``, ``sending`` or ``refused``, by hash of the closing and recipient; who was never tried is not there."""
    with connect(engine) as connection:
        rows = connection.execute(_s("select_mailings"), {"closing_hashes": [closing.hash for closing in closings]})
        return {(row.closing_hash, row.recipient): row.state for row in rows}


def claim(engine: Engine, closing: ClosedMonth, recipient: str, *, again: bool) -> bool:
    """Take the sending of a statement, committed: False where somebody else has, or it is sent.

    ``again``: also what was interrupted, of which nobody knows whether it was sent.
    """
    asked = {"closing_hash": closing.hash, "recipient": recipient, "again": again}
    with connect(engine) as connection:
        return connection.execute(_s("claim"), asked).one_or_none() is not None


def finish(engine: Engine, closing: ClosedMonth, recipient: str, state: str, reason: str | None = None) -> None:
    """Say what became of a sending that was claimed: ``sent``, or ``refused`` with the reason."""
    asked = {"closing_hash": closing.hash, "recipient": recipient, "state": state, "reason": reason}
    with connect(engine) as connection:
        connection.execute(_s("finish"), asked)


def _s(name: str) -> Any:
    return statement(f"storage/mailings/{name}")
