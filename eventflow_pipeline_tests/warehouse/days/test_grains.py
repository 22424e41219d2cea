"""Grains are data (M5): one is added by an entry and a migration of one line, and its history fills itself."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DataError, IntegrityError

from eventflow_pipeline.domain.grains import Grain
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS, count
from eventflow_pipeline_tests.worlds.small_world import Mirror

DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(4)]
#: The entry, as it would stand in domain/grains.py ...
NEW = Grain("campaign_source", ("client_id", "entity_type", "entity_id", "utm_source"), "a campaign's UTM source")
#: ... and the migration, with its way back.
MIGRATION = "select stats.add_grain('campaign_source', '{client_id,entity_type,entity_id,utm_source}')"
WAY_BACK = "select stats.remove_grain('campaign_source')"


@pytest.fixture
def mirror(database: Database) -> Iterator[Mirror]:
    """Four computed and settled days on which the same two sessions keep returning by two sources."""
    made = Mirror(database)
    made.clear()
    made.add(
        {**small.PLAIN_VISIT, "session_id": f"s{n % 2}", "utm_source": ("naver", "kakao", None)[n % 3],
         "accessed_at": datetime(2024, 3, 1, 12, tzinfo=database.settings.zone) + timedelta(hours=8 * n)}
        for n in range(12)
    )  # fmt: skip
    database.replace(*DAYS)
    database.merge_pending()
    yield made
    made.close()


def _answers(database: Database, first: date, last: date) -> dict[tuple[Any, ...], tuple[int, ...]]:
    rows = database.rows("select * from stats.range_summary(:g, :a, :b)", g=NEW.name, a=first, b=last)
    return {
        tuple(row[k] for k in NEW.keys): tuple(row[m] for m in ("hits", "visits", "sessionless_hits", "conversions"))
        for row in rows
    }


def _refused(database: Database, first: date, last: date) -> str | None:
    with psycopg.connect(database.url) as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute("select * from stats.range_summary(%s, %s, %s)", (NEW.name, first, last))
    return refusal.value.sqlstate


def test_adding_a_grain(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KEYS, NEW.name, NEW.keys)  # type: ignore[arg-type]
    database, facts = mirror.database, mirror.world.by_day(mirror.database.settings.zone)
    settled = database.summary("campaign", DAYS[0])
    assert _refused(database, DAYS[0], DAYS[0]) == "ST001"
    database.execute(MIGRATION)
    database.execute(MIGRATION)  # harmless

    # No day is computed for it yet: an error, never 0. The other grains answer as before.
    assert _refused(database, DAYS[0], DAYS[-1]) == "ST004"
    assert database.summary("campaign", DAYS[0]) == settled

    # History fills itself day by day, also where the facts did not change.
    for n, day in enumerate(DAYS):
        (totals,) = database.replace(day)
        assert totals.buckets[NEW.name] > 0
        if n % 2:
            database.merge_pending()
        for first in DAYS[: n + 1]:
            within = [fact for d in DAYS if first <= d <= day for fact in facts[d]]
            assert _answers(database, first, day) == count(within, NEW.name)
        if day != DAYS[-1]:
            assert _refused(database, DAYS[0], DAYS[-1]) == "ST004"
    assert database.rows("select from stats.partition_state where histogram_pending") == []
    assert database.rows("select count(*) as n from stats.campaign_source_returns")[0]["n"] > 0

    database.execute(WAY_BACK)
    assert _refused(database, DAYS[0], DAYS[0]) == "ST001"
    database.replace(DAYS[0])
    assert database.summary("campaign", DAYS[0]) == settled


def test_its_table_is_secured_like_the_others(mirror: Mirror) -> None:
    from eventflow_pipeline_tests.warehouse.schema import test_tenancy

    mirror.database.execute(MIGRATION)
    test_tenancy.test_every_table_has_row_security_and_a_policy_of_a_known_kind(mirror.database)
    (granted,) = mirror.database.rows(
        "select has_table_privilege('authenticated', 'stats.campaign_source_daily', 'select') as reads, "
        "has_table_privilege('authenticated', 'stats.campaign_source_daily', 'insert') as writes"
    )
    assert granted == {"reads": True, "writes": False}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Client Daily", "{client_id}"),
        ("half_entity", "{client_id,entity_id}"),
        ("half_link", "{client_id,link_id}"),
        ("per_session", "{client_id,session_id}"),
    ],
)
def test_what_cannot_be_a_grain_is_refused(database: Database, name: str, keys: str) -> None:
    with pytest.raises(DataError, match="grain"):
        database.execute("select stats.add_grain(:name, cast(:keys as text[]))", name=name, keys=keys)
    assert database.rows("select from stats.grain") == database.rows("select from stats.grain where position < 10")


def test_a_bucket_exists_once_and_only_with_the_columns_of_its_grain(mirror: Mirror) -> None:
    again = (
        "insert into stats.bucket_daily select * from stats.bucket_daily where grain = 'client' and bucket_date = :day"
    )
    with pytest.raises(IntegrityError, match="client_daily_key"):
        mirror.database.execute(again, day=DAYS[0])
    with pytest.raises(IntegrityError, match="client_daily_key_check"):
        mirror.database.execute("update stats.client_daily set utm_source = 'naver'")
