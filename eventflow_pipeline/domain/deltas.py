"""Bringing a published day up to date by the facts that were added to it: when it may be, and where these facts are."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from eventflow_pipeline.domain.days import DayWindow

#: A fact recorded longer before the publication of its day, and found only now, has the day be computed whole.
OVERLAP = timedelta(minutes=2)
#: Where days long past take deltas, for tests: their entries are recorded when they are dated.
ANY_TIME = timedelta(days=36_500)
#: Facts that are added at most; with more, computing the day whole costs little more.
MOST = 50_000
#: Parts of the day that are read for them at most.
_MOST_WINDOWS = 12
_CHUNK = timedelta(minutes=5)
_HOUR = timedelta(hours=1)


class Refusal(StrEnum):
    """Why a day has to be computed whole."""

    SWITCHED_OFF = "EVENTFLOW_CHANGES_DELTAS is never"
    NOT_PUBLISHED = "it was never published as the current day"
    OVER = "it is not the current day"
    IN_WORK = "somebody works on it"
    OTHER_ENGINE = "another engine computes days"
    DEFINITION = "definitions changed"
    MARKED = "something else than added facts is known of it"
    HELD = "something is held"
    KEPT = "somebody keeps it as it is"
    DIFFERED = "deltas of it were wrong before"
    HOURLY = "it was last computed whole an hour ago"
    CLOCK = "the clock was set back"
    TOO_MANY = "too many facts were added"
    NOT_PROVEN = "facts or dimensions changed, or were recorded late"


def windows_of(occurred_at: Iterable[datetime], day: DayWindow) -> list[DayWindow]:
    """The parts of ``day`` to read for facts of these times: as few as have no gap, or one that has all of them."""
    parts = _runs((_floor(at, _CHUNK) for at in occurred_at), _CHUNK)
    if len(parts) > _MOST_WINDOWS:
        parts = [(parts[0][0], parts[-1][1])]
    return [DayWindow(max(first, day.start), min(last + _CHUNK, day.end)) for first, last in parts]


def hours_of(occurred_at: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """The UTC hours (T2) of facts of these times, as ranges: the first and the last hour of each."""
    return _runs((_floor(at, _HOUR) for at in occurred_at), _HOUR)


def hours_window(first: datetime, last: datetime, day: DayWindow) -> DayWindow:
    """What of ``day`` lies in the hours from ``first`` to ``last``."""
    return DayWindow(max(first, day.start), min(last + _HOUR, day.end))


def _floor(at: datetime, step: timedelta) -> datetime:
    at = at.astimezone(UTC)
    return at - (at - datetime(2000, 1, 1, tzinfo=UTC)) % step


def _runs(starts: Iterable[datetime], step: timedelta) -> list[tuple[datetime, datetime]]:
    runs: list[tuple[datetime, datetime]] = []
    for start in sorted(set(starts)):
        if runs and start == runs[-1][1] + step:
            runs[-1] = (runs[-1][0], start)
        else:
            runs.append((start, start))
    return runs
