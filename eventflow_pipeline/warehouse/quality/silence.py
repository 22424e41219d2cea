"""Streams of facts that are quiet for longer than they are used to (Q7), per client and, where kept, surface."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, text

from eventflow_pipeline.domain.days import local_date
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

_WEEKS = 8
_RECENT = timedelta(days=2)
#: Facts this far around an hour of an earlier week are looked at: longer gaps count as this long.
_REACH_HOURS = 12


@dataclass(frozen=True, slots=True)
class QuietStream:
    """A stream (``visits``, ``entries`` or ``surface ...``) of a client: how long it has been quiet, and may be.

    ``last_at`` is None when it was not seen within two days. Times in seconds.
    """

    client_id: UUID
    stream: str
    last_at: datetime | None
    quiet_seconds: float
    limit_seconds: float

    @property
    def excess(self) -> float:
        """The quiet in multiples of what is usual: above 1 the stream is silent."""
        return self.quiet_seconds / self.limit_seconds


def quiet_streams(engine: Engine, settings: Settings, now: datetime) -> Sequence[QuietStream]:
    """Every stream with four weeks of history that was seen within a week, as of ``now`` (aware)."""
    hour = now.astimezone(settings.zone).replace(minute=0, second=0, microsecond=0)
    # The same hour on the clock, also across its changes.
    hours = [(hour - timedelta(weeks=week)).astimezone(UTC) for week in range(1, _WEEKS + 1)]
    parameters = {
        "now": now,
        "today": local_date(now, settings.zone),
        "recent_start": now - _RECENT,
        "hours": hours,
        "hour_ends": [start + timedelta(hours=1) for start in hours],
        "reach_hours": _REACH_HOURS,
    }
    with connect(engine) as connection:
        rows = list(connection.execute(statement("numbers/silences"), parameters))
        if connection.execute(text("select to_regclass('stats.fact_surface')")).scalar():
            rows += connection.execute(statement("numbers/surface_silences"), parameters)
    return [
        QuietStream(
            client_id=row.client_id,
            stream=row.stream,
            last_at=row.last_at,
            quiet_seconds=row.quiet_seconds,
            limit_seconds=max(
                settings.quality.silence_minutes * 60.0, settings.quality.silence_factor * row.usual_seconds
            ),
        )
        for row in rows
    ]
