"""Bounds of business days as the parameters statements over facts take."""

from datetime import date, datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

from eventflow_pipeline.domain.days import DayRange, day_window


class DayBounds(TypedDict):
    """Days, ascending, with their first instants and ends (exclusive), and the end of all."""

    days: list[date]
    starts: list[datetime]
    ends: list[datetime]
    window_end: datetime


def day_bounds(days: DayRange, zone: ZoneInfo) -> DayBounds:
    """Parameters ``days``, ``starts``, ``ends`` and ``window_end`` of the business days of a range (T1)."""
    windows = [day_window(day, zone) for day in days]
    return DayBounds(
        days=list(days), starts=[w.start for w in windows], ends=[w.end for w in windows], window_end=windows[-1].end
    )
