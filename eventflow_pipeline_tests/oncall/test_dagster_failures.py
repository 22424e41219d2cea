"""Failed runs, ticks and checks as Dagster records them, reported by the real sensors."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from dagster._core.test_utils import create_run_for_test

from eventflow_pipeline.defs.alerts import conditions_sensor, dagster_failures_sensor
from eventflow_pipeline.defs.resources import WAREHOUSES
from eventflow_pipeline.defs.runs import days_of
from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline.oncall.check_events import read_check_events
from eventflow_pipeline.oncall.conditions import Source, check_failed, due, run_failed, tick_failed
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver
from eventflow_pipeline_tests.worlds.oncall_facts import clients, entries

MARCH = date(2024, 3, 1), date(2024, 3, 3)


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def refuse(database: Database) -> Callable[[date | None], None]:
    """Makes one day fail; None: no day any more."""
    database.execute("create table public.refused (day date)")
    database.execute("grant select on public.refused to public")
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as $$ begin "
        "if new.bucket_date in (select day from public.refused) then raise exception 'disk on fire'; end if; "
        "return new; end $$"
    )
    database.execute(
        "create trigger refuse before insert on stats.partition_state for each row execute function public.refuse()"
    )

    def set_day(day: date | None) -> None:
        database.execute("delete from public.refused")
        if day:
            database.execute("insert into public.refused values (:day)", day=day)

    return set_day


def test_failed_runs_are_one_condition_until_made_good(
    instance: dg.DagsterInstance,
    run_days: Callable[..., dg.ExecuteInProcessResult],
    refuse: Callable[[date | None], None],
) -> None:
    refuse(MARCH[1])
    for _ in range(2):
        assert not run_days(*MARCH).success
    (found,) = run_failed.conditions(instance, _now())
    assert (found.subject, found.severity, found.days) == ("daily_buckets_job", Severity.ERROR, DayRange(*MARCH))
    assert found.numbers["days"] == 3
    assert "disk on fire" in found.summary
    refuse(None)
    assert run_days(MARCH[0]).success
    assert [c.days for c in run_failed.conditions(instance, _now())] == [DayRange(MARCH[0].replace(day=2), MARCH[1])]
    assert run_days(*MARCH).success
    assert run_failed.conditions(instance, _now()) == []


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2024-03-01"))
def bucket() -> None:
    """An asset to be checked."""


def _evaluate(
    instance: dg.DagsterInstance, results: dict[str | None, bool], severity: str = "ERROR", name: str = "parity"
) -> None:
    """A run that records an evaluation for each partition (None: the summary), as range runs do."""
    severities = dg.AssetCheckSeverity(severity)

    @dg.op
    def record(context: dg.OpExecutionContext) -> None:
        for partition, passed in results.items():
            context.log_event(
                dg.AssetCheckEvaluation(
                    asset_key=bucket.key, check_name=name, passed=passed, severity=severities, partition=partition,
                    target_materialization_data=Target(storage_id=1, run_id=context.run_id, timestamp=time.time()),
                )
            )  # fmt: skip

    @dg.job
    def checking() -> None:
        record()

    days = sorted(day for day in results if day)
    tags = (
        {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]} if days else {}
    )
    assert checking.execute_in_process(instance=instance, tags=tags).success


def test_failed_checks_are_one_condition_that_names_the_range(instance: dg.DagsterInstance, database: Database) -> None:
    def found() -> list[tuple[str, Severity, DayRange | None]]:
        conditions = check_failed.conditions(database.pipeline, database.settings, _now())
        return [(c.summary, c.severity, c.days) for c in conditions]

    _evaluate(instance, {"2024-03-09": False})  # history is not replayed
    cursor = read_check_events(instance, database.pipeline, None)
    _evaluate(instance, {**{f"2024-03-0{day}": day not in (2, 3) for day in range(1, 6)}, None: False})
    cursor = read_check_events(instance, database.pipeline, cursor)
    expected = DayRange(date(2024, 3, 2), date(2024, 3, 3))
    assert found() == [("check parity fails for 2024-03-02..2024-03-03 (2 days) of bucket", Severity.ERROR, expected)]
    assert read_check_events(instance, database.pipeline, cursor) == cursor
    _evaluate(instance, {"2024-03-02": True})
    cursor = read_check_events(instance, database.pipeline, cursor)
    assert [days for _, _, days in found()] == [DayRange(date(2024, 3, 3), date(2024, 3, 3))]
    # The summary of a range run decides on its days, also those it did not list: here 2024-03-03.
    _evaluate(instance, {"2024-03-01": True, "2024-03-05": False, None: False})
    cursor = read_check_events(instance, database.pipeline, cursor)
    assert [days for _, _, days in found()] == [DayRange(date(2024, 3, 5), date(2024, 3, 5))]
    _evaluate(instance, {"2024-03-01": True, "2024-03-05": True, None: True})
    read_check_events(instance, database.pipeline, cursor)
    assert found() == []


def test_checks_of_today_that_are_told_live_are_not_told_twice(
    instance: dg.DagsterInstance, database: Database
) -> None:
    today = _now().astimezone(database.settings.zone).date().isoformat()
    cursor = read_check_events(instance, database.pipeline, None)
    _evaluate(instance, {today: False, "2024-03-01": False}, "WARN", "deficit")
    read_check_events(instance, database.pipeline, cursor)
    (found,) = check_failed.conditions(database.pipeline, database.settings, _now())
    assert (found.days, found.severity) == (DayRange(date(2024, 3, 1), date(2024, 3, 1)), Severity.WARN)


def _tick(instance: dg.DagsterInstance, sensor: dg.SensorDefinition, cursor: str | None = None) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=WAREHOUSES) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_a_database_that_cannot_be_reached_is_told_once_and_its_return_too(
    instance: dg.DagsterInstance,
    receiver: HttpReceiver,
    run_days: Callable[..., dg.ExecuteInProcessResult],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EVENTFLOW_ALERTS_URLS", receiver.url)
    there = os.environ["EVENTFLOW_DATABASE_URL"]
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", "postgresql://postgres:topsecret@127.0.0.1:9/gone")
    cursor = None
    for _ in range(2):
        cursor = _tick(instance, conditions_sensor, cursor).cursor
    failed = run_days(date(2024, 3, 1))
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", there)
    _tick(instance, dagster_failures_sensor)
    for _ in range(2):
        cursor = _tick(instance, conditions_sensor, cursor).cursor
    about = [title for title in receiver.titles if "reached" in title]
    assert len(about) == 2
    assert about[0].startswith("[error] The database 127.0.0.1:9/gone cannot be reached")
    assert about[1] == "[ok] ended: The database could not be reached."
    # Nobody is told the password: not in alerts, not in the run's events, not in the log.
    assert not failed.success
    events = "".join(entry.to_json() for entry in instance.all_logs(failed.run_id))
    printed = "".join(capfd.readouterr())
    assert "127.0.0.1:9/gone cannot be reached" in events
    assert "127.0.0.1:9/gone" in printed
    assert "topsecret" not in json.dumps(receiver.messages) + events + printed


def test_a_source_that_reads_much_is_looked_at_less_often() -> None:
    often, seldom = Source("often", lambda *_: []), Source("seldom", lambda *_: [], every=timedelta(minutes=5))
    now = _now()
    assert due((often, seldom), {}, now) == (often, seldom)
    looked = {"often": now.timestamp(), "seldom": now.timestamp()}
    assert due((often, seldom), looked, now + timedelta(minutes=4)) == (often,)
    assert due((often, seldom), looked, now + timedelta(minutes=5)) == (often, seldom)


def test_sensors_tell_of_checks_runs_and_deficits(
    instance: dg.DagsterInstance, database: Database, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch,
    run_days: Callable[..., dg.ExecuteInProcessResult], refuse: Callable[[date | None], None],
) -> None:  # fmt: skip
    monkeypatch.setenv("EVENTFLOW_ALERTS_URLS", receiver.url)
    first = _tick(instance, dagster_failures_sensor)
    refuse(MARCH[1])
    run_days(*MARCH)
    _evaluate(instance, {f"2024-03-0{day}": False for day in range(1, 6)})
    second = _tick(instance, dagster_failures_sensor, first.cursor)
    assert int(second.cursor or 0) > int(first.cursor or 0)
    assert sorted(
        title.partition(": ")[0]
        for title in receiver.titles
        if "daily_buckets_job" in title or "bucket" in title.split()
    ) == [
        "[error] 1 failed run of daily_buckets_job for 2024-03-01..2024-03-03 (3 days)",
        "[error] check parity fails for 2024-03-01..2024-03-05 (5 days) of bucket",
    ]
    clients(database)
    entries(database, 9, _now(), 20)
    _tick(instance, conditions_sensor)
    assert len([title for title in receiver.titles if "0 visits against 9 entries" in title]) == 1
    _tick(instance, conditions_sensor)
    _tick(instance, dagster_failures_sensor, second.cursor)
    assert len([title for title in receiver.titles if "still" in title or "ended" in title]) == 0


def test_failing_ticks(instance: dg.DagsterInstance) -> None:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.remote_origin import (
        ManagedGrpcPythonEnvCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._utils.error import SerializableErrorInfo

    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="m"), location_name="l")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "r"), "refresh")
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
    instance.add_instigator_state(state)

    def tick(status: TickStatus, at: float) -> None:
        data = TickData(
            state.instigator_origin_id, "refresh", InstigatorType.SENSOR, status, at, selector_id=state.selector_id,
            run_ids=[], error=SerializableErrorInfo("boom", [], None) if status is TickStatus.FAILURE else None,
        )  # fmt: skip
        instance.create_tick(data)

    now = time.time()
    tick(TickStatus.SUCCESS, now - 60)
    assert tick_failed.conditions(instance, _now()) == []
    for number in range(3):
        tick(TickStatus.FAILURE, now - 50 + number)
        (found,) = tick_failed.conditions(instance, _now())
        assert (found.subject, found.numbers["ticks"]) == ("refresh", number + 1)
        assert found.severity is (Severity.ERROR if number == 2 else Severity.WARN)
        assert found.summary.endswith("ticks: boom" if number else "tick: boom")
    tick(TickStatus.SKIPPED, now)
    assert tick_failed.conditions(instance, _now()) == []


def test_a_failed_run_of_checks_is_told_as_such_until_one_succeeds(instance: dg.DagsterInstance) -> None:
    """*Execute all* is a run of a job that computes days, and neither its failure nor its success is about those."""
    checked = frozenset({dg.AssetCheckKey(dg.AssetKey(["stats", "client_daily"]), "raw_parity")})
    days = {RANGE_START: "2024-03-01", RANGE_END: "2024-03-03"}

    def ended(status: dg.DagsterRunStatus, checks: frozenset[dg.AssetCheckKey] | None, **tags: str) -> dict[str, str]:
        run = create_run_for_test(
            instance, job_name="daily_buckets_job", status=status, tags=tags, asset_check_selection=checks
        )
        assert (days_of(run) is None) is (checks is not None), "it is in no heal's way"
        return {condition.subject: condition.command for condition in run_failed.conditions(instance, _now())}

    failure, success = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
    backfill = {"daily_buckets_job": "eventflow backfill --from 2024-03-01 --to 2024-03-03"}
    assert ended(failure, None, **days) == backfill
    # One that could not begin does not know its days.
    assert ended(failure, checked) == {**backfill, "checks": "eventflow doctor"}
    verify = {"checks": "eventflow verify --from 2024-03-01 --to 2024-03-03"}
    assert ended(failure, checked, **days) == {**backfill, **verify}
    assert ended(success, checked, **days) == backfill
    assert ended(success, None, **days) == {}


def test_the_command_of_a_failed_run_runs_again_what_failed(instance: dg.DagsterInstance) -> None:
    """Whoever launched it; and a later run that computes the same ends it."""
    failure, success = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
    by_hand = "__ASSET_JOB"

    def ended(job: str, status: dg.DagsterRunStatus, *tables: str, first: str = "2024-03-01") -> dict[str, str]:
        create_run_for_test(
            instance, job_name=job, status=status, tags={RANGE_START: first, RANGE_END: first},
            asset_selection=frozenset(dg.AssetKey(["stats", table]) for table in tables) or None,
        )  # fmt: skip
        return {condition.subject: condition.command for condition in run_failed.conditions(instance, _now())}

    again = "eventflow dagster job backfill -j {} --from 2024-03-01 --to 2024-03-01 --noprompt"
    for job, table, command in (
        ("daily_buckets_job", "client_daily", "eventflow backfill --from 2024-03-01 --to 2024-03-01"),
        ("webinar_stats_job", "webinar_stats_daily", again.format("webinar_stats_job")),
    ):
        assert ended(by_hand, failure, table, "others") == {job: command}
        assert ended(job, success, first="2024-03-02") == {job: command}
        assert ended(job, success) == {}
        assert ended(job, failure) == {job: command}
        assert ended(by_hand, success, table) == {}
    assert ended(by_hand, failure, "client_daily", "webinar_stats_daily").keys() == {by_hand}
    assert ended(by_hand, success, "client_daily", "webinar_stats_daily") == {}
    assert ended("closed_months_job", failure) == {"closed_months_job": again.format("closed_months_job")}
    assert ended("closed_months_job", success) == {}
    assert ended("answer_incident_job", failure) == {}, "whoever launched it has its answer"


def test_a_run_that_was_ended_from_outside_is_told(
    instance: dg.DagsterInstance, database: Database, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a worker that died, or took too long, Dagster keeps a message and no error."""
    monkeypatch.setenv("EVENTFLOW_ALERTS_URLS", receiver.url)
    run = create_run_for_test(
        instance,
        job_name="daily_buckets_job",
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/max_retries": "0"},
    )
    instance.report_run_failed(run, "Run worker died: 2024-03-01")
    _tick(instance, dagster_failures_sensor)
    (row,) = database.rows("select name, subject, summary from stats.incident")
    assert (row["name"], row["subject"]) == ("run_failed", "daily_buckets_job")
    assert row["summary"] == "1 failed run of daily_buckets_job: Run worker died: 2024-03-01"
    assert len(receiver.titles) == 1


def test_what_cannot_be_read_of_dagster_hides_nothing_else(instance: dg.DagsterInstance, database: Database) -> None:
    run = create_run_for_test(
        instance,
        job_name="daily_buckets_job",
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/max_retries": "0"},
    )
    instance.report_run_failed(run, "Run worker died")
    cursor = _tick(instance, dagster_failures_sensor).cursor
    database.execute("alter table stats.failed_check rename to elsewhere")
    assert _tick(instance, dagster_failures_sensor, cursor).cursor == cursor
    told = "select name, subject from stats.incident where gone_at is null order by name"
    assert database.rows(told) == [
        {"name": "run_failed", "subject": "daily_buckets_job"},
        {"name": "source_failed", "subject": "checks"},
    ]
    database.execute("alter table stats.elsewhere rename to failed_check")
    _tick(instance, dagster_failures_sensor, cursor)
    assert database.rows(told) == [{"name": "run_failed", "subject": "daily_buckets_job"}]
