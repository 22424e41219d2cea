"""Pruning: what nothing rests on goes, and no partition or check changes its status."""

import os
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo

from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline.domain.verification import nightly_ranges
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import FIRST_DAY, Database
from eventflow_pipeline_tests.defs.jobs import buckets_alone

SESSION_DAYS = dg.AssetKey(["stats", "session_days"])
CAMPAIGN = dg.AssetKey(["stats", "campaign_daily"])
AUTOMATIC = {"dagster/sensor_name": "heal_changed_days_sensor"}
CHECK = "parity"
#: Of the year that is simulated; fewer show the same sooner.
HISTORY_DAYS = int(os.environ.get("RETENTION_DAYS", "364"))
#: Days a night looks back, as many older ones beside them. As it is shipped, 35, a year takes hours; of each day the
#: newest verification stays, however many there were.
VERIFY_DAYS = 7


def _day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number - 1)).isoformat()


class Runs:
    """Runs over days 1, 2, … by schedules and people, and what Dagster says of the partitions."""

    def __init__(self, instance: dg.DagsterInstance, defs: dg.Definitions, database: Database) -> None:
        self._instance, self._defs, self._database = instance, defs, database

    def run(self, first: int, last: int, tags: dict[str, str], *, fail: bool = False) -> str:
        """Replace days; with ``fail`` each of them fails."""
        if fail:
            self._database.execute("alter table stats.partition_state add constraint no check (false) not valid")
        result = buckets_alone(self._defs).execute_in_process(
            instance=self._instance,
            tags={
                **tags,
                "dagster/asset_partition_range_start": _day(first),
                "dagster/asset_partition_range_end": _day(last),
            },
            raise_on_error=False,
        )
        assert result.success is not fail
        if fail:
            self._database.execute("alter table stats.partition_state drop constraint no")
        return result.run_id

    def evaluate_check(self, run_id: str, day: int, passed: bool) -> None:
        """Record a check of a day against its latest materialization, as part of a run."""
        run = self._instance.get_run_by_id(run_id)
        assert run
        ids = self._instance.get_latest_storage_id_by_partition(
            CAMPAIGN, dg.DagsterEventType.ASSET_MATERIALIZATION, {_day(day)}
        )
        evaluation = dg.AssetCheckEvaluation(
            asset_key=CAMPAIGN,
            check_name=CHECK,
            partition=_day(day),
            passed=passed,
            target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                storage_id=ids[_day(day)], run_id=run_id, timestamp=0.0
            ),
        )
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
            job_name=run.job_name,
            event_specific_data=evaluation,
        )
        self._instance.report_dagster_event(event, run_id)

    def statuses(self) -> dict[str, object]:
        """What the user interface shows: the status of each partition, the checks of each day."""
        days = [_day(number) for number in range(1, 9)]
        partitions = self._defs.resolve_asset_graph().get(CAMPAIGN).partitions_def
        shown: dict[str, object] = {
            key.to_user_string(): dict(self._instance.get_status_by_partition(key, days, partitions) or {})
            for key in (SESSION_DAYS, CAMPAIGN)
        }
        shown["campaign statuses"] = list(shown[CAMPAIGN.to_user_string()].values())  # type: ignore[attr-defined]
        shown["materialized"] = {
            key.to_user_string(): self._instance.get_materialized_partitions(key) for key in (SESSION_DAYS, CAMPAIGN)
        }
        with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
            shown["checks"] = connection.execute(
                "select distinct on (partition) partition, execution_status, materialization_event_storage_id "
                "from asset_check_executions where check_name = %s order by partition, id desc",
                (CHECK,),
            ).fetchall()
        return shown

    def prune(self, *, pass_days: int) -> None:
        """Run the job ``pass_days`` later."""
        with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
            connection.execute(
                "update runs set create_timestamp = create_timestamp - make_interval(days => %s)", (pass_days,)
            )
        result = self._defs.resolve_job_def("prune_history_job").execute_in_process(instance=self._instance)
        assert result.success

    def left(self) -> set[str]:
        """Ids of the runs that are still there, with events."""
        with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
            runs = {row[0] for row in connection.execute("select run_id from runs")}
            events = {row[0] for row in connection.execute("select distinct run_id from event_logs")}
            orphans = connection.execute(
                "select 1 from asset_check_executions c where not exists (select from runs r where r.run_id = c.run_id)"
            ).fetchall()
        assert events == runs, "a run goes with its events"
        assert not orphans, "and with its check executions"
        return runs


