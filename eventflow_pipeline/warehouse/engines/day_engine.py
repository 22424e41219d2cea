"""Who computes a day: the seam between what a day's numbers are and the transaction that publishes them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from eventflow_pipeline.extras import require_extras
from eventflow_pipeline.settings import Settings


class EngineError(Exception):
    """An engine gave no result, or one that cannot be right; nothing of the day was published."""


@dataclass(frozen=True, slots=True)
class DayWork:
    """What is to be computed of a day: its window (half-open instants, T1), grains (M5), lists of hour buckets (B1)."""

    day: date
    window_start: datetime
    window_end: datetime
    #: Each as ``numbers/buckets`` takes it: name and which keys.
    grains: Sequence[RowMapping]
    clients: Sequence[UUID]
    campaigns: Sequence[UUID]

    @property
    def bounds(self) -> dict[str, datetime]:
        """The window as parameters."""
        return {"window_start": self.window_start, "window_end": self.window_end}


class ComputedDay(Protocol):
    """A day as an engine computes it, staged step by step into the scratch tables of the day's connection."""

    @property
    def work(self) -> DayWork:
        """What was asked for."""

    @property
    def by(self) -> Mapping[str, str]:
        """Who computed it, once its session-days are staged: for the records of a run."""

    def stage_session_days(self) -> None:
        """Fill ``stage_session_days``, each client's fingerprints of facts included, and only from this snapshot."""

    def stage_buckets(self) -> None:
        """Fill ``stage_buckets`` with all grains, counted from what ``stage_session_days`` made."""

    def insert_campaign_hours(self, day: date, held_clients: Sequence[UUID | None]) -> None:
        """Insert the hour buckets (B1) of everybody who is not held."""


class DayEngine(Protocol):
    """``EVENTFLOW_ENGINE``. Implementations publish nothing and write nothing but scratch tables."""

    def computing(self, connection: Connection, work: DayWork) -> AbstractContextManager[ComputedDay]:
        """Within the day's transaction: what ``connection``'s snapshot holds of the day. Raises EngineError."""


def day_engine(settings: Settings) -> DayEngine:
    """The engine that is set. Raises UserError when it lacks a package."""
    if settings.engine == "postgres":
        from eventflow_pipeline.warehouse.engines.postgres import PostgresEngine

        return PostgresEngine()
    require_extras("spark")
    from eventflow_pipeline.warehouse.engines.spark import SparkEngine

    return SparkEngine(settings)
