"""A world of facts, and settings with the other engine."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from eventflow_pipeline.settings import Settings
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.engines.damaged_days import DAYS, fill
from eventflow_pipeline_tests.warehouse.engines.spark_clusters import Cluster, started
from eventflow_pipeline_tests.warehouse.ranges import test_ranges as ranges
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.small_world import Mirror


@pytest.fixture
def by_spark(database: Database, tmp_path: Path) -> Settings:
    """The database's settings with the other engine."""
    address = os.environ.get("SPARK_CONNECT")
    cluster = {"lake": (tmp_path / "lake").as_uri(), "url": SecretStr(address) if address else None}
    return database.settings.changed(engine="spark", spark=cluster)


@pytest.fixture
def engineer(database: Database) -> Iterator[ranges.Engineer]:
    """Does what a history says."""
    made = ranges.Engineer(database)
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Spark itself."""
    with started(tmp_path) as made:
        yield made


@pytest.fixture
def world(mirror: Mirror, database: Database) -> Mirror:
    """Damaged facts, hours, rules, and an exclusion."""
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=4)
    for rule in small.FOLDS[:3]:
        mirror.fold(rule)
    mirror.exclude(small.FOREIGN)
    database.define(hourly_clients=[small.OTHER], hourly_campaigns=[small.CAMPAIGN])
    return mirror


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """No day's export ends before those of all days have begun, and those that are ready wait for all."""
    all_there = threading.Barrier(len(DAYS))
    from eventflow_pipeline.warehouse.engines import jobs, spark

    export = spark.SparkDay._export

    def waiting(day: Any) -> Any:
        all_there.wait()
        return export(day)

    monkeypatch.setattr(spark.SparkDay, "_export", waiting)
    monkeypatch.setattr(jobs, "_LONGEST_WAIT", None)
