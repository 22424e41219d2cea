"""Telling people: once when it begins, when it gets worse, when it ends; never lost, never twice."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr, ValidationError

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.incidents import Incident
from eventflow_pipeline.oncall.alerts import PassReport, notify
from eventflow_pipeline.oncall.conditions import Source, foreign_lock, poll
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts import incidents as incident_store
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import alert_pass
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def _condition(
    subject: str = "a", severity: Severity = Severity.ERROR, name: str = "stale", **more: object
) -> Condition:
    made = Condition(
        name=name,
        subject=subject,
        severity=severity,
        since=NOW - timedelta(minutes=40),
        summary=f"{subject} is stale",
        runbook="aggregation-late",
        command="eventflow heal",
        numbers={"days": 3},
    )
    return Condition(**{**{f: getattr(made, f) for f in made.__slots__}, **more})  # type: ignore[arg-type]


@pytest.fixture
def notified(database: Database, receiver: HttpReceiver) -> Callable[..., PassReport]:
    """One pass at NOW + minutes with the conditions that hold then."""

    def run(*conditions: Condition, minutes: float = 0, urls: str | None = None, source: str = "s") -> PassReport:
        settings = database.settings.changed(alerts={"urls": SecretStr(urls or receiver.url)})
        report = notify(database.pipeline, settings, {source: conditions}, NOW + timedelta(minutes=minutes))
        assert report
        return report

    return run


def test_begin_digest_end(notified: Callable[..., PassReport], receiver: HttpReceiver, database: Database) -> None:
    """05:00 UTC is 14:00 in Seoul: the next digest comes with nine in the morning, 19 hours later."""
    for minute in (0, 1, 240, 19 * 60 - 1, 19 * 60, 19 * 60 + 1):
        notified(_condition(), minutes=minute)
    assert receiver.titles == ["[error] a is stale", "[daily] 1 incident is open"]
    assert "a is stale" in receiver.messages[1]["message"]
    notified(minutes=1_200)  # gone, but perhaps only for a moment
    assert len(receiver.messages) == 2
    assert notified(minutes=1_203).open == 0
    assert receiver.titles[2] == "[ok] ended: a is stale"
    notified(minutes=1_300)
    assert len(receiver.messages) == 3
    (row,) = database.rows("select * from stats.incident")
    assert (row["suppressed"], row["ended_at"]) == (4, NOW + timedelta(minutes=1_203))
    notified(_condition(), minutes=1_301)
    assert receiver.titles[3] == "[error] a is stale", "a new incident is told again"


def test_the_digest_is_one_message_for_who_hears_of_warnings(
    notified: Callable[..., PassReport], new_receiver: Callable[[], HttpReceiver]
) -> None:
    chat, pager = new_receiver(), new_receiver()
    urls = f"{chat.url} error={pager.url}"
    wrong = [_condition("a"), _condition("b", Severity.WARN, name="silence"), _condition("c", name="heal_held")]
    for minute in (0, 19 * 60, 20 * 60):
        notified(*wrong, minutes=minute, urls=urls)
    assert chat.titles[3:] == ["[daily] 3 incidents are open"]
    assert len(pager.titles) == 2, "it wakes nobody"


def test_a_message_says_what_since_when_numbers_what_to_do_and_how_to_answer(
    notified: Callable[..., PassReport], receiver: HttpReceiver, database: Database
) -> None:
    notified(_condition(days=DayRange(date(2026, 11, 1), date(2026, 11, 3))))
    (row,) = database.rows("select key from stats.incident")
    assert receiver.messages[0]["message"].splitlines() == [
        "a is stale",
        "what: stale of a, days 2026-11-01..2026-11-03",
        "since: 2026-11-24 13:20 KST",
        "numbers: days 3",
        "fix: See the runbook.",
        "run: eventflow heal",
        f'answer: eventflow alerts ack {row["key"]} --reason "..."',
        "",
        "owner: team:eventflow",
        "runbook: docs/runbook.md#aggregation-late",
    ]
    assert receiver.messages[0]["type"] == "failure"


def test_what_only_follows_is_told_with_its_cause(notified: Callable[..., PassReport], receiver: HttpReceiver) -> None:
    late = [_condition("", name="detection_late"), _condition("b"), _condition("c", name="underived")]
    for minute in (0, 1):
        notified(*late, minutes=minute)
    (message,) = receiver.messages
    assert "follows from it: b is stale" in message["message"]
    notified(*late[1:], minutes=2)
    notified(*late[1:], minutes=5)
    notified(*late[1:], minutes=6)
    assert receiver.titles[1:] == ["[ok] ended:  is stale", "[error] b is stale", "[error] c is stale"]


def test_warnings_wait_for_the_end_of_quiet_hours(database: Database, receiver: HttpReceiver) -> None:
    """14:00 in Seoul; the daily message of 15:00 waits as well."""
    alerts = {"urls": SecretStr(receiver.url), "quiet_hours": "13:30-15:30", "digest_hour": 15}
    settings = database.settings.changed(alerts=alerts)
    for minute, found in ((0, [_condition("a"), _condition("b", Severity.WARN)]), (70, [_condition("a")]), (91, [])):
        notify(database.pipeline, settings, {"s": found}, NOW + timedelta(minutes=minute))
        assert receiver.titles[:2] == ["[error] a is stale", "[warn] b is stale"][: 1 + (minute == 91)]
    with pytest.raises(ValidationError, match="22:00-07:30"):
        Settings(alerts={"quiet_hours": "at night"})  # type: ignore[call-arg,arg-type]


def test_flicker_is_one_incident(notified: Callable[..., PassReport], receiver: HttpReceiver) -> None:
    for minute in range(8):
        notified(*([_condition()] if minute % 2 == 0 else []), minutes=minute)
    assert receiver.titles == ["[error] a is stale"]


def test_worse_is_told_at_once_and_better_is_not(notified: Callable[..., PassReport], receiver: HttpReceiver) -> None:
    notified(_condition(severity=Severity.WARN))
    notified(_condition(), minutes=1)
    notified(_condition(severity=Severity.WARN), minutes=2)
    notified(_condition(), minutes=3)
    assert receiver.titles == ["[warn] a is stale", "[error] now worse: a is stale"]


def test_many_of_a_kind_are_one_message(notified: Callable[..., PassReport], receiver: HttpReceiver) -> None:
    notified(*(_condition(f"client {n}") for n in range(25)))
    assert receiver.titles == ["[error] client 0 is stale (and 24 more)"]
    assert "client 9" in receiver.messages[0]["message"]
    assert "15 more of stale" in receiver.messages[0]["message"]


def test_a_receiver_that_is_down_gets_everything_later(
    notified: Callable[..., PassReport], receiver: HttpReceiver, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.down()
    assert notified(_condition()).undelivered == 1
    notified(minutes=1)  # the condition is over before anybody heard of it
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"alert_begin", "alert_not_delivered"} <= {line["event"] for line in lines}
    receiver.up()
    notified(minutes=2)
    notified(minutes=5)
    assert receiver.titles == ["[error] a is stale", "[ok] ended: a is stale"]


def test_a_receiver_that_answers_with_an_error_is_tried_again(
    notified: Callable[..., PassReport], receiver: HttpReceiver
) -> None:
    receiver.status = 500
    assert notified(_condition()).undelivered == 1
    receiver.status = 200
    notified(_condition(), minutes=1)
    assert len(receiver.messages) == 1


def test_one_receiver_down_does_not_repeat_to_the_other(
    notified: Callable[..., PassReport], new_receiver: Callable[[], HttpReceiver]
) -> None:
    up, down = new_receiver(), new_receiver()
    down.down()
    urls = f"{up.url} {down.url}"
    for minute in range(3):
        notified(_condition(), minutes=minute, urls=urls)
    down.up()
    notified(_condition(), minutes=4, urls=urls)
    assert (len(up.messages), len(down.messages)) == (1, 1)


def test_a_crash_between_sending_and_marking_repeats_and_loses_nothing(
    notified: Callable[..., PassReport], receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = incident_store.store

    def die(connection: object, changed: list[Incident]) -> None:
        if receiver.messages:
            raise KeyboardInterrupt
        stored(connection, changed)  # type: ignore[arg-type]

    monkeypatch.setattr(incident_store, "store", die)
    with pytest.raises(KeyboardInterrupt):
        notified(_condition())
    monkeypatch.setattr(incident_store, "store", stored)
    notified(_condition(), minutes=1)
    notified(_condition(), minutes=2)
    assert receiver.titles == ["[error] a is stale"] * 2


def test_nobody_mutes_alerts_by_taking_locks(
    notified: Callable[..., PassReport], receiver: HttpReceiver, database: Database
) -> None:
    """Advisory locks have no rights: an analyst's login can take those of the pipeline."""
    database.execute("drop role if exists analyst")
    database.execute("create role analyst login")
    address = database.owner.url.set(drivername="postgresql", username="analyst").render_as_string(False)
    with psycopg.connect(address, autocommit=True) as stranger:
        for space in (0x0EF10001, 0x0EF10003, 0x0EF10035):
            stranger.execute("select pg_advisory_lock(%s, 0)", [space])
        notified(_condition())
        assert receiver.titles == ["[error] a is stale"]
        (told,) = foreign_lock.conditions(database.pipeline, database.settings, NOW)
        assert told.summary.startswith(f"analyst (server process {stranger.info.backend_pid}) holds locks")
        stranger.execute("select pg_advisory_unlock_all()")  # its session may outlive the block
    with connect(database.pipeline) as ours, alert_pass(ours):
        assert foreign_lock.conditions(database.pipeline, database.settings, NOW) == []
        assert notify(database.pipeline, database.settings, {}, NOW) is None, "another pass is at it"
    database.execute("drop role analyst")


