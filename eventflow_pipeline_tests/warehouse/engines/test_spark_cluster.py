"""Spark itself: a driver and two executors, one of which is killed in the middle of a job, give what Postgres gives."""

import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from pydantic import SecretStr

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.at_once import stop
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.engines import test_histories as histories
from eventflow_pipeline_tests.warehouse.engines.damaged_days import (
    DAYS,
    ENDLESS,
    but_for_the_engine,
    compute_all,
    published,
    replaced_days,
)
from eventflow_pipeline_tests.warehouse.engines.spark_clusters import NEEDED, Cluster, wait_for
from eventflow_pipeline_tests.warehouse.ranges import test_ranges as ranges
from eventflow_pipeline_tests.worlds.small_world import Mirror

pytest.importorskip("pyspark", reason="the extra spark is not installed (make engines)")
spark = pytest.importorskip("eventflow_pipeline.warehouse.engines.spark")
pytestmark = NEEDED


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("together")
def test_three_processes_and_one_killed_give_what_postgres_gives(
    cluster: Cluster, world: Mirror, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... and what is cancelled they stop. One test: the cluster takes longer to start than to do all of it."""
    compute_all(database, database.settings)
    before = published(database)
    first, second = cluster.executors()
    said, killed = spark.sql_text, []

    def killing(name: str) -> str:
        if name == "spark/cells" and not killed:
            killed.append(first.pid)
            first.kill()
        text: str = said(name)
        return text

    monkeypatch.setattr(spark, "sql_text", killing)
    named = {"lake": (tmp_path / "lake").as_uri(), "url": SecretStr(cluster.address)}
    settings = database.settings.changed(engine="spark", spark=named, runs={"parallel_days": len(DAYS)})
    done = replaced_days(database, settings)
    database.merge_pending()
    assert but_for_the_engine(published(database)) == before
    assert killed == [first.pid]
    assert second.is_running()
    assert len({cluster.driver.pid, first.pid, second.pid}) == 3
    wait_for(lambda: len({one.pid for one in cluster.executors()} - {first.pid}) == 2)

    by = dict(done[DAYS[0]].computed_by)
    page = by.pop("spark")
    assert by.pop("engine").startswith("Spark 4.")
    assert by == {"executors": "2", "days of the job": "3"}
    assert page.startswith(f"{cluster.pages}/connect/session/?id=")
    with urllib.request.urlopen(page, timeout=60) as answer:
        assert answer.status == 200

    monkeypatch.setattr(spark, "sql_text", lambda name: ENDLESS if name == "spark/exported_ids" else said(name))
    database.execute("truncate stats.partition_state")
    at_work = threading.Thread(target=replaced_days, args=[database, settings], daemon=True)
    at_work.start()
    wait_for(lambda: bool(cluster.running_jobs()))
    stop(database.pipeline)
    at_work.join()
    wait_for(lambda: not cluster.running_jobs())
    assert not [row for row in database.rows("select session_days from stats.partition_state") if row["session_days"]]


@pytest.mark.long
@pytest.mark.timeout(7_200)
@limits(**{**ranges.FIXED, "max_examples": 5}, phases=ranges.PHASES)  # type: ignore[arg-type]
@given(**histories.DRAWN, history=ranges.HISTORY.map(lambda history: history[:6]))
def test_every_answer_is_that_of_a_clean_load_whoever_computed(
    engineer: ranges.Engineer, by_spark: Settings, cluster: Cluster, engines: list[bool], **drawn: Any
) -> None:
    """Histories of a few steps: each day takes three processes seconds."""
    itself = by_spark.changed(spark={"url": SecretStr(cluster.address)})
    histories.live_through(engineer, itself, engines, **drawn)
