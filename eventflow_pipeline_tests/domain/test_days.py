"""Business days against the definition itself (T1): an instant is in the day its local date says, in any zone."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventflow_pipeline.domain.days import DayRange, contiguous, day_start, day_window, today

#: Clock changes at 2 and 3 o'clock, at midnight (gap and repeat), by half hours, of whole days, and none.
ZONES = (
    "Asia/Seoul", "UTC", "America/New_York", "Europe/Berlin", "America/Santiago", "America/Havana", "Atlantic/Azores",
    "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Asia/Beirut", "Africa/Cairo", "Pacific/Apia",
)  # fmt: skip
MICROSECOND = timedelta(microseconds=1)
_dates = st.dates(date(2010, 1, 1), date(2027, 12, 31))


def _local(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=60, deadline=None)
@given(since_2010=st.timedeltas(timedelta(), timedelta(days=18 * 365)))
def test_an_instant_lies_in_the_window_of_its_local_date(name: str, since_2010: timedelta) -> None:
    zone, instant = ZoneInfo(name), datetime(2010, 1, 1, tzinfo=UTC) + since_2010
    day = _local(instant, zone)
    window = day_window(day, zone)
    assert window.start <= instant < window.end


@pytest.mark.parametrize("name", ZONES)
def test_every_day_of_years_of_clock_changes_starts_at_its_first_instant(name: str) -> None:
    zone = ZoneInfo(name)
    for n in range(16 * 366):
        day = date(2010, 1, 1) + timedelta(days=n)
        window = day_window(day, zone)
        if window.start == window.end:
            assert (name, day) == ("Pacific/Apia", date(2011, 12, 30)), "the one date that was skipped"
            continue
        assert _local(window.start, zone) == day
        assert _local(window.start - MICROSECOND, zone) < day
        assert _local(window.end - MICROSECOND, zone) == day
        assert window.end == day_start(day + timedelta(days=1), zone), "no instant between two days, none in both"


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("America/New_York", date(2025, 3, 9), 23),
        ("America/New_York", date(2025, 11, 2), 25),
        ("Europe/Berlin", date(2025, 3, 30), 23),
        ("Europe/Berlin", date(2025, 10, 26), 25),
        ("America/Santiago", date(2025, 9, 7), 23),  # midnight does not exist
        ("America/Santiago", date(2025, 4, 5), 25),  # 23:00 to midnight happens twice
        ("America/Havana", date(2025, 3, 9), 23),
        ("America/Havana", date(2025, 11, 2), 25),
        ("Atlantic/Azores", date(2025, 3, 30), 23),
        ("Atlantic/Azores", date(2025, 10, 26), 25),
        ("Australia/Lord_Howe", date(2025, 4, 6), 24.5),
        ("Asia/Seoul", date(2025, 3, 30), 24),
    ],
)
def test_days_of_other_lengths(name: str, day: date, hours: float) -> None:
    window = day_window(day, ZoneInfo(name))
    assert window.end - window.start == timedelta(hours=hours)


def test_today_is_the_zones() -> None:
    now = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    assert today(ZoneInfo("Asia/Seoul"), now) == date(2026, 3, 2)
    assert today(ZoneInfo("America/New_York"), now) == date(2026, 3, 1)


@given(days=st.sets(_dates, max_size=20))
def test_contiguous_ranges_cover_exactly_the_days(days: set[date]) -> None:
    ranges = contiguous(days)
    assert [day for part in ranges for day in part] == sorted(days)
    assert all(b.first - a.last > timedelta(days=1) for a, b in itertools.pairwise(ranges))


def test_a_reversed_range_is_refused() -> None:
    with pytest.raises(ValueError, match="reversed"):
        DayRange(date(2026, 1, 2), date(2026, 1, 1))