def test_routes_by_severity_and_owner(
    notified: Callable[..., PassReport], new_receiver: Callable[[], HttpReceiver]
) -> None:
    everything, pager, growth, growth_pager = (new_receiver() for _ in range(4))
    urls = f"{everything.url} error={pager.url} team:growth={growth.url} team:growth+error={growth_pager.url}"
    notified(
        _condition("a"),
        _condition("b", Severity.WARN, name="source_columns"),
        _condition("c", owner="team:growth", name="silence"),
        _condition("d", Severity.WARN, owner="team:growth", name="run_failed"),
        urls=urls,
    )
    got = [{m["title"].split()[1] for m in r.messages} for r in (everything, pager, growth, growth_pager)]
    assert got == [{"a", "b"}, {"a"}, {"c", "d"}, {"c"}]


@pytest.mark.parametrize("default", ["", "default+"])
def test_what_fits_nobody_goes_to_the_default_receiver_and_says_so(
    notified: Callable[..., PassReport], new_receiver: Callable[[], HttpReceiver], default: str
) -> None:
    growth, pager = new_receiver(), new_receiver()
    growth_route, pager_route = ("team:growth", "default+error") if default else ("team:growth", "error")
    notified(_condition("a", Severity.WARN), urls=f"{growth_route}={growth.url} {pager_route}={pager.url}")
    (message,) = (pager if default else growth).messages
    assert "No receiver is named for warns of team:eventflow" in message["message"]
    assert not (growth if default else pager).messages


