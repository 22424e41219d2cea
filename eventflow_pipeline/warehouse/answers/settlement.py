"""What a settlement of one client over a range of days is made of, read in one snapshot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.answers.explain import find_client
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


#: What of a statement's rows is an instant, and what a day.
_INSTANTS = frozenset({"as_of", "recorded_at", "computed_at", "stale_since"})
_DAYS = frozenset({"date", "month", "last_day"})


def settle_client(engine: Engine, client: str, days: DayRange) -> Settlement:
    """The settlement of ``client`` (id or name). Raises UserError for no such client or a day not computed."""
    with connect(engine) as connection, repeatable_read(connection):
        found = find_client(connection, client)
        if found["id"] is None:
            raise UserError("The unknown client is nobody to settle with: give --client an id or a name.")
        asked = {"client_id": found["id"], "first_day": days.first, "last_day": days.last}
        try:
            rows = connection.execute(statement("answers/settlement"), asked).all()
        except DBAPIError as refused:
            raise _explained(refused) from refused
    return settlement_of(((row.part, row.content) for row in rows), days)


def settlement_of(rows: Iterable[tuple[str, Row]], days: DayRange) -> Settlement:
    """The settlement that the rows of ``stats.settlement`` over ``days`` are."""
    parts: dict[str, list[Row]] = {}
    for part, content in rows:
        parts.setdefault(part, []).append({name: _typed(name, value) for name, value in content.items()})
    (client,), (state,), (quality,) = parts["client"], parts["state"], parts["quality"]
    closing = parts["closing"][0] if "closing" in parts else None
    nothing = {"hits": 0, "visits": 0, "sessionless_hits": 0, "conversions": 0, "cvr": None}
    return Settlement(
        client_id=UUID(client["id"]),
        client_name=client["name"],
        days_range=days,
        as_of=(closing or state)["as_of"],
        complete=bool((closing or state)["complete"]),
        totals=parts["totals"][0] if "totals" in parts else nothing,
        quality=quality,
        campaigns=parts.get("campaigns", ()),
        links=parts.get("links", ()),
        days=parts["days"],
        closing=closing,
        adjustments=parts.get("adjustments", ()),
    )


def _typed(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in _INSTANTS:
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if name in _DAYS else value


def _explained(refused: DBAPIError) -> Exception:
    """A refusal of the reads (ST001 to ST009) as the sentence a user is meant to read; anything else as it is."""
    diagnosis = getattr(refused.orig, "diag", None)
    if diagnosis is None or not str(diagnosis.sqlstate).startswith("ST"):
        return refused
    message = str(diagnosis.message_primary)
    return UserError(f"{message[0].upper()}{message[1:]}: {str(diagnosis.message_hint).rstrip('.')}.")
