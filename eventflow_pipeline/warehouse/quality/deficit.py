"""Visits and entries of clients side by side (Q6), and what the facts say about why visits are missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import day_start, today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


class Span(StrEnum):
    """Over what time a client's visits and entries are compared."""

    #: The trailing EVENTFLOW_QUALITY_DEFICIT_WINDOW_MINUTES.
    WINDOW = "window"
    #: The business day so far (T1).
    DAY = "day"


@dataclass(frozen=True, slots=True)
class VisitsAndEntries:
    """What a client had over one span, from ``start`` (an instant) on.

    ``last_visit_at`` and ``first_entry_at`` are of both spans together; the former is None when there was no visit.
    """

    client_id: UUID
    client_name: str | None
    span: Span
    start: datetime
    visits: int
    hits: int
    entries: int
    last_visit_at: datetime | None
    first_entry_at: datetime


def visits_and_entries(engine: Engine, settings: Settings, now: datetime) -> list[VisitsAndEntries]:
    """Both spans of every client that has enough entries to be judged in one of them, as of ``now`` (UTC).

    Read from the facts themselves, so that a late aggregation hides nothing.
    """
    starts = {
        Span.WINDOW: now - timedelta(minutes=settings.quality.deficit_window_minutes),
        Span.DAY: day_start(today(settings.zone, now), settings.zone),
    }
    parameters = {
        "window_start": starts[Span.WINDOW],
        "day_start": starts[Span.DAY],
        "now": now,
        "min_entries": settings.quality.deficit_min_entries,
    }
    with connect(engine) as connection:
        rows = connection.execute(statement("numbers/deficits"), parameters).mappings().all()
    return [
        VisitsAndEntries(
            client_id=row["client_id"],
            client_name=row["client_name"],
            span=span,
            start=start,
            visits=row[f"{span}_visits"],
            hits=row[f"{span}_hits"],
            entries=row[f"{span}_entries"],
            last_visit_at=row["last_visit_at"],
            first_entry_at=row["first_entry_at"],
        )
        for row in rows
        for span, start in starts.items()
    ]


def deficit_evidence(engine: Engine, client_id: UUID, since: datetime, now: datetime) -> Mapping[str, int]:
    """Counts of the client's facts in the window ``since..now`` (instants) that show why its visits are missing."""
    with connect(engine) as connection:
        parameters = {"client_id": client_id, "window_start": since, "now": now}
        row = connection.execute(statement("numbers/deficit_evidence"), parameters).mappings().one()
    return {name: value for name, value in row.items() if isinstance(value, int)}
