"""What people make of incidents, by the commands: seen in the list, obeyed by the next pass, told to receivers."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from pydantic import SecretStr

from eventflow_pipeline.defs.quality import _quality_result
from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, day_window, today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.alerts import notify
from eventflow_pipeline.oncall.answers import moment_of
from eventflow_pipeline.warehouse.quality.accepted_checks import accepted_checks
from eventflow_pipeline.warehouse.quality.indicators import findings, measure
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver
from eventflow_pipeline_tests.worlds.oncall_facts import CLIENT, OTHER, clients, entries, visits

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
_SEEN = [
    Condition(
        name="heal_held",
        subject=str(client),
        client_id=client,
        severity=Severity.ERROR,
        since=NOW,
        summary=f"client {name}: 1 day is held",
        runbook="heal-held",
        command="eventflow heal",
    )
    for client, name in ((CLIENT, "Acme Events"), (OTHER, "Other"))
]


def _titles(database: Database, receiver: HttpReceiver, seen: list[Condition], minutes: int) -> list[str]:
    """What the receiver got in one pass, some minutes from now; but for the daily message, which comes at its hour."""
    settings = database.settings.changed(alerts={"urls": SecretStr(receiver.url)})
    before = len(receiver.titles)
    assert notify(database.pipeline, settings, {"s": seen}, datetime.now(UTC) + timedelta(minutes=minutes))
    return [title for title in receiver.titles[before:] if not title.startswith("[daily]")]


def test_incidents_are_answered_by_command(eventflow: Eventflow, database: Database, receiver: HttpReceiver) -> None:
    clients(database)
    _titles(database, receiver, _SEEN, 0)
    listed = json.loads(eventflow("alerts", "list", "--json").stdout)["incidents"]
    acme, other = (next(i["key"] for i in listed if i["client_id"] == str(c)) for c in (CLIENT, OTHER))
    shown = eventflow("alerts", "show", acme[:4]).stdout
    assert "client Acme Events: 1 day is held" in shown
    assert "run: eventflow heal" in shown

    done = eventflow("alerts", "ack", acme, "--reason", "restoring the rows", "--author", "kim", "--json")
    assert (json.loads(done.stdout)["state"], json.loads(done.stdout)["answered_by"]) == ("acknowledged", "kim")
    assert (
        json.loads(eventflow("alerts", "mute", other, "--until", "4h", "--reason", "known", "--json").stdout)["state"]
        == "muted"
    )
    assert _titles(database, receiver, _SEEN, 60 * 3) == []
    lines = eventflow("alerts", "list", "--client", "Acme Events").stdout.splitlines()
    assert [("acknowledged" in line, "Acme Events" in line) for line in lines] == [(True, True)]
    (still,) = _titles(database, receiver, _SEEN, 60 * 5)
    assert still == "[error] still, its mute is over: client Other: 1 day is held"

    assert eventflow("alerts", "close", other, "--reason", "a test", "--false-alarm").returncode == 0
    assert _titles(database, receiver, _SEEN, 60 * 5) == ["[ok] closed: client Other: 1 day is held"]
    assert _titles(database, receiver, _SEEN, 60 * 6) == [], "it lasts, and is over for people"
    refused(eventflow("alerts", "ack", other, "--reason", "late"), "is over", "alerts list")
    refused(eventflow("alerts", "ack", "zz", "--reason", "x"), "There is no incident zz")
    refused(eventflow("alerts", "ack", acme, "--reason", " "), "--reason is empty")
    (row,) = database.rows("select reason, false_alarm from stats.incident where key = :key", key=other)
    assert (row["reason"], row["false_alarm"]) == ("a test", True)


def test_a_maintenance_window(eventflow: Eventflow, database: Database, receiver: HttpReceiver) -> None:
    clients(database)
    window = ("--client", "Acme Events", "--condition", "heal_held", "--until", "2h", "--reason", "moving house")
    assert eventflow("alerts", "mute", *window).returncode == 0
    assert "maintenance of heal_held" in eventflow("alerts", "list").stdout
    assert _titles(database, receiver, _SEEN, 1) == ["[error] client Other: 1 day is held"]
    assert _titles(database, receiver, _SEEN, 121) == ["[error] client Acme Events: 1 day is held"]
    refused(eventflow("alerts", "mute", "--until", "2h", "--reason", "x"), "either the KEY", "--condition")
    nobody = ("--client", "unknown", "--until", "2h", "--reason", "x")
    refused(eventflow("alerts", "mute", *nobody), "a known client")
    refused(eventflow("alerts", "mute", "--condition", "healheld", "--until", "2h", "--reason", "x"), "heal_held")


def test_an_announced_maintenance_window(eventflow: Eventflow, database: Database, receiver: HttpReceiver) -> None:
    """It holds nothing back before it begins; how long it is counts from then."""
    clients(database)
    acme = ("--client", "Acme Events", "--from", "60m", "--until", "1h", "--reason", "moving house")
    window = json.loads(eventflow("alerts", "mute", *acme, "--json").stdout)
    begin, until = (datetime.fromisoformat(window[at]) for at in ("from_at", "until"))
    assert (window["client_id"], until - begin) == (str(CLIENT), timedelta(hours=1))
    assert timedelta(minutes=58) < begin - datetime.now(UTC) <= timedelta(minutes=60)
    assert eventflow("alerts", "mute", "--condition", "heal_held", *acme[2:]).returncode == 0
    listed = eventflow("alerts", "list").stdout
    local = f"{begin.astimezone(database.settings.zone):%Y-%m-%d %H:%M %Z}"
    assert f"maintenance of everything of client Acme Events from {local} until" in listed
    assert len(json.loads(eventflow("alerts", "list", "--json").stdout)["maintenance_windows"]) == 2
    acmes, others = _SEEN
    assert _titles(database, receiver, [others], 50) == ["[error] client Other: 1 day is held"], "not yet"
    assert _titles(database, receiver, [acmes, others], 61) == []
    assert _titles(database, receiver, [acmes, others], 121) == ["[error] client Acme Events: 1 day is held"]
    why = ("--reason", "x")
    refused(eventflow("alerts", "mute", "abc", "--from", "1h", "--until", "2h", *why), "leave it out")
    backwards = ("--from", "2h", "--until", "2020-01-01 00:00")
    refused(eventflow("alerts", "mute", "--client", "Other", *backwards, *why), "--until", "is not after", "later")
    refused(eventflow("alerts", "mute", "--client", "Other", "--from", "soon", "--until", "2h", *why), "--from 'soon'")


def test_a_maintenance_window_is_ended_early(eventflow: Eventflow, database: Database, receiver: HttpReceiver) -> None:
    """Of exactly that condition and client, announced or begun; what it held back is told, others hold on."""
    clients(database)
    why = ("--reason", "moving house")
    acme, all_of_it = ("--client", "Acme Events"), ("--condition", "heal_held")
    assert eventflow("alerts", "mute", *acme, "--until", "4h", *why).returncode == 0
    assert eventflow("alerts", "mute", *acme, "--from", "5h", "--until", "1h", *why).returncode == 0
    assert eventflow("alerts", "mute", "--client", "Other", "--until", "4h", *why).returncode == 0
    assert _titles(database, receiver, _SEEN, 0) == []
    refused(eventflow("alerts", "mute", *all_of_it, "--end", *why), "no such maintenance window", "alerts list")
    refused(eventflow("alerts", "mute", *acme, "--end", "--until", "1h", *why), "either --until", "or --end")
    refused(eventflow("alerts", "mute", *acme, *why), "either --until", "or --end")
    refused(eventflow("alerts", "mute", *acme, "--end", "--from", "1h", *why), "leave --from out")
    done = eventflow("alerts", "mute", *acme, "--end", "--reason", "moved", "--author", "kim", "--json")
    assert [window["client_id"] for window in json.loads(done.stdout)["ended"]] == [str(CLIENT)] * 2, done.stderr
    assert len(json.loads(eventflow("alerts", "list", "--json").stdout)["maintenance_windows"]) == 1
    assert _titles(database, receiver, _SEEN, 1) == ["[error] client Acme Events: 1 day is held"]
    kept = database.rows("select ended_by, ended_reason from stats.maintenance_window where ended_at is not null")
    assert [tuple(row.values()) for row in kept] == [("kim", "moved")] * 2


def test_a_mute_is_ended_early(eventflow: Eventflow, database: Database, receiver: HttpReceiver) -> None:
    clients(database)
    _titles(database, receiver, _SEEN[:1], 0)
    (key,) = (i["key"] for i in json.loads(eventflow("alerts", "list", "--json").stdout)["incidents"])
    refused(eventflow("alerts", "mute", key, "--end", "--reason", "x"), "is not muted")
    assert eventflow("alerts", "mute", key, "--until", "4h", "--reason", "known").returncode == 0
    assert _titles(database, receiver, _SEEN[:1], 1) == []
    done = eventflow("alerts", "mute", key, "--end", "--reason", "not known after all", "--json")
    assert json.loads(done.stdout)["state"] == "open"
    (still,) = _titles(database, receiver, _SEEN[:1], 2)
    assert still == "[error] still, its mute is over: client Acme Events: 1 day is held"


def test_one_message_to_each_receiver(eventflow: Eventflow, new_receiver: Callable[[], HttpReceiver]) -> None:
    up, down = new_receiver(), new_receiver()
    down.down()
    good = eventflow("alerts", "test", EVENTFLOW_ALERTS_URLS=up.url)
    assert (good.returncode, up.titles) == (0, ["[test] eventflow alerts test"])
    bad = eventflow("alerts", "test", EVENTFLOW_ALERTS_URLS=f"{up.url} error={down.url} slack:/typo")
    assert bad.returncode == 1
    assert bad.stdout.splitlines()[:2] == ["1 json: taken", "2 json: NOT taken"]
    assert "entry 3" in bad.stdout
    refused(eventflow("settings", EVENTFLOW_ALERTS_URLS=f"{up.url} slack:/typo"), "entry 2")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW + timedelta(minutes=90)),
        ("2d", NOW + timedelta(days=2)),
        ("2026-11-24 18:00", datetime(2026, 11, 24, 9, 0, tzinfo=UTC)),
        ("2026-11-24T18:00+00:00", datetime(2026, 11, 24, 18, 0, tzinfo=UTC)),
        ("2026-11-24 13:59", None),
        ("soon", None),
        ("0h", None),
    ],
)
def test_until(text: str, moment: datetime | None) -> None:
    if moment is None:
        with pytest.raises(UserError, match="--until"):
            moment_of(text, ZoneInfo("Asia/Seoul"), NOW)
    else:
        assert moment_of(text, ZoneInfo("Asia/Seoul"), NOW) == moment


@pytest.fixture
def lossy_day(database: Database) -> date:
    """A day that is over, on which a client's entries carry no session of a visit: `linkage` fails for it alone."""
    day = today(database.settings.zone, datetime.now(UTC)) - timedelta(days=10)
    noon = day_window(day, database.settings.zone).start + timedelta(hours=12)
    clients(database)
    visits(database, 60, noon, 60)
    entries(database, 40, noon, 60, session_id="x{id}")
    database.replace(day)
    database.merge_pending()
    measure(database.pipeline, database.settings, DayRange(day, day))
    return day


