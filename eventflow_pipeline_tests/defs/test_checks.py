"""Checks as Dagster shows them: each day as it is, in single-day runs, range runs and check-only runs.

One test runs on Dagster's Postgres storage, as production does; the others on its storage in memory, which is quicker.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import dagster as dg
import pytest
from dagster._core.storage.asset_check_state import AssetCheckState, bulk_update_asset_check_state

from eventflow_pipeline.domain.checks import QUALITY_CHECKS
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.domain.grains import GRAINS
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.defs.jobs import run_days
from eventflow_pipeline_tests.repetitions import some

CLIENT, C = UUID(int=1), UUID(int=0xC)
DAYS = DayRange(date(2024, 1, 1), date(2024, 1, 3))
#: EVENTFLOW_CHANGES_LOOKBACK_DAYS by which every day of these tests is recent.
SINCE_EVER = "10000"
Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def instance(
    request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Dagster in memory; with the marker argument ``postgres`` as production has it."""
    if getattr(request, "param", None) == "postgres":
        yield request.getfixturevalue("postgres_instance")
        return
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", database.url)
    monkeypatch.setenv("EVENTFLOW_START_DATE", database.settings.start_date.isoformat())
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def run(defs: dg.Definitions, instance: dg.DagsterInstance) -> Run:
    """Run a job for one day (its partition) or an inclusive range."""

    return lambda job, days: run_days(defs.resolve_job_def(job), instance, days)


@pytest.fixture
def facts(database: Database) -> Database:
    """Forty good visits a day and five entries, linked, through a link with UTM."""
    database.insert("clients", [{"id": CLIENT, "name": "client"}])
    database.insert("event_survey_campaigns", [{"id": C, "client_id": CLIENT, "title": "C"}])
    link = {"utm_source": "naver", "utm_medium": "cpc", "utm_campaign": "spring"}
    database.insert(
        "campaign_link_meta",
        [{"id": UUID(int=0x11), "client_id": CLIENT, "name": "L", "cid": "AAAA1111", **link}],
    )
    for day in DAYS:
        at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        common = {"campaign_id": C, "marketing_campaign_link_id": UUID(int=0x11), **link}
        database.insert(
            "event_access_logs",
            [{"accessed_at": at, "session_id": f"s{n}", "cid": "aaaa1111", **common} for n in range(40)],
        )
        database.insert(
            "event_survey_entries",
            [
                {
                    "created_at": at + timedelta(minutes=n),
                    "session_id": f"s{n}",
                    "client_id": CLIENT,
                    "phone_norm": f"{day}{n}",
                    **common,
                }
                for n in range(5)
            ],
        )
    return database


def _states(instance: dg.DagsterInstance, defs: dg.Definitions, asset: str, check: str) -> dict[str, list[str]]:
    """Partitions of a check by status, as the user interface shows them."""
    key = dg.AssetCheckKey(dg.AssetKey(["stats", asset]), check)
    partitions = defs.resolve_asset_graph().get(key).partitions_def
    empty = AssetCheckState(latest_storage_id=0, subsets={}, in_progress_runs={})
    state = bulk_update_asset_check_state(instance, [(key, partitions)], {key: empty})[key]
    return {
        status.value: sorted(subset.subset_value.get_partition_keys())
        for status, subset in state.subsets.items()
        if subset.size
    }


def _all(days: DayRange) -> list[str]:
    return [day.isoformat() for day in days]


@pytest.fixture
def each(instance: dg.DagsterInstance, defs: dg.Definitions) -> Callable[[str, str], dict[str, list[str]]]:
    return lambda asset, check: _states(instance, defs, asset, check)


@pytest.mark.parametrize("instance", ["postgres"], indirect=True)
def test_every_check_passes_on_every_day_of_a_range_run(run: Run, facts: Database, each: Callable[..., object]) -> None:
    assert run("daily_buckets_job", DAYS).success
    passing = {"SUCCEEDED": _all(DAYS)}
    for asset in ("session_days", *(grain.table for grain in GRAINS)):
        assert each(asset, "raw_parity") == passing
    for name, check in QUALITY_CHECKS.items():
        assert each(str(check.table), name) == passing, name
    # Ranges are compared by the verification only.
    assert each("client_daily", "range_parity") == {}
    assert run("verify_days_job", DAYS).success
    for grain in GRAINS:
        assert each(grain.table, "range_parity") == passing
    assert each("client_daily", "raw_parity") == passing


def test_a_single_day_run_shows_its_day(run: Run, facts: Database, each: Callable[..., object]) -> None:
    result = run("daily_buckets_job", DAYS.first)
    assert result.success
    assert all(e.passed for e in result.get_asset_check_evaluations())
    assert each("client_daily", "raw_parity") == {"SUCCEEDED": [DAYS.first.isoformat()]}
    assert each("client_daily", "linkage") == {"SUCCEEDED": [DAYS.first.isoformat()]}


