"""A connection lost in the middle: nothing is left half done, and what is safe to do again is done again."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.changes.due_days import underived_days
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay, replace_days
from eventflow_pipeline.warehouse.db import engine as db
from eventflow_pipeline.warehouse.parity.comparison import compare_everything
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import FIRST_DAY, Database
from eventflow_pipeline_tests.worlds.site import ALPHA, Site


def _lose(
    database: Database, blocked_by: str, work: Callable[[], Any], times: int = 1, *, everything: bool = False
) -> Any:
    """What ``work`` returns, or the error it ends with, while whoever of its connections waits for ``blocked_by`` is
    cut off ``times`` times (with all its others, for ``everything``); then it may go on.
    """
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(work())
        except Exception as problem:
            came.append(problem)

    with psycopg.connect(database.url, autocommit=True) as watching, psycopg.connect(database.url) as blocking:
        blocking.execute(blocked_by.encode())
        worker = threading.Thread(target=run)
        worker.start()
        lost: set[int] = set()
        waits = "select pid from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
        deadline = time.monotonic() + 120
        while len(lost) < times:
            assert time.monotonic() < deadline
            for (pid,) in watching.execute(waits, [blocking.info.backend_pid]).fetchall():
                if pid not in lost and len(lost) < times:
                    watching.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where pid = %s or (%s and datname = current_database() and application_name = %s)",
                        [pid, everything, db.APPLICATION],
                    )
                    lost.add(pid)
            time.sleep(0.02)
        blocking.rollback()
        blocking.execute("select pg_advisory_unlock_all()")
        worker.join(120)
        return came[0]


@pytest.fixture
def visited(database: Database) -> Database:
    at = datetime(2024, 1, 1, 3, tzinfo=UTC)
    visit = {"campaign_id": UUID(int=1), "session_id": "s", "accessed_at": at, "created_at": at}
    database.insert("event_access_logs", [visit])
    return database


@pytest.mark.parametrize(
    "where",
    [
        f"select pg_advisory_lock({0x0EF10001}, {FIRST_DAY.toordinal()})",
        "lock table stats.session_days in access exclusive mode",
        "lock table stats.partition_state in access exclusive mode",
    ],
    ids=["waiting for the day", "at its start", "at its end"],
)
def test_a_day_whose_connection_is_lost_is_replaced_again(visited: Database, where: str) -> None:
    def work() -> list[Any]:
        return list(replace_days(visited.pipeline, [FIRST_DAY], visited.settings))

    (totals,) = _lose(visited, where, work)
    assert totals.hits == 1
    assert visited.rows("select hits from stats.platform_daily") == [{"hits": 1}]
    assert visited.rows("select cause from stats.day_ledger where grain = 'platform'") == [{"cause": "never_computed"}]


def test_what_keeps_on_losing_its_connection_fails_and_leaves_the_old_day(
    visited: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_PAUSES", (0.01,) * 6)

    def work() -> list[Any]:
        return list(replace_days(visited.pipeline, [FIRST_DAY], visited.settings))

    (failed,) = _lose(visited, "lock table stats.session_days in access exclusive mode", work, times=3)
    assert isinstance(failed.problem, DBAPIError)
    assert visited.rows("select * from stats.session_days") == []
    assert visited.rows("select * from stats.day_ledger") == []


def test_histograms_are_merged_again(visited: Database) -> None:
    visited.replace(FIRST_DAY)
    merged = _lose(visited, "lock table stats.return_histogram in access exclusive mode", visited.merge_pending)
    assert merged == [FIRST_DAY]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "where", "everything"),
    [
        ("backfill", "lock table stats.session_days in access exclusive mode", True),
        pytest.param("backfill", "lock table stats.day_check in access exclusive mode", True, marks=pytest.mark.long),
        ("heal", "lock table stats.day_comparison in access exclusive mode", False),
        pytest.param("heal", "lock table stats.quality_daily in access exclusive mode", True, marks=pytest.mark.long),
    ],
)
def test_a_command_goes_on_and_leaves_nothing_half_done(
    database: Database, eventflow: Eventflow, command: str, where: str, everything: bool
) -> None:
    site = Site(database)
    days = DayRange(site.day(2), site.day(1))
    for day in days:
        site.visits(day, 5)
    span = ("--from", str(days.first), "--to", str(days.last)) if command == "backfill" else ()

    def work() -> Any:
        return eventflow(command, *span, EVENTFLOW_START_DATE=str(database.settings.start_date))

    done = _lose(database, where, work, everything=everything)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert [site.client_hits(day) for day in days] == [{ALPHA: 5}] * 2
    written = database.rows("select bucket_date from stats.day_ledger where grain = 'platform' order by 1")
    assert [row["bucket_date"] for row in written] == list(days)
    assert underived_days(database.pipeline) == []
    assert compare_everything(database.pipeline, database.settings, days).differences == ()


def test_a_server_without_the_memory_for_a_huge_day_computes_it_with_less(visited: Database) -> None:
    """As if a sort had run out of it; the engine remembers, and does not try again with the next day."""
    for command in (
        "create sequence public.tries",
        "grant usage on sequence public.tries to public",
        "create function public.run_out() returns trigger language plpgsql as $$ begin "
        "perform nextval('public.tries'); if current_setting('work_mem') = '256MB' then "
        "raise exception using errcode = 'out_of_memory', message = 'out of memory'; end if; return null; end $$",
        "create trigger run_out after insert on stats.partition_state execute function public.run_out()",
    ):
        visited.execute(command)
    for tries in (2, 3):
        (totals,) = replace_days(visited.pipeline, [FIRST_DAY], visited.settings)
        assert not isinstance(totals, FailedDay)
        assert totals.hits == 1
        with psycopg.connect(visited.url) as connection:
            assert connection.execute("select last_value from public.tries").fetchone() == (tries,)
