"""What a comparison of facts and aggregates found (E3, M1-M6): differences, each with a name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.personal_data import redact


class Part(StrEnum):
    """What was compared: the right-hand side of ``raw <> stored``."""

    BUCKET = "bucket"
    HOUR = "hour"
    SESSION_DAYS = "session_days"
    STATE = "state"
    WINDOW = "window"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of one member of a grain that is not what the facts (or, of a histogram, session-days) say.

    ``first`` is the window's first day, or the histogram's previous day; else ``day`` itself. ``grain`` is a published
    grain, ``campaign_hourly`` (the member has its hour), ``session_days`` or ``partition_state``. ``raw`` or ``stored``
    is None where that side has no such member.
    """

    part: Part
    day: date
    first: date
    grain: str
    member: Mapping[str, str]
    measure: str
    raw: int | None
    stored: int | None

    @property
    def rebuilds(self) -> DayRange:
        """Days to rebuild: the window's, else the day."""
        return DayRange(self.first, self.day) if self.part is Part.WINDOW else DayRange(self.day, self.day)

    def row(self) -> dict[str, str | int | None]:
        """The difference as one flat row of a table, to be shown: UTM values that look personal are redacted (S7)."""
        return {
            "part": self.part.value,
            "day": self.day.isoformat(),
            "first": self.first.isoformat(),
            "grain": self.grain,
            "member": ", ".join(f"{key}={redact(value)}" for key, value in self.member.items()) or "(all)",
            "measure": self.measure,
            "raw": self.raw,
            "stored": self.stored,
        }


@dataclass(frozen=True, slots=True)
class HeldDifference:
    """What a client (None: the unknown one) held on a day would count now minus what is published, signed (E3)."""

    day: date
    client_id: UUID | None
    client_name: str | None
    hits: int
    entries: int

    @property
    def client(self) -> str:
        """The client's name, or what there is of it."""
        return self.client_name or (str(self.client_id) if self.client_id else "unknown")

    def __str__(self) -> str:
        return f"{self.client} {self.hits:+} hits, {self.entries:+} entries"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Outcome of comparing days: each day is in exactly one of ``checked``, ``stale``, ``missing`` and ``kept``.

    ``stale`` days have facts that moved since they were computed: they are late, not wrong, and change detection
    replaces them; there only clients whose facts did not move have differences. ``missing`` days were never computed
    and have none. ``kept`` days can no longer be computed and are, by somebody's decision, not what their facts say:
    who decided, why, and by how much they differ; the clients whose facts did not move are compared there, too. For
    windows a day stands for those that end on it. ``held``: the clients whose part of a day is held, and was compared
    as published.
    """

    checked: tuple[date, ...] = ()
    stale: tuple[date, ...] = ()
    missing: tuple[date, ...] = ()
    differences: tuple[Difference, ...] = ()
    kept: Mapping[date, str] = field(default_factory=dict)
    held: tuple[HeldDifference, ...] = ()

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(
            self.checked + other.checked,
            self.stale + other.stale,
            self.missing + other.missing,
            self.differences + other.differences,
            {**self.kept, **other.kept},
            self.held + other.held,
        )

    def of(self, day: date) -> tuple[Difference, ...]:
        """Differences of one day."""
        return tuple(d for d in self.differences if d.day == day)