@pytest.mark.parametrize("span", some(["day", "range"], 1))
def test_damage_is_reported_where_it_is_repaired_once_and_gone_next_time(
    run: Run, facts: Database, each: Callable[..., object], span: str
) -> None:
    damaged = date(2024, 1, 2)
    days: DayRange | date = DAYS if span == "range" else damaged
    assert run("daily_buckets_job", DAYS).success
    facts.execute("update stats.campaign_daily set conversions = 9 where bucket_date = :d", d=damaged)
    facts.execute("update stats.partition_state set hits = 1 where bucket_date = :d", d=damaged)
    facts.execute("update stats.link_returns set sessions = 3 where bucket_date = :d", d=damaged)
    result = run("verify_days_job", days)
    assert result.success, "a check that fails does not fail the run: people are told by sensors"
    failed = {(e.asset_key.path[-1], e.check_name) for e in result.get_asset_check_evaluations() if not e.passed}
    # The day was rebuilt before ranges were compared, histograms included.
    assert failed == {("campaign_daily", "raw_parity"), ("session_days", "raw_parity")}
    shown = each("campaign_daily", "raw_parity")
    assert shown["FAILED"] == [damaged.isoformat()]  # type: ignore[index]
    assert each("client_daily", "raw_parity") == {"SUCCEEDED": _all(DAYS)}
    evaluation = next(
        e
        for e in result.get_asset_check_evaluations()
        if e.asset_key.path[-1] == "campaign_daily" and e.check_name == "raw_parity"
    )
    if span == "day":
        assert evaluation.description
        assert "rebuilt 2024-01-02, agrees now" in evaluation.description
        assert "raw 5, stored 9" in evaluation.description
        assert f"entity_id={C}" in evaluation.description
    assert evaluation.severity is dg.AssetCheckSeverity.ERROR
    assert run("verify_days_job", days).success
    assert each("campaign_daily", "raw_parity") == {"SUCCEEDED": _all(DAYS)}


@pytest.mark.parametrize("span", some(["range", "day"], 1))
def test_a_damaged_histogram_is_reported_as_range_parity(
    run: Run, facts: Database, each: Callable[..., object], span: str
) -> None:
    assert run("daily_buckets_job", DAYS).success
    facts.execute("delete from stats.utm_returns where bucket_date = '2024-01-03'")
    run("verify_days_job", DAYS if span == "range" else DAYS.last)
    assert each("utm_daily", "range_parity")["FAILED"] == ["2024-01-03"]  # type: ignore[index]
    run("verify_days_job", DAYS)
    assert each("utm_daily", "range_parity") == {"SUCCEEDED": _all(DAYS)}


def test_a_stale_day_passes_with_a_note(run: Run, facts: Database, each: Callable[..., object]) -> None:
    assert run("daily_buckets_job", DAYS).success
    facts.insert(
        "event_access_logs",
        [{"accessed_at": datetime(2024, 1, 3, 5, tzinfo=UTC), "session_id": "late", "campaign_id": C}],
    )
    result = run("verify_days_job", DAYS.last)
    evaluation = next(e for e in result.get_asset_check_evaluations() if e.check_name == "raw_parity")
    assert evaluation.passed
    assert evaluation.metadata["note"].value == "stale: facts moved since they were computed"


def test_quality_findings_are_shown_on_their_day(
    run: Run, facts: Database, each: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings and errors by severity; the day after is not touched by it."""
    monkeypatch.setenv("EVENTFLOW_CHANGES_LOOKBACK_DAYS", SINCE_EVER)
    facts.execute(
        "update event_access_logs set session_id = ' ' where accessed_at::date = '2024-01-02' and session_id < 's2'"
    )
    facts.execute("delete from event_access_logs where accessed_at::date = '2024-01-03'")
    assert run("daily_buckets_job", DAYS).success
    assert each("client_daily", "sessionless") == {
        "FAILED": ["2024-01-02"],
        "SUCCEEDED": ["2024-01-01", "2024-01-03"],
    }
    assert each("client_daily", "deficit")["FAILED"] == ["2024-01-03"]  # type: ignore[index]
    result = run("daily_buckets_job", date(2024, 1, 3))
    deficit = next(e for e in result.get_asset_check_evaluations() if e.check_name == "deficit")
    assert not deficit.passed
    assert deficit.severity is dg.AssetCheckSeverity.ERROR
    assert "0 visits against 5 entries" in (deficit.description or "")
    assert "sessionless" not in {
        e.check_name for e in result.get_asset_check_evaluations() if e.partition and not e.passed
    }


@pytest.mark.parametrize("instance", ["postgres"], indirect=True)
def test_what_passes_is_no_line_of_the_run_and_has_its_status(
    run: Run, facts: Database, each: Callable[..., object]
) -> None:
    """A run over years is read by a person: its page names what fails, and how each check stands."""
    facts.execute("delete from event_access_logs where accessed_at::date = '2024-01-01'")
    result = run("daily_buckets_job", DAYS)
    assert result.success
    assert each("client_daily", "deficit") == {"FAILED": ["2024-01-01"], "SUCCEEDED": ["2024-01-02", "2024-01-03"]}
    of_days = [e for e in result.get_asset_check_evaluations() if e.partition]
    assert not any(e.passed for e in of_days)
    assert {e.partition for e in of_days} == {"2024-01-01"}
    facts.execute("delete from event_survey_entries where created_at::date = '2024-01-01'")
    assert run("daily_buckets_job", DAYS).success
    assert each("client_daily", "deficit") == {"SUCCEEDED": _all(DAYS)}


def _select(defs: dg.Definitions, *keys: dg.AssetCheckKey) -> dg.JobDefinition:
    """The job that Dagster's *Execute all* launches."""
    return defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=set(), asset_check_selection={*keys})


