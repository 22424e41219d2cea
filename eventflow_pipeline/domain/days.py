"""Business days: their absolute bounds in any time zone, and inclusive ranges of them (T1, T3)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_TICK = timedelta(microseconds=1)
#: Most days that are asked for at once; stats.require_bounds says the same.
LONGEST_RANGE = 3_660


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """Date a clock in ``zone`` shows at ``instant`` (aware)."""
    return instant.astimezone(zone).date()


def local_time(instant: datetime, zone: ZoneInfo) -> str:
    """An instant as people read it, in the business zone: ``2026-11-28 09:30 KST``."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def today(zone: ZoneInfo, now: datetime | None = None) -> date:
    """Current business day in ``zone``; ``now`` (aware) replaces the clock in tests."""
    return local_date(now or datetime.now(UTC), zone)


@lru_cache(maxsize=4096)
def day_start(day: date, zone: ZoneInfo) -> datetime:
    """First instant (UTC) whose local date in ``zone`` is ``day`` or later (T1).

    Midnight may not exist (a clock put forward at or just before it) or happen twice (put back over it): of
    two midnights the first counts, and in a gap the day begins with the gap's end. A date that a zone skipped
    altogether begins where the next one does, so its interval is empty.
    """
    start = datetime(day.year, day.month, day.day, tzinfo=zone, fold=0).astimezone(UTC)
    if local_date(start - _TICK, zone) < day:
        return start
    # Midnight lies inside a gap that began earlier. Across a gap local dates only grow, so search for the jump.
    before, after = start - timedelta(days=1), start
    while after - before > _TICK:
        middle = before + (after - before) / 2
        if local_date(middle, zone) < day:
            before = middle
        else:
            after = middle
    return after


@dataclass(frozen=True, slots=True)
class DayWindow:
    """Half-open interval ``[start, end)`` of instants (UTC) that make up one business day or several."""

    start: datetime
    end: datetime


def day_window(day: date, zone: ZoneInfo) -> DayWindow:
    """Instants of business day ``day`` (T1); 23 or 25 hours long where the clock changes."""
    return DayWindow(day_start(day, zone), day_start(day + timedelta(days=1), zone))


@dataclass(frozen=True, slots=True, order=True)
class DayRange:
    """Inclusive range of business days ``first..last`` (T3). Raises ValueError when reversed."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"the range {self.first}..{self.last} is reversed")

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"

    def chunks(self, size: int) -> Iterator["DayRange"]:
        """The range cut into pieces of at most ``size`` days, oldest first."""
        days = list(self)
        return (DayRange(days[n], days[min(n + size, len(days)) - 1]) for n in range(0, len(days), size))

    def window(self, zone: ZoneInfo) -> DayWindow:
        """Instants of the whole range."""
        return DayWindow(day_start(self.first, zone), day_start(self.last + timedelta(days=1), zone))


def contiguous(days: Iterable[date]) -> list[DayRange]:
    """The fewest ranges that cover exactly ``days``, oldest first."""
    ranges: list[DayRange] = []
    for day in sorted(set(days)):
        if ranges and day - ranges[-1].last == timedelta(days=1):
            ranges[-1] = DayRange(ranges[-1].first, day)
        else:
            ranges.append(DayRange(day, day))
    return ranges


def first_of(ranges: Sequence[DayRange], most: int = 5) -> str:
    """The first few ranges by name, and how many more there are."""
    more = f" and {len(ranges) - most} more ranges" if len(ranges) > most else ""
    return ", ".join(map(str, ranges[:most])) + more
