"""Single days of random facts in zones that change their clocks, against pandas: T1, T2, N1, E1-E3, A1-A3, M1-M5."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.repetitions import some
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS
from eventflow_pipeline_tests.worlds.small_world import Mirror

#: For each zone three local days around a change of its clock, forth and back.
CHANGES = {
    "America/New_York": (date(2024, 3, 9), date(2024, 11, 2)),
    "Europe/Berlin": (date(2024, 3, 30), date(2024, 10, 26)),
    "America/Santiago": (date(2024, 9, 7), date(2024, 4, 5)),
    "America/Havana": (date(2024, 3, 9), date(2024, 11, 2)),
    "Atlantic/Azores": (date(2024, 3, 30), date(2024, 10, 26)),
    "Asia/Kolkata": (date(2024, 3, 30), date(2024, 10, 26)),
}


def _facts_around(first: date) -> st.SearchStrategy[datetime]:
    """Instants every half hour of four UTC days, and a microsecond to either side: every bound of a day is hit."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(hours=14)
    return st.builds(
        lambda half_hours, aside: start + half_hours * timedelta(minutes=30) + timedelta(microseconds=aside),
        st.integers(0, 2 * 24 * 4),
        st.sampled_from([-1, 0, 0, 1]),
    )


def _frame(mirror: Mirror) -> pd.DataFrame:
    """One row a counted fact, its local date from pandas' own time zones."""
    zone = mirror.database.settings.zone
    counted = [fact for facts in mirror.world.by_day(zone).values() for fact in facts]
    frame = pd.DataFrame(
        [
            {
                **{name: str(value) if value else "none" for name, value in fact.keys.items()},
                "at": fact.at, "hit": int(fact.entry is None), "session": fact.session,
                "sessionless": int(fact.entry is None and fact.session is None), "entry": fact.entry,
            }
            for fact in counted
        ]
    )  # fmt: skip
    frame["bucket_date"] = pd.to_datetime(frame["at"], utc=True).dt.tz_convert(str(zone)).dt.date
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("zone", some(CHANGES, 2))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
          phases=(Phase.explicit, Phase.reuse, Phase.generate))  # fmt: skip
@given(data=st.data())
def test_days_in_a_zone_that_changes_its_clock(mirror: Mirror, zone: str, data: st.DataObject) -> None:
    database = mirror.database
    if database.settings.timezone != zone:
        database.set_build_settings(zone)
    mirror.clear()
    for first in CHANGES[zone]:
        at = _facts_around(first)
        mirror.add(
            data.draw(st.lists(small.visits(at), min_size=10, max_size=40)),
            data.draw(st.lists(small.entries(at), min_size=1, max_size=8)),
        )
    if data.draw(st.booleans()):
        mirror.exclude(small.CAMPAIGN)
    days = [first + timedelta(days=n) for first in CHANGES[zone] for n in range(3)]
    totals = database.replace(*days)
    frame = _frame(mirror)
    frame = frame[frame["bucket_date"].isin(days)]
    for grain, keys in KEYS.items():
        expected = frame.groupby(["bucket_date", *keys]).agg(
            hits=("hit", "sum"),
            visits=("session", "nunique"),
            sessionless_hits=("sessionless", "sum"),
            conversions=("entry", "nunique"),
        )
        rows = database.rows("select * from stats.bucket_daily where grain = :grain", grain=grain)
        stored = pd.DataFrame(
            [row | {key: str(row[key]) if row[key] else "none" for key in keys} for row in rows],
            columns=["bucket_date", *keys, "hits", "visits", "sessionless_hits", "conversions"],
        )
        pd.testing.assert_frame_equal(
            stored.set_index(["bucket_date", *keys]).sort_index(),
            expected.sort_index(),
            check_dtype=False,
            check_index_type=False,
        )
    # E3: buckets and what was excluded are the raw rows of the days, nothing else.
    raw = pd.Series([row["accessed_at"] for row in mirror.world.visits.values()], dtype=pd.DatetimeTZDtype("us", "UTC"))
    inside = int(raw.dt.tz_convert(zone).dt.date.isin(days).sum())
    assert sum(day.hits + day.excluded_hits for day in totals) == inside


def test_the_smallest_day_is_twenty_three_hours(database: Database) -> None:
    """New York, 9 March 2024 to 11 March: the bounds as stored beside the buckets."""
    database.set_build_settings("America/New_York")
    database.replace(date(2024, 3, 10))
    state: list[dict[str, Any]] = database.rows("select window_end - window_start as length from stats.partition_state")
    assert state == [{"length": timedelta(hours=23)}]
