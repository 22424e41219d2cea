"""What a sample is made of: its size, its period, its zone and its seed."""

from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from eventflow_pipeline.domain.days import LONGEST_RANGE
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
