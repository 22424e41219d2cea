"""Grains are data (M5): one is added by the lines that CONTRIBUTING.md gives, and its history fills itself."""

import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DataError, IntegrityError

from eventflow_pipeline.domain import grains
from eventflow_pipeline.settings import project_root
from eventflow_pipeline.warehouse.db.sql import sql_root
from eventflow_pipeline.warehouse.schema.migrations import migrate
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import independent_count
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS, count
from eventflow_pipeline_tests.worlds.small_world import Mirror

DAYS = [date(2024, 3, 1) + timedelta(days=n) for n in range(4)]
#: How a grain is added, in the words that whoever adds one follows.
PAGE = (project_root() / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOW_TO = PAGE.partition("## Add a grain\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"```(?:python|sql)\n(.+?)\n *```", HOW_TO, re.DOTALL)
WAY_BACK = re.findall(r"`(select stats\.remove_grain\(.+?\))`", HOW_TO)
#: The entry, as it is to stand in domain/grains.py.
NEW = eval(BLOCKS[0], dict(vars(grains)))


def _add_as_the_page_says(database: Database, folder: Path) -> None:
    """Its line in a checkout's ``sql/``, and what ``eventflow migrate`` makes of it; twice, which is harmless."""
    last, line = (part.strip() for part in BLOCKS[1].split(",\n"))
    root = shutil.copytree(sql_root(), folder / "sql")
    file = root / "schema" / "06_grains.sql"
    before = file.read_text(encoding="utf-8")
    assert before.count(f"{last}\n) as g") == 1, "the page does not show the last line of the list as it is"
    file.write_text(before.replace(f"{last}\n", f"{last},\n    {line}\n"), encoding="utf-8")
    for _ in range(2):
        migrate(database.owner, database.settings, root)
    listed = database.rows("select name, key_columns from stats.grain order by position")
    assert [(row["name"], tuple(row["key_columns"])) for row in listed] == [
        (grain.name, grain.keys) for grain in (*grains.GRAINS, NEW)
    ], "the page says one thing in Python and another in SQL"


@pytest.fixture
def mirror(database: Database) -> Iterator[Mirror]:
    """Four computed and merged days on which the same two sessions keep returning by two sources."""
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


def test_adding_a_grain(mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counted = eval(f"{{{BLOCKS[2]}}}", dict(vars(independent_count)))
    assert counted == {NEW.name: NEW.keys}
    monkeypatch.setattr(independent_count, "KEYS", {**KEYS, **counted})
    database, facts = mirror.database, mirror.world.by_day(mirror.database.settings.zone)
    before = database.summary("campaign", DAYS[0])
    assert _refused(database, DAYS[0], DAYS[0]) == "ST001"
    _add_as_the_page_says(database, tmp_path)

    # No day is computed for it yet: an error, never 0. The other grains answer as before.
    assert _refused(database, DAYS[0], DAYS[-1]) == "ST004"
    assert database.summary("campaign", DAYS[0]) == before

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

    (way_back,) = WAY_BACK
    database.execute(way_back)
    assert _refused(database, DAYS[0], DAYS[0]) == "ST001"
    database.replace(DAYS[0])
    assert database.summary("campaign", DAYS[0]) == before


def test_its_table_is_secured_like_the_others(mirror: Mirror, tmp_path: Path) -> None:
    from eventflow_pipeline_tests.warehouse.schema import test_tenancy

    _add_as_the_page_says(mirror.database, tmp_path)
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
    listed = database.rows("select name from stats.grain")
    with pytest.raises(DataError, match="grain"):
        database.execute("select stats.add_grain(:name, cast(:keys as text[]))", name=name, keys=keys)
    assert database.rows("select name from stats.grain") == listed


def test_a_bucket_exists_once_and_only_with_the_columns_of_its_grain(mirror: Mirror) -> None:
    again = (
        "insert into stats.bucket_daily select * from stats.bucket_daily where grain = 'client' and bucket_date = :day"
    )
    with pytest.raises(IntegrityError, match="client_daily_key"):
        mirror.database.execute(again, day=DAYS[0])
    with pytest.raises(IntegrityError, match="client_daily_key_check"):
        mirror.database.execute("update stats.client_daily set utm_source = 'naver'")
