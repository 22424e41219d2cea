"""``eventflow doctor``, ``explain`` and ``probe`` as a person or a cron runs them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from eventflow_pipeline.domain.checks import CHECKS
from eventflow_pipeline.warehouse.answers.explain import explain
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver
from eventflow_pipeline_tests.warehouse.test_worked_example import CLIENT as EXAMPLE_CLIENT
from eventflow_pipeline_tests.warehouse.test_worked_example import L1, L2, SECOND, C, example
from eventflow_pipeline_tests.worlds.oncall_facts import CLIENT, OTHER_CAMPAIGN, clients, entries, visits

__all__ = ["example"]

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def test_doctor_names_what_is_wrong_why_and_what_to_do_most_severe_first(
    eventflow: Eventflow, database: Database
) -> None:
    clients(database)
    now = datetime.now(UTC)
    entries(database, 20, now, 30, session_id="s1")
    visits(database, 20, now, 30, OTHER_CAMPAIGN)
    detect_changes(database.pipeline, database.settings, Scope.LOOKBACK)
    done = eventflow("doctor", "--client", "acme events", "--json")
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert [f["severity"] for f in findings] == sorted((f["severity"] for f in findings), key="error warn".index)
    (deficit,) = [f for f in findings if f["name"].startswith("deficit")]
    assert deficit["cause"] == "visit_call_lost"
    assert deficit["subject"] == str(CLIENT)
    assert "Acme Events: 0 visits against 20 entries" in deficit["summary"]
    for finding in findings:
        assert finding["fix"]
        assert finding["command"]
        assert finding["runbook"] in _anchors()
    text = eventflow("doctor", EVENTFLOW_ALERTS_URLS="json://user:topsecret@127.0.0.1:9")
    assert "ERROR  client Acme Events" in text.stdout
    assert "docs/runbook.md#visits-zero-or-low" in text.stdout
    assert "topsecret" not in text.stdout + text.stderr


def test_doctor_of_an_unknown_client(eventflow: Eventflow) -> None:
    done = eventflow("doctor", "--client", "nobody")
    assert done.returncode == 2
    assert "There is no client nobody" in done.stderr


def test_probe_without_a_daemon_is_one_json_line_and_status_1(
    eventflow: Eventflow, receiver: HttpReceiver, database: Database
) -> None:
    for _ in range(2):
        done = eventflow("probe", "--alert", EVENTFLOW_ALERTS_URLS=receiver.url)
        assert done.returncode == 1
        (line,) = done.stdout.splitlines()
        found = json.loads(line)
    assert (found["event"], found["healthy"], found["database_reachable"], found["migrated"]) == (
        "probe", False, True, True,
    )  # fmt: skip
    assert set(found["daemon_heartbeat_ages"].values()) == {None}
    assert "is it running?" in found["problems"][0]
    assert len(receiver.messages) == 1, "told once"


def test_an_address_that_cannot_be_used_is_named_by_probe_and_doctor(
    eventflow: Eventflow, receiver: HttpReceiver
) -> None:
    """By its position, without what it says; who has a good one is told of it."""
    urls = {"EVENTFLOW_ALERTS_URLS": f"{receiver.url} slack:/topsecret"}
    probed, doctor, text = (
        eventflow(*command, **urls) for command in (("probe", "--alert"), ("doctor", "--json"), ("doctor",))
    )
    assert [probed.returncode, doctor.returncode, text.returncode] == [1, 1, 1]
    (problem,) = json.loads(probed.stdout)["receiver_problems"]
    assert problem.startswith("EVENTFLOW_ALERTS_URLS cannot be used: entry 2")
    assert "entry 2 is no Apprise address" in receiver.messages[0]["message"]
    (finding,) = [f for f in json.loads(doctor.stdout)["findings"] if f["name"] == "bad_receiver"]
    assert (finding["severity"], finding["summary"], finding["command"]) == ("error", problem, "eventflow alerts test")
    assert f"ERROR  {problem}\n" in text.stdout
    assert "topsecret" not in "".join(done.stdout + done.stderr for done in (probed, doctor, text))


def test_probe_of_a_database_that_is_down(eventflow: Eventflow) -> None:
    done = eventflow("probe", EVENTFLOW_DATABASE_URL="postgresql://postgres:topsecret@127.0.0.1:9/x")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["healthy"], found["database_reachable"]) == (False, False)
    assert "cannot be reached" in found["problems"][0]
    assert "topsecret" not in done.stdout + done.stderr


def test_explain_the_worked_example(example: Database) -> None:
    found = explain(example.pipeline, example.settings, "client", SECOND)
    assert found.agrees
    assert found.facts == {"hits": 4, "visits": 2, "sessionless_hits": 0, "conversions": 1}
    links = {row["link_id"]: (row["link_status"], row["visits"]) for row in found.members["link"]}
    assert (links[L1], links[L2]) == (("resolved", 1), ("resolved", 1))
    assert found.visits_counted_in_several == {"entity": 0, "link": 1, "utm": 1}
    ways = {(row["fact"], row["link"], row["utm"]): row["facts"] for row in found.attribution}
    assert ways == {
        ("visit", "link id", "the link's"): 1,
        ("visit", "cid", "the link's"): 2,
        ("visit", "link id without a link", "none"): 1,
        ("entry", "cid", "the link's"): 1,
    }
    assert found.utc_date["hits"] == 3, "row 2 is the first of March in UTC"
    assert [row["cause"] for row in found.ledger]
    campaign = explain(example.pipeline, example.settings, str(EXAMPLE_CLIENT), SECOND, C)
    assert campaign.published == campaign.facts == found.facts
    unknown = explain(example.pipeline, example.settings, "unknown", SECOND)
    assert (unknown.facts["visits"], unknown.agrees) == (1, True)
    assert [unknown.as_json()["client"]["is_unknown"], found.as_json()["client"]["is_unknown"]] == [True, False]


def test_explain_tells_the_unknown_from_what_was_typed(example: Database) -> None:
    """A5: whatever NULL is shown as, somebody can type it."""
    visits(example, 1, datetime(2026, 3, 2, 5, tzinfo=UTC), 10, C, utm_source="–")
    visits(example, 1, datetime(2026, 3, 2, 5, tzinfo=UTC), 10, C)
    found = explain(example.pipeline, example.settings, "client", SECOND)
    flags = {row["utm_source"]: row["is_unknown"] for row in found.members["utm"]}
    assert (flags["–"], flags[None], flags["kakao"]) == (False, True, False)
    assert {row["is_unknown"] for row in found.members["link"] if row["link_status"] == "unknown"} == {True}
    assert {row["is_unknown"] for row in found.members["entity"]} == {False}


def test_explain_exclusions_and_a_stale_day(example: Database) -> None:
    clone = UUID(int=0xE)
    example.insert("event_survey_campaigns", [{"id": clone, "client_id": EXAMPLE_CLIENT, "title": "clone"}])
    at = datetime(2026, 3, 2, 5, tzinfo=UTC)
    visits(example, 3, at, 10, clone)
    example.execute("insert into stats.exclusion values (:c, 'test clone', 'ops')", c=clone)
    visits(example, 2, at, 10, C)
    found = explain(example.pipeline, example.settings, "client", SECOND)
    assert not found.agrees
    assert (found.published or {})["hits"] == 4
    assert found.facts["hits"] == 6
    (excluded,) = found.excluded
    assert (excluded["entity_id"], excluded["hits"], excluded["reason"], excluded["author"]) == (
        clone, 3, "test clone", "ops",
    )  # fmt: skip


def test_what_strangers_wrote_is_shown_as_text(eventflow: Eventflow, example: Database) -> None:
    """A visitor's UTM is no markup, a tenant's name moves no cursor, and a title makes no line of its own."""
    example.execute("update event_access_logs set utm_source = '[/x]' where session_id = 's3'")
    example.execute("update clients set name = E'[bold]\\x1b]0;owned\\x07'")
    example.execute("update event_survey_campaigns set title = E'Spring\\nNothing is excluded.\\x1b[31m'")
    example.replace(SECOND)
    explained = eventflow("explain", "--client", "unknown", "--date", str(SECOND))
    assert explained.returncode == 0, explained.stderr
    assert "[/x]" in explained.stdout
    named = eventflow("explain", "--client", str(EXAMPLE_CLIENT), "--date", str(SECOND))
    assert "[bold]\ufffd]0;owned\ufffd" in named.stdout
    assert eventflow("exclude", "add", str(C), "--reason", "test \x07").returncode == 0
    listed = eventflow("exclude", "list").stdout
    assert len(listed.splitlines()) == 1
    assert "\x1b" not in listed + named.stdout


def test_explain_on_the_command_line(eventflow: Eventflow, example: Database) -> None:
    done = eventflow("explain", "--client", "client", "--date", str(SECOND))
    assert done.returncode == 0, done.stderr
    for shown in (
        "published",
        "same date in UTC",
        "By link (A1, A2)",
        "add up to more than the total (M2): link 1, utm 1",
    ):
        assert shown in done.stdout
    assert re.search(r"Computed \d{4}-\d\d-\d\d \d\d:\d\d KST, ", done.stdout), "times are local"
    assert not re.search(r"\+00|\d:\d\d\.\d", done.stdout), "all of them"
    data = json.loads(eventflow("explain", "--client", "client", "--date", str(SECOND), "--json").stdout)
    assert data["agrees"] is True
    assert data["members"]["entity"][0]["entity_id"] == str(C)
    visits(example, 2, datetime(2026, 3, 2, 5, tzinfo=UTC), 10, C)
    assert eventflow("explain", "--client", "client", "--date", str(SECOND)).returncode == 1
    refused = eventflow("explain", "--client", "client", "--date", "2026-03-02", "--campaign", "x")
    assert refused.returncode == 2
    assert "--campaign" in refused.stderr


def _anchors() -> set[str]:
    """Anchors of the runbook, as its headings make them."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_anchor_named_anywhere_is_in_the_runbook() -> None:
    package = RUNBOOK.parents[1] / "eventflow_pipeline"
    named: set[str] = set()
    for file in package.rglob("*.py"):
        source = file.read_text()
        if "Condition(" in source or "Diagnosis(" in source or "RUNBOOK" in source:
            named |= set(re.findall(r'runbook="([a-z-]+)"', source)) | set(
                re.findall(r'^RUNBOOK = "([a-z-]+)"', source, re.M)
            )
    named |= {check.runbook for check in CHECKS.values()} | {"alerts"}
    assert len(named) > 7
    assert named <= _anchors()
