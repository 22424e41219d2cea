"""Pruned session-days (M6): what it still answers is exact, whatever was replaced since; what it cannot is refused."""

from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.ranges.pruning import prune_session_days
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS, count
from eventflow_pipeline_tests.worlds.small_world import Mirror

DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(10)]
TODAY, LONGEST = DAYS[-1], 3
_AT = small.instants(DAYS, small.ZoneInfo("Asia/Seoul"))
_VISITS = st.lists(small.visits(_AT), min_size=20, max_size=60)


@pytest.fixture
def mirror(database: Database) -> Iterator[Mirror]:
    database.settings = database.settings.changed(ranges={"longest_days": LONGEST})
    made = Mirror(database)
    yield made
    made.close()


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
          phases=(Phase.explicit, Phase.reuse, Phase.generate))  # fmt: skip
@given(visits=_VISITS, later=_VISITS, order=st.permutations(DAYS[-LONGEST:]), merged=st.booleans())
def test_ranges_stay_exact(mirror: Mirror, visits: list, later: list, order: list[date], merged: bool) -> None:  # type: ignore[type-arg]
    database, zone = mirror.database, mirror.database.settings.zone
    mirror.clear()
    database.execute("update stats.build_settings set longest_range_days = null, session_days_from = null")
    mirror.add(visits)
    database.replace(*DAYS)
    assert prune_session_days(database.pipeline, database.settings, TODAY) == 0, (
        "pending days are counted from session-days"
    )
    database.merge_pending()
    before = mirror.world.by_day(zone)
    prune_session_days(database.pipeline, database.settings, TODAY)
    (left,) = database.rows("select min(bucket_date) as day from stats.session_days")
    assert left["day"] is None or left["day"] >= TODAY - timedelta(days=2 * LONGEST - 1)
    mirror.add(later)
    for nth in range(10):
        mirror.delete(nth)
    database.replace(*order)
    if merged:
        database.merge_pending()
    after = mirror.world.by_day(zone)
    for n, first in enumerate(DAYS):
        for last in DAYS[n : n + LONGEST]:
            within = [d for d in DAYS if first <= d <= last]
            seen = [fact for d in within for fact in (after if d in order else before).get(d, ())]
            for grain in ("client", "link", "utm"):
                answers = {
                    tuple(row[k] for k in KEYS[grain]): tuple(
                        row[m] for m in ("hits", "visits", "sessionless_hits", "conversions")
                    )
                    for row in database.rows("select * from stats.range_summary(:g, :a, :b)", g=grain, a=first, b=last)
                }
                assert answers == count(seen, grain), (grain, first, last)


def test_what_it_cannot_answer_is_refused(mirror: Mirror) -> None:
    database = mirror.database
    mirror.clear()
    database.replace(*DAYS)
    database.merge_pending()
    prune_session_days(database.pipeline, database.settings, TODAY)
    with psycopg.connect(database.url) as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute("select * from stats.range_summary('client', %s, %s)", (DAYS[0], DAYS[LONGEST]))
    assert refusal.value.sqlstate == "ST005"
    database.replace(TODAY - timedelta(days=LONGEST))
    with pytest.raises(UserError, match=r"2024-03-06 can no longer be replaced"):
        database.replace(TODAY - timedelta(days=LONGEST + 1))
    with psycopg.connect(database.url) as connection, pytest.raises(psycopg.Error, match="pruned"):
        connection.execute("select stats.add_grain('campaign_source', '{client_id,utm_source}')")
    # A longer range cannot be had back by changing the setting.
    prune_session_days(database.pipeline, database.settings.changed(ranges={"longest_days": 100}), TODAY)
    assert database.rows("select longest_range_days from stats.build_settings") == [{"longest_range_days": LONGEST}]


def test_by_default_nothing_is_pruned(database: Database) -> None:
    assert prune_session_days(database.pipeline, database.settings) == 0
    assert database.rows("select longest_range_days, session_days_from from stats.build_settings") == [
        {"longest_range_days": None, "session_days_from": None}
    ]
