"""The sensor and the schedules, evaluated as the daemon does, on a real Dagster instance."""

import json
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import psycopg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from eventflow_pipeline.defs.run_tags import TRIGGER_TAG
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.domain.partition_tags import PARTITION
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.defs.jobs import buckets_alone
from eventflow_pipeline_tests.facts import visits

SEOUL = ZoneInfo("Asia/Seoul")
TODAY = today(SEOUL)
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
CAMPAIGN = "00000000-0000-0000-0000-00000000000c"
Tick = Callable[[], "dg.SensorResult"]


def _ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.fixture
def database(database: Database) -> Database:
    """Ten days that end today, with one known campaign."""
    database.set_build_settings("Asia/Seoul", _ago(9))
    client = "00000000-0000-0000-0000-0000000000c1"
    database.insert("clients", [{"id": client, "agency_id": client, "name": "c"}])
    campaign = {"id": CAMPAIGN, "client_id": client, "title": "t", "public_path": "/t"}
    database.insert("event_survey_campaigns", [{**campaign, "status": "published", "type": "survey"}])
    return database


@pytest.fixture
def tick(instance: dg.DagsterInstance, defs: dg.Definitions) -> Tick:
    """One evaluation of the sensor."""
    sensor = defs.get_repository_def().get_sensor_def("heal_changed_days_sensor")

    def evaluate() -> dg.SensorResult:
        with dg.build_sensor_context(instance=instance, resources=defs.resources) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        return result

    return evaluate


def _evaluate(schedule: Any, defs: dg.Definitions, instance: dg.DagsterInstance, at: datetime) -> Any:
    with dg.build_schedule_context(instance, resources=defs.resources, scheduled_execution_time=at) as context:
        return schedule.evaluate_tick(context)


def _visits(database: Database, day: date, count: int = 1, recorded_ago: timedelta = timedelta()) -> None:
    at = datetime(day.year, day.month, day.day, second=1, tzinfo=SEOUL)
    recorded = datetime.now(SEOUL) - recorded_ago
    visits(database, *[at] * count, session_id="s{id}", campaign_id=CAMPAIGN, created_at=recorded)


def _ranges(result: dg.SensorResult) -> list[tuple[str, str]]:
    return [(request.tags[START], request.tags[END]) for request in result.run_requests or ()]


def _reason(result: dg.SensorResult) -> str:
    assert not result.run_requests
    assert result.skip_reason
    return result.skip_reason.skip_message or ""


def _run(defs: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    return buckets_alone(defs).execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)


def _pretend_run(
    defs: dg.Definitions, instance: dg.DagsterInstance, tags: dict[str, str], status: dg.DagsterRunStatus
) -> dg.DagsterRun:
    return instance.create_run_for_job(defs.resolve_job_def("daily_buckets_job"), tags=tags, status=status)


