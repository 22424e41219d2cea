"""A run measures its days while it compares them with their facts, and does neither twice."""

import threading
import time
from collections.abc import Iterator
from datetime import date, datetime

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Engine, event

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.defs.jobs import run_days

DAYS = DayRange(date(2024, 1, 1), date(2024, 1, 2))


@pytest.fixture
def world(database: Database) -> Database:
    facts.clients(database, {facts.CLIENT: [facts.CAMPAIGN]})
    for day in DAYS:
        facts.visits(database, datetime.fromisoformat(f"{day} 12:00+09"))
    return database


@pytest.fixture
def sent() -> Iterator[list[str]]:
    """Every statement of this process."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def test_days_are_measured_while_they_are_compared(
    world: Database, instance: dg.DagsterInstance, defs: dg.Definitions, sent: list[str]
) -> None:
    """Parity cannot note that it has looked; behind it, the days would not be measured yet."""
    ended: list[bool] = []
    job = defs.resolve_job_def("daily_buckets_job")
    with psycopg.connect(world.url) as blocking, psycopg.connect(world.url, autocommit=True) as watching:
        blocking.execute("lock table stats.day_check in share mode")
        running = threading.Thread(target=lambda: ended.append(run_days(job, instance, DAYS).success))
        running.start()
        waits = "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
        measured = "select count(*) from stats.quality_daily where scope = 'platform'"
        deadline = time.monotonic() + 120
        while watching.execute(waits, [blocking.info.backend_pid]).fetchone() != (1,) or watching.execute(
            measured
        ).fetchone() != (len(DAYS),):
            assert time.monotonic() < deadline
            assert not ended
            time.sleep(0.05)
        blocking.rollback()
        running.join(120)
    assert ended == [True]
    for once in ("insert into stats.quality_daily", "insert into raw_cell"):
        assert sum(once in statement for statement in sent) == 1, once
    materialized = {"2024-01-01", "2024-01-02"}
    assert instance.get_materialized_partitions(dg.AssetKey(["stats", "quality_daily"])) == materialized