@pytest.fixture
def runs(instance: dg.DagsterInstance, defs: dg.Definitions, database: Database) -> Runs:
    return Runs(instance, defs, database)


def test_superseded_automatic_runs_go_and_every_status_stays(runs: Runs) -> None:
    names = {
        "superseded": runs.run(1, 3, AUTOMATIC),
        "superseded failure": runs.run(1, 2, AUTOMATIC, fail=True),
        "somebody's": runs.run(1, 3, {"ticket": "EF-1"}),
        "partly superseded": runs.run(1, 4, AUTOMATIC),
        "latest of 1 to 3": runs.run(1, 3, AUTOMATIC),
        "latest failure": runs.run(5, 5, AUTOMATIC, fail=True),
    }
    before = runs.statuses()
    assert [str(status) for status in before["campaign statuses"]].count("AssetPartitionStatus.FAILED") == 1
    runs.prune(pass_days=2)
    assert set(names.values()) <= runs.left(), "kept for EVENTFLOW_RUNS_RETENTION_DAYS"
    runs.prune(pass_days=2)
    left = runs.left()
    assert {name for name, run_id in names.items() if run_id in left} == {
        "somebody's", "partly superseded", "latest of 1 to 3", "latest failure",
    }  # fmt: skip
    assert runs.statuses() == before


def test_checks_go_with_their_runs_unless_they_are_the_latest(runs: Runs, instance: dg.DagsterInstance) -> None:
    first = runs.run(1, 1, AUTOMATIC)
    runs.evaluate_check(first, 1, passed=False)
    second = runs.run(1, 1, AUTOMATIC)
    third = runs.run(2, 2, AUTOMATIC)
    runs.evaluate_check(third, 2, passed=True)
    fourth = runs.run(2, 2, AUTOMATIC)
    runs.evaluate_check(fourth, 2, passed=False)
    instance.delete_run(second)  # somebody, by hand: leaves nothing that prunes could trip over
    fifth = runs.run(1, 1, AUTOMATIC)
    before = runs.statuses()
    runs.prune(pass_days=4)
    assert {first, third} & runs.left() == set()
    assert {fourth, fifth} <= runs.left()
    after = runs.statuses()
    assert after["checks"] == [row for row in before["checks"] if row[0] != _day(1)]  # type: ignore[attr-defined]
    assert {k: v for k, v in after.items() if k != "checks"} == {k: v for k, v in before.items() if k != "checks"}


def test_old_ticks_and_passes_go(runs: Runs, instance: dg.DagsterInstance, database: Database) -> None:
    database.execute(
        "insert into stats.detection_pass (started_at, finished_at, scope, days_checked, days_changed) "
        "select now() - make_interval(days => n), now(), 'lookback', 1, 0 from generate_series(0, 9) n"
    )
    location = RegisteredCodeLocationOrigin("eventflow_pipeline")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "heal_changed_days_sensor")
    sensor = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
    instance.add_instigator_state(sensor)
    for status, known, days in (
        (TickStatus.SKIPPED, {"run_ids": [], "run_keys": []}, (1, 4)),
        (TickStatus.SUCCESS, {"run_ids": ["r"], "run_keys": ["k"]}, (2, 5)),
        (TickStatus.FAILURE, {"error": SerializableErrorInfo("no", [], None)}, (6,)),
    ):
        for age in days:
            at = (datetime.now(UTC) - timedelta(days=age)).timestamp()
            tick = TickData(
                sensor.instigator_origin_id,
                "heal_changed_days_sensor",
                InstigatorType.SENSOR,
                status,
                at,
                selector_id=sensor.selector_id,
                **known,  # type: ignore[arg-type]
            )
            instance.create_tick(tick)
    runs.prune(pass_days=0)
    ticks = instance.get_ticks(sensor.instigator_origin_id, sensor.selector_id)
    now = datetime.now(UTC).timestamp()
    assert sorted((tick.status.value, round((now - tick.timestamp) / 86400)) for tick in ticks) == [
        ("FAILURE", 6), ("SKIPPED", 1), ("SUCCESS", 2),
    ]  # fmt: skip
    assert len(database.rows("select 1 from stats.detection_pass")) == 3