def test_changed_days_become_one_run_per_contiguous_range(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Today and yesterday by the look-back, an old one by created_at, each until a run has computed it."""
    for back in (0, 1, 7):
        _visits(database, _ago(back))
    result = tick()
    assert _ranges(result) == [(str(_ago(1)), str(TODAY)), (str(_ago(7)), str(_ago(7)))]
    recent, old = result.run_requests or ()
    assert (recent.tags["dagster/priority"], "eventflow/history" in recent.tags) == ("10", False)
    assert ("dagster/priority" in old.tags, old.tags["eventflow/history"]) == (False, "true")
    assert recent.run_key != old.run_key
    assert [r.run_key for r in tick().run_requests or ()] == [recent.run_key, old.run_key], "the same requests again"
    for request in (recent, old):
        assert _run(defs, instance, request).success
    assert "none changed" in _reason(tick())
    assert database.summary("platform", _ago(7))[0]["visits"] == 1
    # A late fact of a computed day is another change and another request.
    _visits(database, _ago(7))
    (again,) = tick().run_requests or ()
    assert again.run_key != old.run_key


def test_fact_tables_show_their_newest_row_when_it_moved(
    database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Once an hour, and only the table that moved; with runs and without."""
    sensor = defs.get_repository_def().get_sensor_def("heal_changed_days_sensor")
    visits = dg.AssetKey(["public", "event_access_logs"])

    def observed(cursor: str | None) -> tuple[list[dg.AssetObservation], str]:
        with dg.build_sensor_context(instance=instance, resources=defs.resources, cursor=cursor) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        for event in result.asset_events:
            instance.report_runless_asset_event(event)
        return [event for event in result.asset_events if isinstance(event, dg.AssetObservation)], result.cursor or ""

    def an_hour_later(cursor: str) -> str:
        return json.dumps(json.loads(cursor) | {"observed_at": json.loads(cursor)["observed_at"] - 3600})

    none, cursor = observed(None)
    assert none == [], "no facts at all"
    _visits(database, TODAY)
    assert observed(cursor) == ([], cursor), "within the hour"
    (first,), cursor = observed(an_hour_later(cursor))
    assert first.asset_key == visits
    assert observed(an_hour_later(cursor))[0] == [], "nothing was recorded since"
    (stored,) = instance.fetch_observations(visits, limit=10).records
    assert stored.asset_observation
    shown = stored.asset_observation.metadata["dagster/last_updated_timestamp"].value
    (newest,) = database.rows("select extract(epoch from max(created_at)) as at from stats.visit_facts")
    assert shown == pytest.approx(float(newest["at"]))
    assert stored.asset_observation.metadata["rows_today"].value == 1


def test_idle_ticks_launch_no_run(tick: Tick, database: Database) -> None:
    """Before anything was computed, and after everything was."""
    assert "none changed" in _reason(tick())
    for back in range(10):
        _visits(database, _ago(back), recorded_ago=timedelta(days=2))
    database.replace(*DayRange(_ago(9), TODAY))
    assert "4 days compared with their facts, none changed" in _reason(tick())
    for _ in range(40):
        assert "none changed" in _reason(tick())


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_nothing_is_asked_for_while_an_equal_run_waits_or_works(
    tick: Tick,
    database: Database,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    status: dg.DagsterRunStatus,
) -> None:
    monkeypatch.setenv("EVENTFLOW_CHANGES_DELTAS", "never")
    _visits(database, TODAY)
    (request,) = tick().run_requests or ()
    run = _pretend_run(defs, instance, dict(request.tags), status)
    assert f"{TODAY}: run {run.run_id[:8]}" in _reason(tick())
    # A fact that comes after the run has replaced the day needs another run, also when others replaced it since.
    database.replace(TODAY)
    database.execute("update stats.day_ledger set run_id = :run_id", run_id=run.run_id)
    database.replace(TODAY)
    _visits(database, TODAY)
    assert _ranges(tick()) == [(str(TODAY), str(TODAY))]


def test_a_failed_run_is_asked_for_again_after_a_pause(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        "$$ begin if new.computed_at is not null then raise exception 'no'; end if; return new; end $$"
    )
    database.execute(
        "create trigger refuse before insert or update on stats.partition_state for each row "
        "execute function public.refuse()"
    )
    _visits(database, TODAY)
    (request,) = tick().run_requests or ()
    assert not _run(defs, instance, request).success
    assert f"{TODAY}: 1 runs failed, not again until" in _reason(tick())
    monkeypatch.setenv("EVENTFLOW_CHANGES_ATTEMPTS", "1")
    assert f"{TODAY}: 1 runs failed, not again until somebody has looked" in _reason(tick())
    monkeypatch.setenv("EVENTFLOW_CHANGES_ATTEMPTS", "2")
    with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:  # a minute passes
        connection.execute("update runs set start_time = start_time - 61, end_time = end_time - 61")
    (retry,) = tick().run_requests or ()
    assert retry.run_key != request.run_key


def test_every_run_is_guarded_against_mass_loss(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    _visits(database, _ago(1), 40)
    (request,) = tick().run_requests or ()
    assert _run(defs, instance, request).success
    database.execute("delete from event_access_logs")
    database.execute("update stats.chunked_day set compared_at = compared_at - interval '5 minutes'")  # that pass
    assert "1 days are held by the guard" in _reason(tick())
    from eventflow_pipeline.defs.buckets import ASSET_KEYS

    held = dg.AssetCheckKey(dg.AssetKey(["stats", "client_daily"]), "held")
    # Also when the loss comes between the look and the run; and a click is no exception. Neither fails: a retry would
    # change nothing.
    job = defs.resolve_job_def("daily_buckets_job").get_subset(
        asset_selection=set(ASSET_KEYS), asset_check_selection={held}
    )
    for tags in (request.tags, {PARTITION: str(_ago(1))}):
        run = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        assert run.success
        assert run.asset_materializations_for_node("replace_days")[0].metadata["held"]
        evaluations = [e for e in run.get_asset_check_evaluations() if e.partition]
        assert [(e.check_name, e.passed) for e in evaluations] == [("held", False)]
        assert (
            "client c, hits -40, entries 0, reason hits of client c would fall from 40 to 0"
            in evaluations[0].description
        )
        assert f"eventflow accept held --from {_ago(1)}" in evaluations[0].description
        assert not tick().run_requests
    assert database.summary("platform", _ago(1))[0]["visits"] == 40
    # Tags of the user interface, or its Launchpad, accept it with a reason.
    tags = {PARTITION: str(_ago(1)), "user": "ann"}
    accepting = tags | {TRIGGER_TAG: "accepted"}
    assert not job.execute_in_process(instance=instance, tags=accepting, raise_on_error=False).success
    assert database.summary("platform", _ago(1))[0]["visits"] == 40
    config = {"ops": {"replace_days": {"config": {"accept": True, "reason": "they left"}}}}
    run = job.execute_in_process(instance=instance, tags=tags, run_config=config)
    assert [(e.partition, e.passed) for e in run.get_asset_check_evaluations()] == [(None, True)]
    assert database.summary("platform", _ago(1)) == []
    assert database.rows("select reason, author from stats.day_ledger order by entry_no desc limit 1") == [
        {"reason": "accepted: they left", "author": "ann"}
    ]


def test_finalizing_computes_the_day_that_ended_and_opens_the_new_one(
    database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    schedule = defs.get_repository_def().get_schedule_def("finalize_days_schedule")
    midnight = datetime(TODAY.year, TODAY.month, TODAY.day, 0, 1, tzinfo=SEOUL)

    def evaluate() -> Any:
        return _evaluate(schedule, defs, instance, midnight)

    database.replace(*DayRange(_ago(9), _ago(1)))
    # Yesterday was computed while it lasted, the new day not at all; neither has facts, so nothing else finds them.
    database.execute(
        "update stats.partition_state set facts_at = window_end - interval '1 second' where bucket_date = :day",
        day=_ago(1),
    )
    (request,) = evaluate().run_requests
    assert (request.tags[START], request.tags[END]) == (str(_ago(1)), str(TODAY))
    assert _run(defs, instance, request).success
    assert "is final" in (evaluate().skip_message or "")
    assert database.summary("platform", DayRange(_ago(9), TODAY)) == []


def test_sweeps_mark_old_edits_and_the_sensor_asks_for_them(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for back in range(10):
        _visits(database, _ago(back), recorded_ago=timedelta(days=2))
    database.replace(*DayRange(_ago(9), TODAY))
    sweep = defs.get_repository_def().get_schedule_def("sweep_recent_days_schedule")
    for how in ("schedule", "job"):
        database.execute(
            "update event_access_logs set utm_source = coalesce(utm_source, '') || 'x' "
            "where accessed_at < cast(:before as timestamptz)",
            before=f"{_ago(7)} 00:00+09",
        )
        assert "none changed" in _reason(tick()), "no look-back, no new fact: only a sweep can see it"
        if how == "schedule":
            data = _evaluate(sweep, defs, instance, datetime.now(SEOUL))
            assert not data.run_requests
            assert f"2 changed: {_ago(9)}..{_ago(8)}" in (data.skip_message or "")
        else:
            assert defs.resolve_job_def("sweep_all_days_job").execute_in_process(instance=instance).success
        assert _ranges(tick()) == [(str(_ago(9)), str(_ago(8)))]
        database.replace(_ago(9), _ago(8))


def test_a_started_run_whose_process_is_gone_is_reported(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Nobody else notices when worker and code server died together; the run would keep its slot for hours."""
    from eventflow_pipeline.warehouse.db.locks import run_alive

    runs = [
        _pretend_run(defs, instance, {START: str(TODAY), END: str(TODAY)}, dg.DagsterRunStatus.STARTED)
        for _ in range(2)
    ]
    other = instance.create_run_for_job(defs.resolve_job_def("prune_history_job"), status=dg.DagsterRunStatus.STARTED)
    with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"]) as connection:
        connection.execute("update runs set start_time = extract(epoch from now()) - 61")
    with run_alive(database.pipeline, runs[0].run_id):
        # Its connection is lost, and it lives.
        database.execute("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        assert "1 runs were reported as failed" in _reason(tick())
        assert "reported" not in _reason(tick())
    statuses = [instance.get_run_by_id(run.run_id).status for run in (*runs, other)]  # type: ignore[union-attr]
    assert [status.value for status in statuses] == ["STARTED", "FAILURE", "STARTED"]


def test_old_ranges_do_not_starve_todays_refresh(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Queued first: a big backfill and old changed days. Queued last: today. Asked of Dagster's own queue."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("eventflow_pipeline"), "__repository__")
    job = RemoteJobOrigin(repository, "daily_buckets_job")

    def queue(tags: dict[str, str]) -> str:
        run = instance.create_run_for_job(
            defs.resolve_job_def("daily_buckets_job"),
            tags=tags,
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=job,
        )
        return run.run_id

    for back in (0, 6, 9):
        _visits(database, _ago(back))
    today_s, *old = tick().run_requests or ()
    backfills = [queue({"dagster/backfill": "b", START: str(_ago(9)), END: str(_ago(9))}) for _ in range(3)]
    history = [queue(dict(request.tags)) for request in old]
    refresh = queue(dict(today_s.tags))
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)
    chosen = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)
    assert [run.run_id for run in chosen] == [refresh, *backfills[:2], history[0]]


def _record(database: Database, defs: dg.Definitions, instance: dg.DagsterInstance) -> int:
    """One tick of the sensor that records days; how many materializations of today's session-days there are now."""
    sensor = defs.get_repository_def().get_sensor_def("finish_days_sensor")
    with dg.build_sensor_context(instance=instance, resources=defs.resources) as context:
        for event in sensor(context).asset_events:
            instance.report_runless_asset_event(event)
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(["stats", "session_days"]), asset_partitions=[str(TODAY)]), limit=100
    )
    return len(records.records)


def test_what_is_added_to_today_needs_no_run(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """The sensor adds it itself, histograms included; an edit has a run compute the day, and then it adds again."""
    _visits(database, TODAY, 3)
    (request,) = tick().run_requests or ()
    assert _run(defs, instance, request).success
    recorded = _record(database, defs, instance)
    assert recorded > 0
    for n in range(1, 3):
        _visits(database, TODAY)
        assert "1 changed" in _reason(tick())
        assert database.summary("platform", TODAY)[0]["visits"] == 3 + n
        # Twice within a minute: Dagster is told once at most.
        assert _record(database, defs, instance) == recorded
    assert database.rows("select from stats.partition_state where histogram_pending or stale_since is not null") == []
    assert database.rows("select distinct published from stats.day_ledger order by 1") == [
        {"published": "delta"}, {"published": "whole"},
    ]  # fmt: skip
    database.execute("update stats.partition_state set computed_at = computed_at + interval '61 seconds'")
    assert _record(database, defs, instance) == recorded + 1
    # Of those that are published: one that comes in edited is only added.
    database.execute(
        "update event_access_logs set utm_source = 'x' where id = (select min(id::text) from event_access_logs)::uuid"
    )
    _visits(database, TODAY)
    (request,) = tick().run_requests or ()
    assert _run(defs, instance, request).success
    _visits(database, TODAY)
    assert "1 changed" in _reason(tick())
    assert database.summary("platform", TODAY)[0]["visits"] == 7


def test_what_cannot_be_added_is_computed_by_a_run(
    tick: Tick, database: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """Whatever goes wrong within the tick."""
    _visits(database, TODAY, 3)
    (request,) = tick().run_requests or ()
    assert _run(defs, instance, request).success
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        "$$ begin raise exception 'disk on fire'; end $$"
    )
    database.execute(
        "create trigger refuse before update on stats.delta_day for each row execute function public.refuse()"
    )
    _visits(database, TODAY)
    assert _ranges(tick()) == [(str(TODAY), str(TODAY))]
    assert database.summary("platform", TODAY)[0]["visits"] == 3


def test_a_wrong_delta_is_told_by_the_check_of_the_day(
    database: Database, defs: dg.Definitions, instance: dg.DagsterInstance, tick: Tick
) -> None:
    _visits(database, TODAY, 3)
    (request,) = tick().run_requests or ()
    assert _run(defs, instance, request).success
    _visits(database, TODAY)
    tick()
    database.execute("update stats.bucket_daily set conversions = 7 where grain = 'link'")
    job = defs.resolve_job_def("daily_buckets_job")

    def passed() -> bool:
        run = job.execute_in_process(instance=instance, tags={PARTITION: str(TODAY)}, raise_on_error=False)
        found, *_ = [
            e for e in run.get_asset_check_evaluations()
            if e.check_name == "raw_parity" and e.asset_key.path[-1] == "session_days"
        ]  # fmt: skip
        if not found.passed:
            assert "rows that deltas had published" in (found.description or "")
        return found.passed

    assert [passed(), passed()] == [False, True]