def test_an_address_that_cannot_be_used_leaves_the_others(
    notified: Callable[..., PassReport], receiver: HttpReceiver
) -> None:
    assert notified(_condition(), urls=f"slack:/typo {receiver.url}").sent == 1


def test_owners_of_clients_and_checks(
    database: Database, receiver: HttpReceiver, new_receiver: Callable[[], HttpReceiver]
) -> None:
    growth = new_receiver()
    client = UUID(int=7)
    settings = database.settings.changed(
        alerts={
            "urls": SecretStr(f"{receiver.url} team:growth={growth.url}"),
            "owners": {str(client): "team:growth", "linkage": "team:growth"},
        }
    )
    seen = [_condition("a", client_id=client), _condition("linkage/b", name="check_failed"), _condition("c")]
    assert notify(database.pipeline, settings, {"s": seen}, NOW)
    assert [r.titles for r in (receiver, growth)] == [
        ["[error] c is stale"], ["[error] a is stale", "[error] linkage/b is stale"],
    ]  # fmt: skip


def test_without_a_receiver_a_structured_line(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    for minute in range(3):
        notify(database.pipeline, database.settings, {"s": [_condition()]}, NOW + timedelta(minutes=minute))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["alert_begin"]
    assert {
        "condition": "stale",
        "subject": "a",
        "runbook": "aggregation-late",
        "numbers": {"days": 3},
    }.items() <= lines[0].items()


def test_a_source_that_fails_ends_nothing_and_is_told(
    notified: Callable[..., PassReport], receiver: HttpReceiver, database: Database
) -> None:
    def broken(*_: object) -> list[Condition]:
        raise RuntimeError("boom")

    notified(_condition())
    seen = poll(database.pipeline, database.settings, NOW, (Source("s", broken), Source("t", lambda *_: [])))
    settings = database.settings.changed(alerts={"urls": SecretStr(receiver.url)})
    for minute in (10, 20):
        notify(database.pipeline, settings, seen, NOW + timedelta(minutes=minute))
    assert receiver.titles == ["[error] a is stale", "[error] the condition s cannot be polled (boom)"]


def test_one_incident_is_one_alert(notified: Callable[..., PassReport], receiver: HttpReceiver) -> None:
    """A client without visits is silent too, and its day is short of visits: told once, with one end."""
    incident = [
        _condition("c", name="deficit"),
        _condition("c", name="deficit_day"),
        _condition("c/visits", name="silence"),
    ]
    notified(*incident)
    notified(*incident, minutes=1)
    notified(incident[1], minutes=2)  # visits are back; the day so far stays short of them
    notified(incident[1], minutes=5)
    notified(minutes=6)
    notified(minutes=10)
    assert receiver.titles == ["[error] c is stale", "[ok] ended: c is stale"]


def test_two_passes_at_once_tell_once(database: Database, receiver: HttpReceiver) -> None:
    import threading

    settings = database.settings.changed(alerts={"urls": SecretStr(receiver.url)})
    passes = [
        threading.Thread(target=notify, args=(database.pipeline, settings, {"s": [_condition()]})) for _ in range(4)
    ]
    for one in passes:
        one.start()
    for one in passes:
        one.join()
    assert len(receiver.messages) == 1


def test_secrets_are_never_shown(
    notified: Callable[..., PassReport], capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    notified(_condition(), urls="json://user:topsecret@127.0.0.1:9/hook")
    stored = json.dumps(database.rows("select * from stats.incident"), default=str)
    printed = capsys.readouterr()
    assert "topsecret" not in printed.out + printed.err + stored
    assert printed.err == ""
    assert "topsecret" not in repr(Settings(alerts={"urls": "json://user:topsecret@127.0.0.1:9/hook"}))  # type: ignore[call-arg,arg-type]
