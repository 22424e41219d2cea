"""Which days the nightly verification looks at."""

from datetime import date, timedelta

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.verification import nightly_ranges

FIRST = date(2024, 1, 1)


def test_every_day_has_its_turn() -> None:
    today = date(2024, 12, 31)
    nights = [nightly_ranges(FIRST, today + timedelta(days=n), 35) for n in range(10)]
    assert nights[0][0] == DayRange(date(2024, 11, 26), date(2024, 12, 30))
    assert all(len(days) <= 35 for night in nights for days in night)
    seen = {day for night in nights for days in night for day in days}
    assert set(DayRange(FIRST, today - timedelta(days=1))) <= seen


def test_a_young_history_is_one_range_and_the_first_day_none() -> None:
    assert nightly_ranges(FIRST, FIRST + timedelta(days=3), 35) == [DayRange(FIRST, FIRST + timedelta(days=2))]
    assert nightly_ranges(FIRST, FIRST, 35) == []
