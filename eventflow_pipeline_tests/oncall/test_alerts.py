"""Telling people: once when it begins, at intervals, when it gets worse, when it ends; never lost, never twice."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from pydantic import SecretStr

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.oncall import alerts
from eventflow_pipeline.oncall.alerts import PassReport, notify
from eventflow_pipeline.oncall.conditions import Source, foreign_lock, poll
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts import episodes as alert_store
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


def test_begin_reminder_end(notified: Callable[..., PassReport], receiver: HttpReceiver, database: Database) -> None:
    for minute in (0, 1, 239, 240, 241):
        notified(_condition(), minutes=minute)
    assert receiver.titles == ["[error] a is stale", "[error] still: a is stale"]
    notified(minutes=242)  # gone, but perhaps only for a moment
    assert len(receiver.messages) == 2
    assert notified(minutes=245).open == 0
    assert receiver.titles[2] == "[ok] ended: a is stale"
    notified(minutes=300)
    assert len(receiver.messages) == 3
    (row,) = database.rows("select * from stats.alert")
    assert (row["reminders"], row["suppressed"], row["ended_at"]) == (1, 3, NOW + timedelta(minutes=245))
    notified(_condition(), minutes=301)
    assert receiver.titles[3] == "[error] a is stale", "a new episode is told again"


def test_a_message_says_what_where_since_numbers_runbook_and_command(
    notified: Callable[..., PassReport], receiver: HttpReceiver
) -> None:
    notified(_condition(days=DayRange(date(2026, 11, 1), date(2026, 11, 3))))
    body = receiver.messages[0]["message"]
    for line in (
        "what: stale: a is stale",
        "where: a, days 2026-11-01..2026-11-03",
        "since: 2026-11-24 13:20 KST",
        "numbers: days 3",
        "run: eventflow heal",
        "runbook: docs/runbook.md#aggregation-late",
    ):
        assert line in body
    assert receiver.messages[0]["type"] == "failure"


def test_flicker_is_one_episode(notified: Callable[..., PassReport], receiver: HttpReceiver) -> None:
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
    stored = alert_store.store

    def die(connection: object, episodes: list[alerts.Episode]) -> None:
        if receiver.messages:
            raise KeyboardInterrupt
        stored(connection, episodes)  # type: ignore[arg-type]

    monkeypatch.setattr(alert_store, "store", die)
    with pytest.raises(KeyboardInterrupt):
        notified(_condition())
    monkeypatch.setattr(alert_store, "store", stored)
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
        _condition("b", Severity.WARN, name="detection_late"),
        _condition("c", owner="team:growth", name="silence"),
        _condition("d", Severity.WARN, owner="team:growth", name="run_failed"),
        urls=urls,
    )
    got = [{m["title"].split()[1] for m in r.messages} for r in (everything, pager, growth, growth_pager)]
    assert got == [{"a", "b"}, {"a"}, {"c", "d"}, {"c"}]


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
    assert receiver.titles == ["[error] a is stale", "[error] the condition s cannot be polled (RuntimeError)"]


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
    stored = json.dumps(database.rows("select * from stats.alert"), default=str)
    printed = capsys.readouterr()
    assert "topsecret" not in printed.out + printed.err + stored
    assert printed.err == ""
    assert "topsecret" not in repr(Settings(alerts={"urls": "json://user:topsecret@127.0.0.1:9/hook"}))  # type: ignore[call-arg,arg-type]
