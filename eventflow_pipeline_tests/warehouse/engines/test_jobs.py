"""Days of few facts are computed in one job of the cluster: each from its own snapshot, none for another's sake not."""

import threading
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay
from eventflow_pipeline.warehouse.days.replacement import DayTotals, Request, replace_day
from eventflow_pipeline.warehouse.db.at_once import stop
from eventflow_pipeline.warehouse.engines.day_engine import EngineError
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.engines.damaged_days import (
    DAYS,
    ENDLESS,
    but_for_the_engine,
    compute_all,
    published,
    replaced_days,
)
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.small_world import Mirror

pytest.importorskip("pysail", reason="the extra spark is not installed (make engines)")
pytest.importorskip("pyspark", reason="the extra spark is not installed (make engines)")
spark = pytest.importorskip("eventflow_pipeline.warehouse.engines.spark")
jobs = pytest.importorskip("eventflow_pipeline.warehouse.engines.jobs")

SEOUL = ZoneInfo("Asia/Seoul")
#: Those of DAYS that have facts.
FULL = [day for n, day in enumerate(DAYS) if n != 2]
IN_JOB = "days of the job"


@pytest.mark.usefixtures("together")
def test_days_that_wait_at_the_same_time_are_one_job(world: Mirror, database: Database, by_spark: Settings) -> None:
    done = replaced_days(database, by_spark.changed(runs={"parallel_days": len(DAYS)}))
    assert {day: totals.computed_by.get(IN_JOB) for day, totals in done.items()} == {
        day: "3" if day in FULL else None for day in DAYS
    }
    assert not [*Path(by_spark.spark.lake.removeprefix("file://")).iterdir()]
    database.merge_pending()
    together = published(database)
    compute_all(database, database.settings)
    assert but_for_the_engine(together) == published(database)


@pytest.mark.usefixtures("together")
def test_no_more_facts_than_a_job_may_have(world: Mirror, database: Database, by_spark: Settings) -> None:
    alone = {"runs": {"parallel_days": len(DAYS)}, "spark": {"job_facts": 100}}
    done = replaced_days(database, by_spark.changed(**alone))
    assert {done[day].computed_by[IN_JOB] for day in FULL} == {"1"}


def test_a_day_is_of_the_dimensions_of_its_own_snapshot(
    world: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign changes hands between the snapshots of two days that wait for each other: they are computed apart."""
    first, second = FULL[:2]
    ready = {day: threading.Event() for day in (first, second)}
    export = spark.SparkDay._export

    def after_the_other(day: Any) -> Any:
        exported = export(day)
        ready[day.work.day].set()
        assert ready[second].wait(600)
        return exported

    def buckets(day: date) -> list[str]:
        rows = database.rows("select b::text from stats.bucket_daily b where bucket_date = :day", day=day)
        return sorted(row["b"] for row in rows)

    def replaced(day: date) -> None:
        got[day] = replace_day(database.pipeline, day, by_spark, Request(accepted=True))

    replace_day(database.pipeline, first, database.settings, Request(accepted=True))
    before = buckets(first)
    monkeypatch.setattr(spark.SparkDay, "_export", after_the_other)
    got: dict[date, DayTotals] = {}
    threads = {day: threading.Thread(target=replaced, args=[day]) for day in (first, second)}
    threads[first].start()
    assert ready[first].wait(600)
    database.execute(
        "update event_survey_campaigns set client_id = :other where id = :id", other=small.OTHER, id=small.CAMPAIGN
    )
    threads[second].start()
    for thread in threads.values():
        thread.join()
    assert [got[day].computed_by[IN_JOB] for day in (first, second)] == ["1", "1"]
    assert buckets(first) == before
    of_second = buckets(second)
    for day in (first, second):
        replace_day(database.pipeline, day, database.settings, Request(accepted=True))
    assert buckets(first) != before
    assert buckets(second) == of_second


@pytest.mark.usefixtures("together")
def test_no_day_fails_for_another_of_its_job(
    world: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them lost a file before the cluster read it."""
    lost = FULL[1]
    join = jobs.Gathering.join

    def join_without_facts(gathering: Any, work: Any, exported: Any) -> Any:
        if exported.work.day == lost:
            Path(exported.folder, "visit_facts.parquet").unlink()
        return join(gathering, work, exported)

    monkeypatch.setattr(jobs.Gathering, "join", join_without_facts)
    done = replaced_days(database, by_spark.changed(runs={"parallel_days": len(DAYS)}))
    failed = done.pop(lost)
    assert isinstance(failed, FailedDay)
    assert isinstance(failed.problem, EngineError)
    assert {day: totals.computed_by.get(IN_JOB) for day, totals in done.items() if day in FULL} == {
        day: "1" for day in FULL if day != lost
    }
    states = database.rows("select bucket_date from stats.partition_state order by 1")
    assert [row["bucket_date"] for row in states] == [day for day in DAYS if day != lost]


def test_a_range_that_is_cancelled_is_computed_for_nobody(
    world: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster works on something that never ends; it is told to stop, and nothing of it is published."""
    said, begun = spark.sql_text, threading.Event()

    def endless(name: str) -> str:
        text: str = said(name)
        if name == "spark/exported_ids":
            begun.set()
            return ENDLESS
        return text

    monkeypatch.setattr(spark, "sql_text", endless)
    by_spark = by_spark.changed(runs={"parallel_days": len(DAYS)})
    at_work = threading.Thread(target=replaced_days, args=[database, by_spark], daemon=True)
    at_work.start()
    assert begun.wait(600)
    stop(database.pipeline)
    at_work.join()
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("cluster-")]:
        thread.join()
    assert not {row["bucket_date"] for row in database.rows("select bucket_date from stats.partition_state")} & {*FULL}
    assert not [*Path(by_spark.spark.lake.removeprefix("file://")).iterdir()]
