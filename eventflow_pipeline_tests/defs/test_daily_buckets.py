"""The daily assets as Dagster runs: single days, ranges, failures in the middle, roles."""

from collections.abc import Callable
from datetime import date, datetime

import dagster as dg
import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.defs.jobs import run_days
from eventflow_pipeline_tests.facts import visits

PLATFORM = dg.AssetKey(["stats", "platform_daily"])
CAMPAIGN = dg.AssetKey(["stats", "campaign_daily"])
SESSION_DAYS = dg.AssetKey(["stats", "session_days"])
Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def run(instance: dg.DagsterInstance, defs: dg.Definitions) -> Run:
    """Materialize an inclusive range (or one partition) as a run of the job."""
    job = defs.resolve_job_def("daily_buckets_job")

    return lambda days: run_days(job, instance, days)


def _materialized(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, dict[str, object]]:
    records = instance.fetch_materializations(key, limit=1000).records
    found: dict[str, dict[str, object]] = {}
    for record in records:
        assert record.partition_key is not None
        assert record.partition_key not in found, "one materialization a day, not two"
        assert record.asset_materialization
        found[record.partition_key] = {k: v.value for k, v in record.asset_materialization.metadata.items()}
    return found


def _visit(database: Database, at: str, session: str = "s") -> None:
    visits(database, datetime.fromisoformat(at), session_id=session)


def test_one_day(run: Run, database: Database, instance: dg.DagsterInstance) -> None:
    _visit(database, "2024-03-02 12:00+09")
    assert run(date(2024, 3, 2)).success
    assert database.summary("platform", date(2024, 3, 2))[0]["visits"] == 1
    assert _materialized(instance, CAMPAIGN)["2024-03-02"]["dagster/partition_row_count"] == 1


def test_a_range_is_one_run_with_numbers_of_each_day(
    run: Run, database: Database, instance: dg.DagsterInstance
) -> None:
    _visit(database, "2024-03-02 12:00+09")
    _visit(database, "2024-03-02 13:00+09", "t")
    _visit(database, "2024-03-04 13:00+09")
    result = run(DayRange(date(2024, 3, 1), date(2024, 3, 5)))
    assert result.success
    days = _materialized(instance, PLATFORM)
    assert {day: m["visits"] for day, m in days.items()} == {
        "2024-03-01": 0, "2024-03-02": 2, "2024-03-03": 0, "2024-03-04": 1, "2024-03-05": 0,
    }  # fmt: skip
    assert days["2024-03-02"]["unknown_link_share"] == 1.0
    assert "unknown_link_share" not in days["2024-03-01"], "no rate without a denominator"
    # The platform's totals stand at the platform's buckets alone: another grain's do not add up to them.
    computed_by = [shown.pop("engine").split()[0] for shown in _materialized(instance, SESSION_DAYS).values()]
    assert computed_by == ["Postgres"] * 5
    for key, rows in ((CAMPAIGN, [0, 1, 0, 1, 0]), (SESSION_DAYS, [0, 2, 0, 1, 0])):
        days = _materialized(instance, key)
        assert [days[day]["dagster/partition_row_count"] for day in sorted(days)] == rows
        assert not {*days["2024-03-02"]} - {"dagster/partition_row_count", "engine"}
    assert {state["run_id"] for state in database.rows("select run_id from stats.partition_state")} == {result.run_id}


def test_a_failing_day_keeps_the_finished_ones_and_is_named(
    run: Run, database: Database, instance: dg.DagsterInstance
) -> None:
    for day in range(1, 6):
        _visit(database, f"2024-03-0{day} 12:00+09")
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        "$$ begin if new.bucket_date = '2024-03-03' then raise exception 'disk on fire'; end if; return new; end $$"
    )
    database.execute(
        "create trigger refuse before insert on stats.partition_state for each row execute function public.refuse()"
    )
    result = run(DayRange(date(2024, 3, 1), date(2024, 3, 5)))
    assert not result.success
    failure = result.failure_data_for_node("replace_days")
    assert failure
    assert failure.user_failure_data
    assert "1 of 5 days failed and kept their old buckets: 2024-03-03" in (failure.user_failure_data.description or "")
    assert "disk on fire" in str(failure.user_failure_data.metadata["2024-03-03"].value)
    done = {"2024-03-01", "2024-03-02", "2024-03-04", "2024-03-05"}
    assert set(_materialized(instance, CAMPAIGN)) == done
    assert {str(r["bucket_date"]) for r in database.rows("select bucket_date from stats.partition_state")} == done
    # Only what is left needs another run.
    database.execute("drop trigger refuse on stats.partition_state")
    assert run(date(2024, 3, 3)).success
    assert len(_materialized(instance, CAMPAIGN)) == 5


def test_inside_a_run_every_connection_is_the_pipeline_role(
    run: Run, database: Database, instance: dg.DagsterInstance
) -> None:
    """A trigger notes who writes: the role must not depend on who asks."""
    database.execute("create table public.witness (who text)")
    database.execute("grant insert on public.witness to public")
    database.execute(
        "create function public.note() returns trigger language plpgsql as "
        "$$ begin insert into public.witness values (current_user); return new; end $$"
    )
    database.execute(
        "create trigger note before insert on stats.partition_state for each row execute function public.note()"
    )
    assert run(DayRange(date(2024, 3, 1), date(2024, 3, 4))).success
    database.execute("grant select on public.witness to eventflow_pipeline")
    assert database.rows("select who, count(*) from public.witness group by 1") == [
        {"who": "eventflow_pipeline", "count": 4}
    ]


def test_a_calendar_other_than_the_stored_one_is_refused(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTFLOW_TIMEZONE", "Europe/Berlin")
    result = run(date(2024, 3, 1))
    assert not result.success
    messages = " ".join(str(event.event_specific_data) for event in result.all_events if event.is_failure)
    assert "EVENTFLOW_TIMEZONE is Europe/Berlin but the buckets were built with Asia/Seoul" in messages
    assert database.rows("select from stats.partition_state") == []
