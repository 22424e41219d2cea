"""What a settlement of one client over a range of days is made of, read in one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.months import month_of
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.answers.explain import closing_of, find_client
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.sql import statement

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settlement:
    """A client's numbers over a range (M1-M4, M6), with how current and how good they are.

    ``complete``: no day is missing or stale as of ``as_of`` (an instant). Visits of ``totals``, ``campaigns`` and
    ``links`` are of the whole range, those of ``days`` of each day: neither add up.

    ``closing``: the range is a closed month, and ``totals``, ``campaigns``, ``links``, ``as_of`` and ``complete`` are
    as they were closed; ``adjustments`` are what changed since, signed, and ``quality`` and ``days`` as they are now.
    """

    client_id: UUID
    client_name: str | None
    days_range: DayRange
    as_of: datetime | None
    complete: bool
    totals: Row
    quality: Row
    campaigns: Sequence[Row]
    links: Sequence[Row]
    days: Sequence[Row]
    closing: Row | None = None
    adjustments: Sequence[Row] = ()


def settle_client(engine: Engine, client: str, days: DayRange) -> Settlement:
    """The settlement of ``client`` (id or name). Raises UserError for no such client or a day not computed."""
    with connect(engine) as connection, repeatable_read(connection):
        found = find_client(connection, client)
        if found["id"] is None:
            raise UserError("The unknown client is nobody to settle with: give --client an id or a name.")
        asked = {"client_id": found["id"], "first_day": days.first, "last_day": days.last}
        closing = closing_of(connection, found["id"], days.first) if month_of(days) else None
        as_closed = "closed_" if closing else ""
        entry = {"entry_no": closing["entry_no"]} if closing else asked
        try:
            read = {name: _rows(connection, as_closed + name, entry) for name in ("totals", "campaigns", "links")}
            read["days"] = _rows(connection, "days", asked)
        except DBAPIError as refused:
            raise _explained(refused) from refused
        (quality,), (state,) = (_rows(connection, name, asked) for name in ("quality", "state"))
        adjusted = _rows(connection, "adjustments", {**closing, "client_id": found["id"]}) if closing else ()
    nothing = {"hits": 0, "visits": 0, "sessionless_hits": 0, "conversions": 0, "cvr": None}
    return Settlement(
        client_id=found["id"],
        client_name=found["name"],
        days_range=days,
        as_of=(closing or state)["as_of"],
        complete=bool((closing or state)["complete"]),
        totals=read["totals"][0] if read["totals"] else nothing,
        quality=quality,
        campaigns=read["campaigns"],
        links=read["links"],
        days=read["days"],
        closing=closing,
        adjustments=adjusted,
    )


def _rows(connection: Connection, name: str, asked: Mapping[str, Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(statement(f"answers/settlement/select_{name}"), asked).mappings()]


def _explained(refused: DBAPIError) -> Exception:
    """A refusal of the reads (ST001 to ST009) as the sentence a user is meant to read; anything else as it is."""
    diagnosis = getattr(refused.orig, "diag", None)
    if diagnosis is None or not str(diagnosis.sqlstate).startswith("ST"):
        return refused
    message = str(diagnosis.message_primary)
    return UserError(f"{message[0].upper()}{message[1:]}: {str(diagnosis.message_hint).rstrip('.')}.")
