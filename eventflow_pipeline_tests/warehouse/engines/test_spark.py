"""A second engine gives the same days, every published row of them, on damaged facts in several zones; or none at all.

The engine is Sail, of the extra ``spark``; with an address in SPARK_CONNECT, a Spark Connect server on this machine.
"""

import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from eventflow_pipeline.oncall.conditions import stale
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.engines.day_engine import EngineError
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.engines.damaged_days import (
    DAYS,
    ENDLESS,
    PUBLISHED,
    but_for_the_engine,
    compute_all,
    fill,
    published,
)
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.small_world import Mirror

pytest.importorskip("pysail", reason="the extra spark is not installed (make engines)")
pytest.importorskip("pyspark", reason="the extra spark is not installed (make engines)")
spark = pytest.importorskip("eventflow_pipeline.warehouse.engines.spark")


@pytest.mark.parametrize(
    ("zone", "folds", "excluded"),
    [
        ("America/Santiago", (), [small.FOREIGN]),
        ("Asia/Seoul", small.FOLDS, [small.FOREIGN, small.ROWLESS]),
    ],
)
def test_there_and_back_every_published_row_is_the_same(
    mirror: Mirror, database: Database, by_spark: Settings, zone: str, folds: Any, excluded: Any
) -> None:
    """... and the change of engine marks the days, and the ledger shows no total that changed."""
    database.set_build_settings(zone)
    by_spark = by_spark.changed(timezone=zone, start_date=database.settings.start_date)
    fill(mirror, ZoneInfo(zone), seed=len(zone))
    for rule in folds:
        mirror.fold(rule)
    for campaign in excluded:
        mirror.exclude(campaign)
    database.define(hourly_clients=[small.OTHER], hourly_campaigns=[small.CAMPAIGN, small.WEBINAR])
    compute_all(database, database.settings)
    before = published(database)
    assert all(before[table] for table in PUBLISHED)

    assert {*detect_changes(database.pipeline, by_spark, Scope.ALL).days} == {*DAYS}
    marked = database.rows("select bucket_date, stale_cause from stats.partition_state")
    assert {row["bucket_date"]: row["stale_cause"] for row in marked} == dict.fromkeys(DAYS, "definition_changed")
    compute_all(database, by_spark)
    assert but_for_the_engine(published(database)) == before

    compute_all(database, database.settings)
    assert published(database) == before
    ledger = database.rows("select * from stats.day_ledger where cause = 'definition_changed'")
    assert len(ledger) == 2 * len(DAYS)
    measures = ("hits", "visits", "conversions")
    assert not [row for row in ledger if any(row[f"{name}_before"] != row[f"{name}_after"] for name in measures)]
    assert not database.rows("select from stats.session_day_change")


def test_from_nothing_it_gives_what_postgres_gives(mirror: Mirror, database: Database, by_spark: Settings) -> None:
    """Also where all facts of a day are excluded, or none has a session; and its files are gone."""
    zone = "Asia/Kathmandu"
    database.set_build_settings(zone)
    by_spark = by_spark.changed(timezone=zone, start_date=database.settings.start_date)
    fill(mirror, ZoneInfo(zone), seed=5)
    mirror.fold(small.FOLDS[4])
    alone = {**small.PLAIN_VISIT, "session_id": "", "campaign_id": small.FOREIGN}
    mirror.add([{**alone, "accessed_at": datetime(2024, 9, 9, 3, tzinfo=UTC)}])
    mirror.exclude(small.FOREIGN)
    compute_all(database, by_spark)
    got = published(database)
    assert not [*Path(by_spark.spark.lake.removeprefix("file://")).iterdir()]
    database.execute("truncate stats.session_days, stats.bucket_daily, stats.return_histogram, stats.partition_state")
    database.execute("truncate stats.client_day, stats.campaign_hourly, stats.session_day_change")
    compute_all(database, database.settings)
    assert but_for_the_engine(got) == published(database)


