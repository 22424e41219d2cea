"""The webinar assets, checks, sampler and refresh as Dagster runs them."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from sqlalchemy import Engine, event

from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.warehouse.webinar.sampler import sample_webinars
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.defs.jobs import run_days
from eventflow_pipeline_tests.worlds.broadcast import DAY, FIRST, MINUTE, START, write_broadcast

BUCKETS, DAILY = (dg.AssetKey(["stats", f"webinar_stats_{name}"]) for name in ("5min", "daily"))
Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def surface(defs: dg.Definitions, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The definitions, with a window that fits the broadcast."""
    monkeypatch.setenv("EVENTFLOW_WEBINAR_BEFORE_MINUTES", "5")
    monkeypatch.setenv("EVENTFLOW_WEBINAR_AFTER_MINUTES", "20")
    return defs


@pytest.fixture
def run(instance: dg.DagsterInstance, surface: Any) -> Run:
    """Materialize an inclusive range (or one partition), with its checks, as a run of the job."""
    job = surface.resolve_job_def("webinar_stats_job")

    return lambda days: run_days(job, instance, days)


def _metadata(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, dict[str, Any]]:
    found = {}
    for record in instance.fetch_materializations(key, limit=100).records:
        assert record.asset_materialization
        assert record.partition_key not in found, "one materialization a day, not two"
        found[record.partition_key] = {k: v.value for k, v in record.asset_materialization.metadata.items()}
    return found


def _evaluations(instance: dg.DagsterInstance, name: str) -> dict[str | None, tuple[bool, str]]:
    """Partition → (passed, severity) of the newest evaluation of the check, as its page shows it."""
    check = dg.AssetCheckKey(DAILY if name == "peak_within_known_viewers" else BUCKETS, name)
    found: dict[str | None, tuple[bool, str]] = {}
    for execution in instance.event_log_storage.get_asset_check_execution_history(check, limit=100):  # newest first
        if execution.evaluation:
            found.setdefault(execution.partition, (execution.evaluation.passed, execution.evaluation.severity.value))
    return found


def test_a_day_shows_its_numbers_and_its_curve(run: Run, database: Database, instance: dg.DagsterInstance) -> None:
    write_broadcast(database)
    database.replace(DAY)
    assert run(DAY).success
    buckets = _metadata(instance, BUCKETS)["2026-03-02"]
    assert (buckets["peak_viewers"], buckets["minutes_observed"], buckets["minutes_missed"]) == (12, 23, 2)
    assert buckets["dagster/partition_row_count"] == 7
    picture, *names = buckets["curve"].removeprefix("![Viewers, 2026-03-02](data:image/png;base64,").split("\n\n")
    assert names == ["A: first", "B: second"]
    picture = picture.rstrip(")")
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    daily = _metadata(instance, DAILY)["2026-03-02"]
    assert (daily["visits"], daily["conversions"], daily["unique_viewers"]) == (5, 2, 9)