@pytest.mark.parametrize("instance", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    "check", ["client_daily:raw_parity", "client_daily:linkage", "webinar_stats_daily:peak_within_known_viewers"]
)
def test_one_check_alone_without_a_partition_looks_at_the_look_back_days(
    run: Run,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    database: Database,
    each: Callable[..., object],
    check: str,
) -> None:
    asset, name = check.split(":")
    before = today(database.settings.zone)
    assert run("webinar_stats_job" if asset.startswith("webinar") else "daily_buckets_job", before).success
    result = _select(defs, dg.AssetCheckKey(dg.AssetKey(["stats", asset]), name)).execute_in_process(instance=instance)
    assert result.success
    record = instance.get_run_record_by_id(result.run_id)
    assert record
    last = date.fromisoformat(record.dagster_run.tags[RANGE_END])
    assert before <= last <= today(database.settings.zone)
    days = DayRange(last - timedelta(days=3), last)
    assert record.dagster_run.tags[RANGE_START] == days.first.isoformat()
    assert {e.partition for e in result.get_asset_check_evaluations() if e.check_name == name} == {None}
    assert each(asset, name) == {"SUCCEEDED": _all(days)}


def test_buckets_materialized_alone_are_judged_by_indicators_measured_anew(
    defs: dg.Definitions, instance: dg.DagsterInstance, facts: Database, each: Callable[..., object]
) -> None:
    """What *Materialize* of a bucket table runs: its step's assets and their checks, without the indicators' asset."""
    from eventflow_pipeline.defs.buckets import ASSET_KEYS

    job = defs.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(ASSET_KEYS))
    assert run_days(alone, instance, DAYS.first).success
    assert each("client_daily", "deficit") == {"SUCCEEDED": [DAYS.first.isoformat()]}
    facts.execute("delete from event_access_logs where accessed_at::date = :day", day=DAYS.first)
    assert run_days(alone, instance, DAYS.first).success
    assert each("client_daily", "deficit") == {"FAILED": [DAYS.first.isoformat()]}


def test_what_can_no_longer_be_put_right_is_a_warning(
    run: Run, facts: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost visits of a day that is over stay lost: red while the day is recent. A wrong bucket is red at any age."""
    facts.execute("delete from event_access_logs where accessed_at::date = '2024-01-01'")
    assert run("daily_buckets_job", DAYS.first).success
    for look_back, deficit in ((SINCE_EVER, "ERROR"), ("3", "WARN")):
        monkeypatch.setenv("EVENTFLOW_CHANGES_LOOKBACK_DAYS", look_back)
        facts.execute("update stats.campaign_daily set conversions = 9 where bucket_date = '2024-01-01'")
        found = run("verify_days_job", DAYS.first).get_asset_check_evaluations()
        failed = {(e.check_name, e.severity.value) for e in found if not e.passed and e.partition}
        assert ("deficit", deficit) in failed
        assert ("raw_parity", "ERROR") in failed


@pytest.mark.parametrize("instance", ["postgres"], indirect=True)
def test_everything_of_a_day_is_one_run_that_succeeds(
    defs: dg.Definitions, instance: dg.DagsterInstance, facts: Database
) -> None:
    """What *Materialize all* asks for: verified days have nothing left to evaluate, the other steps do it."""
    graph = defs.resolve_asset_graph()
    daily = graph.get(dg.AssetKey("verified_days")).partitions_def
    everything = {key for key in graph.materializable_asset_keys if graph.get(key).partitions_def == daily}
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=everything)
    run = run_days(job, instance, DAYS.last)
    assert run.success
    assert {event.asset_key for event in run.get_asset_materialization_events()} == everything