def test_a_failing_check_is_accepted(eventflow: Eventflow, database: Database, lossy_day: date) -> None:
    days = ("--from", str(lossy_day))
    note = ("--reason", "the form was broken", "--author", "kim")
    done = eventflow("accept", "check", "linkage", *days, "--client", "Acme Events", *note, "--json")
    assert json.loads(done.stdout) == {"accepted": [str(lossy_day)]}, done.stderr
    span = DayRange(lossy_day, lossy_day)
    accepted = accepted_checks(database.pipeline, span)
    assert accepted == {("linkage", lossy_day, CLIENT): "accepted by kim: the form was broken"}
    found = [f for f in findings(database.pipeline, database.settings, span) if f.check == "linkage"]
    assert {f.client_id for f in found} == {CLIENT, None}
    result = _quality_result("linkage", lossy_day, found, {}, accepted, None)
    assert (result.passed, result.description) == (True, "accepted by kim: the form was broken")
    (row,) = database.rows("select * from stats.day_ledger where cause = 'accepted'")
    assert (row["client_id"], row["reason"], row["author"]) == (CLIENT, "linkage: the form was broken", "kim")
    # With other facts it is another finding.
    visits(database, 1, day_window(lossy_day, database.settings.zone).start + timedelta(hours=12), 1)
    database.replace(lossy_day)
    assert accepted_checks(database.pipeline, span) == {}
    refused(eventflow("accept", "check", "raw_parity", *days, *note), "no check of quality raw_parity")
    refused(eventflow("accept", "check", "linkage", "--from", str(lossy_day + timedelta(10)), *note), "alerts mute")