@pytest.mark.long
def test_every_code_point_comes_through(database: Database, by_spark: Settings) -> None:
    """N1 is applied before the export, by the views; what it leaves of any character is the same by either engine."""
    database.execute(
        """
        insert into event_access_logs (campaign_id, session_id, utm_campaign, accessed_at)
        select :campaign, 's' || string_agg(chr(n), '' order by n), string_agg(chr(n), '' order by n), :noon
        from generate_series(1, 1114111) as n
        where n not between 55296 and 57343
        group by n / 90
        """,
        campaign=small.CAMPAIGN,
        noon=datetime(2024, 9, 7, 3, tzinfo=UTC),
    )
    either = []
    for settings in (by_spark, database.settings):
        replace_day(database.pipeline, DAYS[0], settings, Request(accepted=True, from_scratch=True))
        either.append({**published(database), "partition_state": []})
    assert either[0] == either[1]
    assert len(either[0]["session_days"]) > 5_000


def test_a_client_that_is_held_keeps_what_is_published(mirror: Mirror, database: Database, by_spark: Settings) -> None:
    day = DAYS[0]
    noon = datetime(2024, 9, 7, 3, tzinfo=UTC)
    visits = [{**small.PLAIN_VISIT, "session_id": f"s{n}", "accessed_at": noon} for n in range(40)]
    mirror.add([*visits, *({**visit, "campaign_id": small.FOREIGN} for visit in visits)])
    replace_day(database.pipeline, day, by_spark)
    database.execute("delete from event_access_logs where campaign_id = :id and session_id > 's2'", id=small.CAMPAIGN)
    mirror.add([{**small.PLAIN_VISIT, "campaign_id": small.FOREIGN, "session_id": "new", "accessed_at": noon}])
    assert replace_day(database.pipeline, day, by_spark).held
    buckets = database.rows("select client_id, hits, visits from stats.client_daily where bucket_date = :day", day=day)
    assert {row["client_id"]: (row["hits"], row["visits"]) for row in buckets} == {
        small.CLIENT: (40, 40),
        small.OTHER: (41, 41),
    }


def test_a_process_that_runs_no_file_is_served_as_well(tmp_path: Path) -> None:
    """... which Spark's client takes for its own doctests."""
    program = """if True:
        from eventflow_pipeline.settings import Settings
        from eventflow_pipeline.warehouse.engines.cluster import cluster_session
        with cluster_session(Settings()) as session:
            print(session.sql("select 6 * 7 as answer").collect()[0].answer, "__file__" in globals())
    """
    environment = {"PATH": os.environ["PATH"], "EVENTFLOW_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("42 False\n", 0), done.stderr


def _no_other(database: Database, settings: Settings, day: date = DAYS[0]) -> str:
    """Why ``day`` cannot be computed; nothing of what is published is touched."""
    before = published(database)
    with pytest.raises(EngineError) as refusal:
        replace_day(database.pipeline, day, settings, Request(accepted=True))
    assert published(database) == before
    return str(refusal.value)


def test_a_cluster_that_is_away_publishes_nothing(mirror: Mirror, database: Database, by_spark: Settings) -> None:
    """The day says so, stays what it was and stale, and people are told until another engine, or it, has healed it."""
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=1)
    compute_all(database, database.settings)
    away = by_spark.changed(spark={"url": SecretStr("sc://127.0.0.1:1")})
    detect_changes(database.pipeline, away, Scope.ALL)
    told = _no_other(database, away)
    assert "EVENTFLOW_SPARK_URL cannot be reached" in told
    assert "EVENTFLOW_ENGINE=postgres" in told
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    (condition,) = stale.conditions(database.pipeline, away, tomorrow)
    assert condition.numbers["days"] == len(DAYS)
    compute_all(database, by_spark)
    assert not stale.conditions(database.pipeline, by_spark, tomorrow)


