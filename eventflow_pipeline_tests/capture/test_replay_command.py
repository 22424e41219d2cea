"""``eventflow replay`` as an operator uses it."""

import json
import uuid

import pytest
from typer.testing import CliRunner

from eventflow_pipeline.cli import app
from eventflow_pipeline_tests.databases import Database


def test_replay_says_what_became_of_the_letters(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", database.url)
    monkeypatch.setenv("EVENTFLOW_START_DATE", database.settings.start_date.isoformat())
    campaign = uuid.uuid4()
    event = "jsonb_build_object('campaign_id', cast(:c as text), 'phone_norm', cast(:p as text))"
    for phone in ("1", "2"):
        database.execute(f"select public.capture_entry({event})", c=str(campaign), p=phone)

    def replay(*options: str) -> tuple[int, dict[str, int]]:
        done = CliRunner().invoke(app, ["replay", "--json", *options])
        return done.exit_code, json.loads(done.stdout)

    assert replay("--limit", "1") == (1, {"replayed": 0, "refused": 1, "expired": 0})
    database.execute(
        "insert into event_survey_campaigns (id, client_id, title) values (:c, gen_random_uuid(), 't')", c=campaign
    )
    assert replay("--limit", "1") == (0, {"replayed": 1, "refused": 0, "expired": 0})
    assert replay() == (0, {"replayed": 1, "refused": 0, "expired": 0})
    assert "0 dead letters became facts" in CliRunner().invoke(app, ["replay"]).stdout
