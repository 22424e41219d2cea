"""Closed months in Dagster: shown, checked, and never closed or changed by a click."""

import json
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest

from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.runs import forget_materializations
from eventflow_pipeline.warehouse.closing.closings import close, examine
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.receiver import MailReceiver

KEY = dg.AssetKey("closed_months")
_CHAIN = "select to_jsonb(c) from stats.closing c union all select to_jsonb(f) from stats.closing_figure f order by 1"


@pytest.fixture
def closed(database: Database) -> Database:
    """February 2024, closed with a reason although none of its days is computed."""
    facts.clients(database, {facts.CLIENT: (facts.CAMPAIGN,)})
    month = Month(date(2024, 2, 1))
    found = examine(database.pipeline, database.settings, month)
    close(database.pipeline, database.settings, month, found, "ann", "nothing was sold")
    return database


def _run(defs: dg.Definitions, instance: dg.DagsterInstance, month: str) -> dg.AssetCheckEvaluation:
    """Materialize a month; how the check of the chain came out."""
    job = defs.resolve_job_def("closed_months_job")
    done = job.execute_in_process(instance=instance, partition_key=month, raise_on_error=False)
    assert done.success
    (evaluated,) = done.get_asset_check_evaluations()
    return evaluated


def test_a_click_shows_how_a_month_stands_and_changes_nothing(
    closed: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    before = closed.rows(_CHAIN)
    for month in ("2024-02-01", "2024-02-01", "2024-03-01"):
        assert _run(defs, instance, month).passed
    assert closed.rows(_CHAIN) == before
    assert instance.get_materialized_partitions(KEY) == {"2024-02-01"}, "March is closed for nobody"
    forget_materializations(closings=False)
    assert instance.get_materialized_partitions(KEY) == {"2024-02-01"}, "a rebuild leaves closings and who saw them"
    (record, _) = instance.fetch_materializations(KEY, limit=5).records
    assert record.asset_materialization
    shown = {name: value.value for name, value in record.asset_materialization.metadata.items()}
    (entry,) = closed.rows("select hash from stats.closing")
    assert (shown["clients_closed"], shown["chain_entry"], shown["chain_hash"]) == (1, 1, entry["hash"])


def test_the_check_finds_what_the_owner_changed(
    closed: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert _run(defs, instance, "2024-02-01").passed
    closed.execute("update stats.closing set author = 'zoe'")
    altered = _run(defs, instance, "2024-03-01")
    assert (altered.passed, altered.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert altered.description == (f"entry 1 (2024-02, client {facts.CLIENT}) does not have the hash of what it holds")
    closed.execute("truncate stats.closing, stats.closing_figure, stats.closing_day")
    gone = _run(defs, instance, "2024-03-01")
    assert (gone.passed, gone.description) == (False, "entry 1 is gone"), "what was seen of the end is kept elsewhere"


def test_statements_are_mailed_and_who_was_not_sent_one_is_told(
    closed: Database, defs: dg.Definitions, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = defs.resolve_schedule_def("mail_statements_schedule")

    def tick() -> Any:
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime.now(UTC),
            resources={"tick_warehouse": (defs.resources or {})["tick_warehouse"]},
            repository_def=defs.get_repository_def(),
        ) as context:
            return schedule.evaluate_tick(context)

    def run() -> dg.ExecuteInProcessResult:
        job = defs.resolve_job_def("mail_statements_job")
        return job.execute_in_process(instance=instance, raise_on_error=False)

    assert tick().skip_message == "EVENTFLOW_MAIL_SERVER is unset: nothing is mailed"
    server = MailReceiver()
    monkeypatch.setenv("EVENTFLOW_MAIL_SERVER", f"smtp://127.0.0.1:{server.port}")
    monkeypatch.setenv("EVENTFLOW_MAIL_SENDER", "billing@numbers.example")
    assert tick().skip_message == "no statement is due"
    monkeypatch.setenv("EVENTFLOW_MAIL_RECIPIENTS", json.dumps({str(facts.CLIENT): ["ann@customer.example"]}))
    assert len(tick().run_requests or []) == 1
    failed = run()
    assert not failed.success
    (step,) = failed.get_step_failure_events()
    why = str(step.step_failure_data.error)
    assert "2024-02 of client to recipient 1: refused: its statement cannot be written" in why
    assert "ann@" not in why
    closed.replace(date(2024, 2, 1))
    closed.execute(
        "insert into stats.partition_state "
        "(bucket_date, window_start, window_end, definition_version, grains, computed_at, facts_at, histogram_pending) "
        "select d::date, window_start, window_end, definition_version, grains, computed_at, facts_at, false "
        "from stats.partition_state s "
        "cross join generate_series('2024-02-02'::date, '2024-02-29', interval '1 day') d "
        "where s.bucket_date = '2024-02-01'"
    )
    assert run().success
    assert [mail["Subject"] for mail in server.mails] == ["Statement 2024-02: client"]
    assert instance.get_materialized_partitions(dg.AssetKey("mailed_statements")) == {"2024-02-01"}
    assert tick().skip_message == "no statement is due"
    server.down()


def test_every_night_the_month_before_and_those_that_changed(
    closed: Database, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    schedule = defs.resolve_schedule_def("closed_months_schedule")

    def asked(at: datetime) -> list[str | None]:
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=at,
            resources={"tick_warehouse": (defs.resources or {})["tick_warehouse"]},
            repository_def=defs.get_repository_def(),
        ) as context:
            return [request.partition_key for request in schedule.evaluate_tick(context).run_requests or []]

    now = datetime.now(UTC)
    assert asked(now)[0] == "2024-02-01", "it was closed just now"
    assert len(asked(now)) == 2
    closed.execute("update stats.closing set recorded_at = recorded_at - interval '3 days'")
    assert len(asked(now)) == 1