def test_checks_of_a_day(
    run: Run, database: Database, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTFLOW_CHANGES_LOOKBACK_DAYS", "10000")
    write_broadcast(database)
    database.execute(
        "delete from webinar_live_presence where user_id in (select user_id from webinar_live_presence limit 5)"
    )
    assert run(DAY).success
    assert _evaluations(instance, "completeness")["2026-03-02"] == (False, "ERROR")  # 2 of 25 minutes
    assert _evaluations(instance, "min_average_max")["2026-03-02"][0]
    assert _evaluations(instance, "peak_within_known_viewers")["2026-03-02"] == (False, "ERROR")


def test_few_missed_minutes_are_a_warning(
    run: Run, database: Database, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTFLOW_CHANGES_LOOKBACK_DAYS", "10000")
    write_broadcast(database)
    database.execute("insert into stats.webinar_sample values (:w, :m, 5, :m)", w=FIRST, m=START + 2 * MINUTE)
    assert run(DAY).success
    assert _evaluations(instance, "completeness")["2026-03-02"] == (False, "WARN")


def test_in_a_range_every_day_has_its_own_evaluation(
    run: Run, database: Database, instance: dg.DagsterInstance
) -> None:
    write_broadcast(database)
    assert run(DayRange(DAY - timedelta(days=1), DAY)).success
    found = _evaluations(instance, "completeness")
    assert (found["2026-03-01"][0], found["2026-03-02"][0]) == (True, False)
    assert set(_metadata(instance, BUCKETS)) == {"2026-03-01", "2026-03-02"}
    assert "curve" not in _metadata(instance, BUCKETS)["2026-03-01"]


def test_a_failing_day_keeps_the_finished_ones_and_is_named(
    run: Run, database: Database, instance: dg.DagsterInstance
) -> None:
    write_broadcast(database)
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        "$$ begin if new.bucket_date = '2026-03-02' then raise exception 'disk on fire'; end if; return new; end $$"
    )
    database.execute(
        "create trigger refuse before insert on stats.webinar_day_state for each row execute function public.refuse()"
    )
    result = run(DayRange(DAY - timedelta(days=1), DAY + timedelta(days=1)))
    assert not result.success
    failure = result.failure_data_for_node("replace_webinar_days")
    assert failure
    assert failure.user_failure_data
    assert "1 of 3 days failed and kept their old buckets: 2026-03-02" in (failure.user_failure_data.description or "")
    assert set(_metadata(instance, DAILY)) == {"2026-03-01", "2026-03-03"}


def test_a_cancelled_range_keeps_its_finished_days(run: Run, database: Database, instance: dg.DagsterInstance) -> None:
    """The newest day is finished; the next is at its last statement when the run is terminated, as Dagster does it."""
    write_broadcast(database)
    second = DAY.isoformat()

    def terminate(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if "insert into stats.webinar_day_state" in sql and str(parameters["bucket_date"]) == second:
            raise dg.DagsterExecutionInterruptedError

    event.listen(Engine, "before_cursor_execute", terminate)
    try:
        assert not run(DayRange(DAY - timedelta(days=1), DAY + timedelta(days=1))).success
    finally:
        event.remove(Engine, "before_cursor_execute", terminate)
    for key in (BUCKETS, DAILY):
        assert set(_metadata(instance, key)) == {"2026-03-03"}


def _live_now(database: Database) -> None:
    webinar = uuid4()
    now = datetime.now(UTC)
    database.insert("webinars", [{"id": webinar, "client_id": uuid4(), "title": "w", "webinar_start_time": now}])
    database.insert(
        "webinar_live_presence",
        [{"webinar_id": webinar, "user_id": uuid4(), "joined_at": now, "last_seen_at": now} for _ in range(3)],
    )


def test_the_sampler_ticks_without_runs(surface: Any, database: Database, instance: dg.DagsterInstance) -> None:
    _live_now(database)
    sampler = surface.get_repository_def().get_sensor_def("sample_webinars_sensor")
    ticks: list[Any] = []
    for _ in range(3):
        cursor = ticks[-1].cursor if ticks else None
        with dg.build_sensor_context(instance, resources=surface.resources, cursor=cursor) as context:
            tick = sampler.evaluate_tick(context)
            assert tick.run_requests == []
            assert tick.skip_message
            ticks.append(tick)
    # Three looks, one minute (or two, when the minute changed meanwhile).
    rows = database.rows("select viewers from stats.webinar_sample")
    assert {r["viewers"] for r in rows} == {3}
    assert len(rows) <= 2
    (last,) = database.rows("select max(sampled_minute) as minute from stats.webinar_sample")
    sampled = last["minute"].astimezone(UTC)
    assert ticks[-1].cursor == f"{sampled:%Y-%m-%d %H:%M} UTC", "the last minute that was sampled"
    assert instance.get_runs_count() == 0


def _tick(surface: Any, instance: dg.DagsterInstance, at: datetime) -> list[dict[str, str]]:
    schedule = surface.get_repository_def().get_schedule_def("webinar_refresh_schedule")
    with dg.build_schedule_context(instance, resources=surface.resources, scheduled_execution_time=at) as context:
        tick = schedule.evaluate_tick(context)
    first, last = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
    return [{"first": r.tags[first], "last": r.tags[last]} for r in tick.run_requests or []]


def test_refresh_asks_for_a_run_only_when_there_is_something(
    surface: Any, run: Run, database: Database, instance: dg.DagsterInstance
) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    assert _tick(surface, instance, hour) == []
    _live_now(database)
    sample_webinars(database.pipeline, database.settings.observation)
    today_now = today(database.settings.zone)
    between = datetime.now(UTC).replace(minute=35)
    wanted = [{"first": today_now.isoformat(), "last": today_now.isoformat()}]
    assert _tick(surface, instance, between) == wanted
    assert run(today_now).success
    assert _tick(surface, instance, between) == [], "no sample since"
    # A dimension changed: told on the hour, not in between.
    database.execute("update webinars set client_id = gen_random_uuid()")
    assert _tick(surface, instance, between) == []
    assert {tuple(r.values()) for r in _tick(surface, instance, hour + timedelta(hours=1))} >= {
        (today_now.isoformat(), today_now.isoformat())
    }


def test_many_stale_days_are_one_run(surface: Any, database: Database, instance: dg.DagsterInstance) -> None:
    for number in range(5):
        database.insert(
            "webinars",
            [{"id": uuid4(), "client_id": uuid4(), "title": "w",
              "webinar_start_time": START + timedelta(days=7 * number)}],
        )  # fmt: skip
    wanted = [{"first": "2026-03-02", "last": "2026-03-30"}]
    assert _tick(surface, instance, datetime(2026, 6, 1, 3, 0, tzinfo=UTC)) == wanted
