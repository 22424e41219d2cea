"""``eventflow letters`` as an operator uses it."""

import json
import uuid
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from eventflow_pipeline.cli import app
from eventflow_pipeline_tests.databases import Database

KNOWN, CAMPAIGN = uuid.UUID(int=0xA1), uuid.UUID(int=0xC1)


@pytest.fixture(autouse=True)
def _settings(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", database.url)
    monkeypatch.setenv("EVENTFLOW_START_DATE", database.settings.start_date.isoformat())


def _letters(*arguments: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, ["letters", *arguments, "--json"])
    return done.exit_code, json.loads(done.stdout) if done.stdout else done.exception


def _registration(database: Database, campaign: uuid.UUID, phone: str) -> str:
    event = str(uuid.uuid4())
    database.execute(
        "select public.capture_entry(jsonb_build_object('event_id', cast(:e as text), 'campaign_id', cast(:c as text), "
        "'phone_norm', cast(:p as text), 'name', 'Kim Hana', 'Kim', 1))",
        e=event, c=str(campaign), p=phone,
    )  # fmt: skip
    return event


def test_what_waits_is_shown_without_the_person_and_replayed(database: Database) -> None:
    campaign = uuid.uuid4()
    assert _letters("list") == (0, {"letters": [], "waiting": 0, "by_client": {}})
    first, second = (_registration(database, campaign, phone) for phone in ("01012345678", "01087654321"))
    _, listed = _letters("list", "--limit", "1")
    assert ([row["event_id"] for row in listed["letters"]], listed["by_client"]) == ([first], {"unknown": 2})
    assert listed["letters"][0]["reason"] == "23502 event_survey_entries client_id"
    _, shown = _letters("show", first)
    (letter,) = shown["letters"]
    assert letter["campaign_id"] == str(campaign)
    assert letter["fields"] == ["campaign_id", "event_id", "name", "phone_norm"]
    assert not any(personal in json.dumps([listed, shown]) for personal in ("Kim", "Hana", "5678"))
    assert _letters("replay", first) == (1, {"replayed": 0, "refused": 1, "expired": 0})
    database.execute(
        "insert into event_survey_campaigns (id, client_id, title) values (:c, gen_random_uuid(), 't')", c=campaign
    )
    assert _letters("replay", second) == (0, {"replayed": 1, "refused": 0, "expired": 0})
    assert _letters("replay", "--limit", "1") == (0, {"replayed": 1, "refused": 0, "expired": 0})
    assert "0 dead letters became facts" in CliRunner().invoke(app, ["letters", "replay"]).stdout
    assert "No dead letter waits." in CliRunner().invoke(app, ["letters", "list"]).stdout


def test_discarding_keeps_who_and_why_and_nothing_else(database: Database) -> None:
    database.insert("clients", [{"id": KNOWN, "name": "Acme"}])
    database.insert("event_survey_campaigns", [{"id": CAMPAIGN, "client_id": KNOWN, "title": "t"}])
    database.execute("alter table event_survey_entries add column country text not null default 'kr'")
    database.execute("alter table event_survey_entries alter column country drop default")
    one, two, known = (_registration(database, c, "1") for c in (uuid.uuid4(), uuid.uuid4(), CAMPAIGN))
    assert _letters("list", "--client", "Acme")[1]["by_client"] == {str(KNOWN): 1, "unknown": 2}
    assert [row["event_id"] for row in _letters("list", "--client", "acme")[1]["letters"]] == [known]
    for refused in (
        ("discard", one),
        ("discard", one, "--reason", " ", "--yes"),
        ("discard", "--reason", "junk", "--yes"),
        ("discard", one, "--client", "unknown", "--reason", "junk", "--yes"),
        ("discard", str(uuid.uuid4()), "--reason", "junk", "--yes"),
        ("discard", one, "--reason", "nobody at a terminal says yes"),
        ("show", str(uuid.uuid4())),
        ("show", "1"),
    ):
        assert _letters(*refused)[0] != 0, refused
    assert _letters("list")[1]["waiting"] == 3
    assert _letters("discard", one, "--reason", "junk", "--author", "ann", "--yes") == (0, {"discarded": 1})
    assert _letters("discard", "--client", "unknown", "--reason", "junk", "--author", "ann", "--yes")[1] == {
        "discarded": 1
    }
    kept = database.rows("select event_id::text, discarded_by, discarded_because from stats.dead_letter order by 2, 1")
    assert kept == [
        *({"event_id": event, "discarded_by": "ann", "discarded_because": "junk"} for event in sorted((one, two))),
        {"event_id": known, "discarded_by": None, "discarded_because": None},
    ]
    with psycopg.connect(database.url) as owner:
        ((payloads,),) = owner.execute("select count(payload) from stats.dead_letter").fetchall()
    assert payloads == 1
    assert _letters("replay", one) == (0, {"replayed": 0, "refused": 0, "expired": 0})