def test_a_clients_own_threshold(eventflow: Eventflow, database: Database, lossy_day: date) -> None:
    def severities() -> set[Severity]:
        found = findings(database.pipeline, database.settings, DayRange(lossy_day, lossy_day))
        return {f.severity for f in found if f.check == "linkage" and f.client_id == CLIENT}

    why = ("--client", "Acme Events", "--reason", "a form of their own", "--author", "kim")
    assert severities() == {Severity.ERROR}
    done = eventflow("thresholds", "set", "linkage", "--error", "0", *why)
    assert done.stdout == "linkage of client Acme Events: warn 0.7, error 0\n", done.stderr
    assert severities() == {Severity.WARN}
    listed = eventflow("thresholds", "list").stdout
    assert "linkage  warn 0.7, error 0  client Acme Events  kim: a form of their own" in listed
    refused(eventflow("thresholds", "set", "linkge", "--error", "0", *why), "There is no threshold linkge", "linkage")
    refused(eventflow("thresholds", "set", "linkage", "--error", "0.9", *why), "would warn at 0.7", "let it warn first")
    refused(eventflow("thresholds", "set", "deficit", "--warn", "0.05", *why), "let it warn first")
    refused(eventflow("thresholds", "set", "linkage", *why), "--warn, --error")
    assert eventflow("thresholds", "unset", "linkage", "--client", "Acme Events").returncode == 0
    assert severities() == {Severity.ERROR}
    refused(eventflow("thresholds", "unset", "linkage", "--client", "Acme Events"), "no linkage of its own")


