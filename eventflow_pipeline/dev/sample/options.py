"""What a sample is made of (size, period, zone, seed), and its days: where they end, how busy each hour is (T1, T3)."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

from eventflow_pipeline.domain.days import LONGEST_RANGE, DayWindow, day_window
from eventflow_pipeline.errors import UserError

#: Smallest value of each count with which every trap still has a place of its own.
SMALLEST = {"days": 7, "agencies": 1, "clients": 3, "campaigns": 6, "webinars": 3, "visits_per_day": 1}


class SampleRefused(UserError, ValueError):
    """The sample cannot be made or loaded as asked; the message says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """The whole input of ``generate``: equal options give equal rows.

    ``until`` is the last local date and plays "today"; the first one is ``days - 1`` earlier. ``now`` (aware)
    ends the facts: nothing is later. Without it the last day is complete. ``visits_per_day`` is the average
    number of arrivals (a session opening a page) a day on the whole platform; each leaves about 1.5 hits.
    Raises SampleRefused when a count is too small or ``now`` has no zone.
    """

    until: date
    seed: int = 7
    days: int = 45
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Seoul"))
    agencies: int = 2
    clients: int = 4
    campaigns: int = 16
    webinars: int = 4
    visits_per_day: int = 900
    now: datetime | None = None
    include_out_of_range: bool = True

    def __post_init__(self) -> None:
        for name, smallest in SMALLEST.items():
            if getattr(self, name) < smallest:
                raise SampleRefused(f"A sample needs {name} of at least {smallest}: raise it.")
        if self.days > LONGEST_RANGE:
            raise SampleRefused(f"A sample has at most {LONGEST_RANGE:,} days: ask for fewer.")
        if self.campaigns < 2 * self.clients:
            raise SampleRefused(f"{self.clients} clients need at least {2 * self.clients} campaigns: add some.")
        if self.now is not None and self.now.utcoffset() is None:
            raise SampleRefused("The sample's now has no time zone: give an aware time.")


#: Complete days that the traps need between the first day and ``now``.
_COMPLETE_DAYS = 6
_HOUR = timedelta(hours=1)
#: Traffic by local hour: quiet nights, a peak at lunch, a higher one in the evening.
_HOURLY = (5, 3, 2, 1, 1, 2, 5, 12, 24, 36, 42, 46, 58, 52, 40, 36, 34, 34, 38, 46, 58, 62, 44, 18)
#: Traffic by weekday, Monday first.
_WEEKLY = (1.05, 1.2, 1.15, 1.1, 0.95, 0.5, 0.45)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of one business day that lie before the end of the facts, with their cumulative weights.

    ``share`` is their part of the whole day's traffic, 1.0 when the day is over.
    """

    starts: tuple[datetime, ...]
    lengths: tuple[timedelta, ...]
    cumulative: tuple[float, ...]
    share: float

    def moments(self, rng: Random, count: int) -> list[datetime]:
        """``count`` instants (UTC) spread as the hours are busy, ascending."""
        picks = rng.choices(range(len(self.starts)), cum_weights=self.cumulative, k=count)
        return sorted(self.starts[n] + self.lengths[n] * rng.random() for n in picks)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Local dates of the sample, the UTC interval of each, and the instant (``limit``) all facts precede.

    ``complete`` days, counted from the first, are over.
    """

    options: SampleOptions
    days: tuple[date, ...]
    windows: tuple[DayWindow, ...]
    limit: datetime
    complete: int

    @classmethod
    def of(cls, options: SampleOptions) -> "Timeline":
        """The timeline of ``options``. Raises SampleRefused when ``now`` leaves too few complete days."""
        first = options.until - timedelta(days=options.days - 1)
        days = tuple(first + timedelta(days=n) for n in range(options.days))
        windows = tuple(day_window(day, options.time_zone) for day in days)
        now = windows[-1].end if options.now is None else options.now.astimezone(UTC)
        # A second less than now, so that the ingest time of the last hit is not after now either.
        limit = min(windows[-1].end, now - timedelta(seconds=1))
        complete = sum(window.end <= now for window in windows)
        if complete < _COMPLETE_DAYS:
            raise SampleRefused(
                f"Only {complete} of the sample's days are over at {options.now}:"
                f" raise days or move now so that {_COMPLETE_DAYS} are."
            )
        return cls(options, days, windows, limit, complete)

    def weekday_factor(self, index: int) -> float:
        """Traffic of day ``index`` relative to an average day, by its weekday."""
        return _WEEKLY[self.days[index].weekday()]

    def end(self, index: int) -> datetime:
        """Instant that the facts of day ``index`` precede."""
        return min(self.windows[index].end, self.limit)

    def hours(self, index: int) -> Hours:
        """The busy hours of day ``index``; 23 or 25 of them where the clock changes."""
        window, end = self.windows[index], self.end(index)
        starts: list[datetime] = []
        lengths: list[timedelta] = []
        weights: list[float] = []
        whole = 0.0
        start = window.start
        while start < window.end:
            weight = _HOURLY[start.astimezone(self.options.time_zone).hour]
            whole += weight * (min(start + _HOUR, window.end) - start) / _HOUR
            if start < end:
                length = min(start + _HOUR, end) - start
                starts.append(start)
                lengths.append(length)
                weights.append(weight * (length / _HOUR))
            start += _HOUR
        return Hours(tuple(starts), tuple(lengths), tuple(accumulate(weights)), sum(weights) / whole)
