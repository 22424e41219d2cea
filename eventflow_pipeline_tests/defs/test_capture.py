"""The schedule that links and replays captured facts, in Dagster itself."""

import uuid
from typing import Any

import dagster as dg
import pytest

from eventflow_pipeline.defs.capture import captured_facts_job, captured_facts_schedule
from eventflow_pipeline.defs.resources import WAREHOUSES
from eventflow_pipeline_tests.databases import Database


def _tick() -> Any:
    with dg.build_schedule_context(resources=WAREHOUSES) as context:
        return captured_facts_schedule(context)


def test_a_minute_with_work_is_a_run_that_links_and_replays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", database.url)
    monkeypatch.setenv("EVENTFLOW_START_DATE", database.settings.start_date.isoformat())
    assert isinstance(_tick(), dg.SkipReason)
    campaign, client = uuid.uuid4(), uuid.uuid4()
    event = "jsonb_build_object('campaign_id', cast(:c as text), 'session_id', 's', 'phone_norm', '1')"
    for fact in ("visit", "entry"):
        database.execute(f"select public.capture_{fact}({event})", c=str(campaign))
    waiting = database.rows("select fact, reason from stats.dead_letter")
    assert waiting == [{"fact": "entry", "reason": "23502 event_survey_entries client_id"}]
    database.execute(
        "insert into event_survey_campaigns (id, client_id, title) values (:c, :k, 't')", c=campaign, k=client
    )
    assert isinstance(_tick(), dg.SkipReason), "it was tried just now"
    database.execute("update stats.dead_letter set next_try_at = now()")
    assert isinstance(_tick(), dg.RunRequest)
    result = captured_facts_job.execute_in_process(resources={"warehouse": WAREHOUSES["warehouse"]})
    assert result.success
    assert database.rows("select count(*) from stats.visit_facts where entry_id is not null") == [{"count": 1}]
    assert isinstance(_tick(), dg.SkipReason)