def test_a_cluster_that_never_answers_is_left(mirror: Mirror, database: Database, by_spark: Settings) -> None:
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = SecretStr(f"sc://127.0.0.1:{silent.getsockname()[1]}")
        told = _no_other(database, by_spark.changed(spark={"url": address, "timeout_seconds": 1}))
    assert "EVENTFLOW_SPARK_TIMEOUT_SECONDS" in told


def test_a_statement_that_takes_too_long_is_stopped(
    mirror: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster works on something that never ends: it is told to stop; the day stays what it was, and stale."""
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=1)
    compute_all(database, database.settings)
    detect_changes(database.pipeline, by_spark, Scope.ALL)
    said = spark.sql_text
    monkeypatch.setattr(spark, "sql_text", lambda name: ENDLESS if name == "spark/exported_ids" else said(name))
    told = _no_other(database, by_spark.changed(spark={"statement_timeout_seconds": 1}))
    assert "the statement exported_ids" in told
    assert "EVENTFLOW_SPARK_STATEMENT_TIMEOUT_SECONDS" in told
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("cluster-")]:
        thread.join()
    stale_now = database.rows("select bucket_date from stats.partition_state where stale_since is not null")
    assert {row["bucket_date"] for row in stale_now} == {*DAYS}


@pytest.mark.parametrize(
    ("name", "right", "wrong", "why"),
    [
        ("session_days", ":fold_rules = 0", ":fold_rules = 0 AND a.client_id IS NOT NULL", "than Postgres counts"),
        ("session_days", "ELSE f.utm_source", "ELSE 'naver'", "buckets are not what postgres made"),
    ],
)
def test_what_is_wrong_is_not_published(
    mirror: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch,
    name: str, right: str, wrong: str, why: str,
) -> None:  # fmt: skip
    """Either Postgres' own count of every client tells, or what Postgres had published of the same facts."""
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=3)
    compute_all(database, database.settings)
    _mutate(monkeypatch, name, right, wrong)
    assert why in _no_other(database, by_spark)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "why"),
    [
        ("cells", "COUNT(n.session_id)", "COUNT(*)", "sums of buckets"),
        ("campaign_hours", "SUM(conversions)", "SUM(hits)", "sums of campaign hours"),
    ],
)
def test_what_no_other_engine_computed_must_add_up(
    mirror: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch,
    name: str, right: str, wrong: str, why: str,
) -> None:  # fmt: skip
    """Postgres adds up the staged buckets and hour buckets of every day, not only after a change of engine."""
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=3)
    database.define(hourly_campaigns=[small.CAMPAIGN])
    _mutate(monkeypatch, name, right, wrong)
    told = _no_other(database, by_spark)
    assert why in told
    assert "EVENTFLOW_ENGINE=postgres" in told


def _mutate(monkeypatch: pytest.MonkeyPatch, name: str, right: str, wrong: str) -> None:
    """One statement says something else."""
    said = spark.sql_text

    def mutated(statement: str) -> str:
        text: str = said(statement)
        if statement == f"spark/{name}":
            assert right in text
            text = text.replace(right, wrong)
        return text

    monkeypatch.setattr(spark, "sql_text", mutated)


def test_a_fact_that_is_there_twice_is_noticed(
    mirror: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=3)
    said = spark.sql_text
    twice = "(SELECT * FROM stats_visit_facts UNION ALL SELECT * FROM stats_visit_facts)"
    monkeypatch.setattr(
        spark, "sql_text", lambda name: said(name).replace("FROM stats_visit_facts AS", f"FROM {twice} AS")
    )
    assert "exported facts the cluster read" in _no_other(database, by_spark)


def test_no_personal_column_is_exported() -> None:
    """What is exported is named; of a fact neither the referrer nor what only fingerprints need."""
    names = {name for columns in spark.EXPORTED.values() for name in columns}
    assert not names & {"referrer_host", "entry_id", "name", "title", "row_version", "registration_data"}
