"""Samples of different size and zone that the tests share; generated once each."""

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from eventflow_pipeline.dev.sample import SampleOptions, generate
from eventflow_pipeline_tests.dev.sample.reader import Reader
from eventflow_pipeline_tests.repetitions import some

UNTIL = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 5, 10, tzinfo=UTC)
_SMALLEST = {"days": 7, "agencies": 1, "clients": 3, "campaigns": 6, "webinars": 3, "visits_per_day": 1}

OPTIONS = {
    "smallest": SampleOptions(until=UNTIL, now=NOW, **_SMALLEST),
    "just_after_midnight": SampleOptions(
        until=UNTIL, now=datetime(2026, 11, 23, 15, 0, 30, tzinfo=UTC), days=8, visits_per_day=50
    ),
    "clock_put_back": SampleOptions(
        until=date(2026, 11, 5), days=10, visits_per_day=40, time_zone=ZoneInfo("America/New_York")
    ),
    "no_midnight": SampleOptions(
        until=date(2026, 9, 10), days=10, visits_per_day=40, time_zone=ZoneInfo("America/Santiago")
    ),
    "utc": SampleOptions(until=UNTIL, seed=3, days=10, visits_per_day=40, time_zone=ZoneInfo("UTC")),
    "half_hour": SampleOptions(
        until=UNTIL, seed=4, days=10, visits_per_day=40, time_zone=ZoneInfo("Asia/Kolkata"), now=NOW
    ),
    "default": SampleOptions(until=UNTIL),
    "until_now": SampleOptions(until=UNTIL, now=NOW),
}
#: The last are those that take long to generate.
EVERY = pytest.mark.parametrize("name", some(OPTIONS, 4))


@cache
def reader(name: str) -> Reader:
    """The sample of that name in ``OPTIONS``; not to be changed."""
    return Reader(generate(OPTIONS[name]))