def test_the_job_answers_from_the_launchpad(
    instance: dg.DagsterInstance, defs: dg.Definitions, database: Database
) -> None:
    clients(database)
    now = datetime.now(UTC)
    assert notify(database.pipeline, database.settings, {"s": _SEEN}, now)
    key = database.rows("select key from stats.incident where client_id = :c", c=CLIENT)[0]["key"]

    def run(**config: object) -> dg.ExecuteInProcessResult:
        job = defs.resolve_job_def("answer_incident_job")
        asked = {"ops": {"answer": {"config": {"reason": "known", "author": "kim", **config}}}}
        return job.execute_in_process(asked, instance=instance, raise_on_error=False)

    assert run(answer="mute", key=key, until="4h").success
    (row,) = database.rows("select answered_by, muted_until from stats.incident where key = :key", key=key)
    assert (row["answered_by"], row["muted_until"] > now) == ("kim", True)
    announced = run(answer="maintenance", condition="silence", client_id=str(CLIENT), from_at="1h", until="2h")
    assert announced.success
    (window,) = database.rows("select condition, client_id, from_at > now() as ahead from stats.maintenance_window")
    assert window == {"condition": "silence", "client_id": CLIENT, "ahead": True}
    assert not run(answer="maintenance", until="2h").success, "of everything"
    failed = run(answer="acknowledge", key="nobody")
    assert not failed.success
    assert "There is no incident nobody" in str(failed.get_step_failure_events()[0].event_specific_data)
    assert not run(answer="accept_check", check="raw_parity", first="2024-03-01").success