def test_old_observations_go_but_the_newest_of_each_table(runs: Runs, instance: dg.DagsterInstance) -> None:
    visits, entries = dg.AssetKey(["public", "event_access_logs"]), dg.AssetKey(["public", "event_survey_entries"])
    for table in (visits, visits, entries, visits):
        instance.report_runless_asset_event(dg.AssetObservation(table))
    assert len(instance.fetch_observations(visits, limit=10).records) == 3, "a read has what waits written"
    observed = "select asset_key from event_logs where dagster_event_type = 'ASSET_OBSERVATION' order by id"
    with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
        at = "update event_logs set timestamp = timestamp - interval '4 days' where asset_key = %s"
        connection.execute(at, [entries.to_string()])
        connection.execute(f"{at} and id = (select min(id) from event_logs)", [visits.to_string()])
        connection.commit()
        runs.prune(pass_days=0)
        assert connection.execute(observed).fetchall() == [
            (visits.to_string(),), (entries.to_string(),), (visits.to_string(),),
        ]  # fmt: skip


def test_files_that_a_cluster_left_go(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres is the engine again: no computation by a cluster comes and deletes them."""
    pytest.importorskip("pyarrow", reason="the extra spark is not installed (make engines)")
    lake = tmp_path / "lake"
    monkeypatch.setenv("EVENTFLOW_SPARK_LAKE", lake.as_uri())
    in_use = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-2024-01-01-b"
    for name in ("20240102T000000Z-2024-01-01-a", in_use, "another's"):
        (lake / name / "session_days").mkdir(parents=True)
    runs.prune(pass_days=0)
    assert {found.name for found in lake.iterdir()} == {in_use, "another's"}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_a_year_of_history_stays_small(
    instance: dg.DagsterInstance, defs: dg.Definitions, database: Database, runs: Runs
) -> None:
    """What a day leaves for good is the same in every quarter; printed are rows and size of Dagster's database.

    A day is a run that opens it and finishes the one before, one that heals it, the two verifications of its night, and
    the pruning. More heals of a day, and its hourly verifications, are superseded and gone with the third day.
    """
    days = [FIRST_DAY + timedelta(days=number) for number in range(1, HISTORY_DAYS + 1)]
    facts.clients(database, {facts.CLIENT: [facts.CAMPAIGN]})
    for day in (FIRST_DAY, *days):
        at = datetime.fromisoformat(f"{day} 12:00+09")
        facts.visits(database, *[at] * 40, session_id=f"{day}-{{n}}")
        facts.entries(database, *[at] * 5, session_id=f"{day}-{{n}}")
    daily, verify = defs.resolve_job_def("daily_buckets_job"), defs.resolve_job_def("verify_days_job")
    schedule = {"dagster/schedule_name": "a schedule"}

    def run(job: dg.JobDefinition, first: date, last: date, tags: dict[str, str]) -> None:
        span = {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
        assert job.execute_in_process(instance=instance, tags={**tags, **span}, raise_on_error=False).success

    left = []
    for number, day in enumerate(days, 1):
        run(daily, day - timedelta(days=1), day, schedule)
        run(daily, day, day, AUTOMATIC)
        for part in nightly_ranges(FIRST_DAY, day, VERIFY_DAYS):
            run(verify, part.first, part.last, schedule)
        runs.prune(pass_days=1)
        if number % 7 == 0:
            _analyze()
        if number % (HISTORY_DAYS // 4) == 0:
            left.append(_rows())
            print(f"after {number} days: {left[-1]}, {_megabytes():.1f} MB", flush=True)
    growth = [{table: later[table] - earlier[table] for table in later} for earlier, later in pairwise(left)]
    for table, first in growth[0].items():
        assert growth[-1][table] <= 1.1 * first + 10, (table, growth)


def _analyze() -> None:
    """What autovacuum does elsewhere; without, pruning takes most of the year."""
    with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
        connection.execute("analyze")


def _rows() -> dict[str, int]:
    with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
        tables = ("runs", "run_tags", "event_logs", "asset_event_tags", "asset_check_executions", "job_ticks")
        return {
            table: connection.execute(f"select count(*) from {table}".encode()).fetchall()[0][0] for table in tables
        }


def _megabytes() -> float:
    """Size of Dagster's database once what was deleted is given back."""
    with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"], autocommit=True) as connection:
        connection.execute("vacuum full")
        ((size,),) = connection.execute("select pg_database_size(current_database())").fetchall()
    return float(size) / 1e6
