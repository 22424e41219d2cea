"""The reader of the crash test must notice what it looks for."""

import time
from datetime import date

import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline_tests.crash.polling_reader import PollingReader
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.changing_facts import Facts

DAYS = DayRange(date(2024, 3, 1), date(2024, 3, 3))


@pytest.fixture
def facts(database: Database) -> Facts:
    made = Facts(database.url, DAYS, "Asia/Seoul", seed=1, visits_a_day=60)
    made.load()
    database.replace(*DAYS)
    return made


def _watch(database: Database, reader: PollingReader) -> list[str]:
    """What the reader says after it has looked some more."""
    polls = reader.polls
    deadline = time.monotonic() + 120
    while reader.polls < polls + 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    return reader.problems


def test_whole_days_are_no_problem(database: Database, facts: Facts) -> None:
    reader = PollingReader(database.url, DAYS, facts.true_days())
    reader.start()
    reader.expect(facts.change())
    facts.commit()
    for day in DAYS:
        database.replace(day)
        assert _watch(database, reader) == []
    reader.stop()


@pytest.mark.parametrize(
    ("harm", "noticed"),
    [
        ("delete from stats.client_daily where bucket_date = '2024-03-02'", "disagree"),
        ("update stats.partition_state set hits = hits + 1 where bucket_date = '2024-03-02'", "disagree"),
        (
            "update stats.campaign_daily set visits = visits - 1 where bucket_date = '2024-03-02' and visits > 1",
            "neither",
        ),
    ],
)
def test_half_a_day_is_noticed(database: Database, facts: Facts, harm: str, noticed: str) -> None:
    reader = PollingReader(database.url, DAYS, facts.true_days())
    reader.start()
    assert _watch(database, reader) == []
    database.execute(harm)
    assert any("2024-03-02" in problem and noticed in problem for problem in _watch(database, reader))
    reader.stop()


def test_going_back_to_the_old_state_is_noticed(database: Database, facts: Facts) -> None:
    reader = PollingReader(database.url, DAYS, facts.true_days())
    reader.start()
    reader.expect(facts.change())
    facts.commit()
    database.execute("create table public.kept as select * from stats.bucket_daily where bucket_date = '2024-03-01'")
    database.execute(
        "create table public.kept_days as select * from stats.session_days where bucket_date = '2024-03-01'"
    )
    totals = database.rows("select hits, conversions from stats.partition_state where bucket_date = '2024-03-01'")[0]
    database.replace(date(2024, 3, 1))
    assert _watch(database, reader) == []
    database.execute(
        "with a as (delete from stats.bucket_daily where bucket_date = '2024-03-01'), "
        "b as (delete from stats.session_days where bucket_date = '2024-03-01') "
        "update stats.partition_state set hits = :hits, conversions = :conversions where bucket_date = '2024-03-01'",
        **totals,
    )
    database.execute(
        "with a as (insert into stats.bucket_daily select * from public.kept) "
        "insert into stats.session_days select * from public.kept_days"
    )
    assert any("old again after it was new" in problem for problem in _watch(database, reader))
    reader.stop()
