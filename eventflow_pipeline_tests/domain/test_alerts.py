"""Which message an episode is due, as tables: begin, worse, reminder, end; and when another condition says it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventflow_pipeline.domain.alerts import (
    Episode,
    Message,
    follow,
    inhibited,
    message_due,
    with_due,
    with_notified,
)
from eventflow_pipeline.domain.conditions import Condition, Severity

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
ERROR, WARN = Severity.ERROR, Severity.WARN
REMINDER, CLEAR = timedelta(hours=4), timedelta(minutes=2)


def _ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def _condition(severity: Severity = ERROR, name: str = "stale", subject: str = "", minutes: float = 60) -> Condition:
    return Condition(name, subject, severity, _ago(minutes), "days are stale", "aggregation-late", "eventflow heal")


def _episode(severity: Severity = ERROR, name: str = "stale", subject: str = "", **more: object) -> Episode:
    return Episode(_condition(severity, name, subject), "s", begun_at=_ago(60), last_seen_at=NOW, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("severity", "notified", "notified_minutes", "gone_minutes", "due"),
    [
        (ERROR, None, None, None, Message.BEGIN),
        (ERROR, None, None, 30, Message.BEGIN),  # over before anybody knew: still due, its end follows
        (ERROR, ERROR, 10, None, None),
        (ERROR, WARN, 10, None, Message.WORSE),
        (WARN, ERROR, 10, None, None),  # better is no message
        (ERROR, ERROR, 239, None, None),
        (ERROR, ERROR, 240, None, Message.REMINDER),
        (ERROR, WARN, 240, None, Message.WORSE),  # worse says more than a reminder
        (ERROR, ERROR, 10, 1.9, None),  # gone, but perhaps only for a moment
        (ERROR, ERROR, 10, 2, Message.END),
        (ERROR, ERROR, 300, 1, None),  # no reminder of what is gone
    ],
)
def test_message_due(
    severity: Severity,
    notified: Severity | None,
    notified_minutes: float | None,
    gone_minutes: float | None,
    due: Message | None,
) -> None:
    episode = _episode(
        severity,
        notified=notified,
        last_notified_at=None if notified_minutes is None else _ago(notified_minutes),
        gone_at=None if gone_minutes is None else _ago(gone_minutes),
    )
    assert message_due(episode, NOW, reminder=REMINDER, clear_after=CLEAR) is due


@pytest.mark.parametrize(
    ("name", "subject", "holding", "ended_today", "silent"),
    [
        ("deficit", "c", set(), set(), False),
        ("deficit_day", "c", {("deficit", "c")}, set(), True),
        ("deficit_day", "c", {("deficit", "d")}, set(), False),  # another client's
        ("deficit_day", "c", set(), {("deficit", "c")}, True),  # the day was short while people knew
        ("silence", "c/visits", {("deficit", "c")}, set(), True),
        ("silence", "c/visits", {("deficit_day", "c")}, set(), True),
        ("silence", "c/visits", set(), {("deficit", "c")}, False),
        ("stale", "", {("deficit", "c")}, set(), False),
    ],
)
def test_one_incident_is_one_alert(
    name: str, subject: str, holding: set[tuple[str, str]], ended_today: set[tuple[str, str]], silent: bool
) -> None:
    episode = _episode(name=name, subject=subject)
    assert inhibited(episode, holding, ended_today) is silent
    known = replace(episode, notified=ERROR)
    assert not inhibited(known, holding, ended_today), "people who know of it hear its end"


def test_following_what_is_polled() -> None:
    gone, kept, other = _episode(subject="gone"), _episode(WARN, subject="kept"), _episode(subject="x")
    other = replace(other, source="not polled")
    again = _condition(ERROR, subject="kept", minutes=5)
    found = follow([gone, kept, other], {"s": [again, _condition(subject="new")]}, NOW)
    assert found["stale", "gone"].gone_at == NOW
    assert found["stale", "x"] is other, "a source that could not be asked ends nothing"
    assert found["stale", "new"] == Episode(_condition(subject="new"), "s", begun_at=NOW, last_seen_at=NOW)
    assert found["stale", "kept"].condition == replace(again, since=_ago(60)), "since the earliest that was seen"
    back = follow([found["stale", "gone"]], {"s": [gone.condition]}, NOW)["stale", "gone"]
    assert back.gone_at is None, "a flicker is one episode"
    moved = follow([gone], {"s": [], "t": [gone.condition]}, NOW)["stale", "gone"]
    assert (moved.source, moved.gone_at) == ("t", None), "whoever reports it"


def test_sightings_without_a_message_are_counted() -> None:
    quiet = with_due(_episode(notified=ERROR), None, NOW)
    assert (quiet.suppressed, quiet.due) == (1, None)
    assert with_due(replace(quiet, last_seen_at=_ago(1)), None, NOW).suppressed == 1, "not seen now"


def test_who_has_a_message_is_kept_only_while_it_is_the_same() -> None:
    first = with_due(_episode(), Message.BEGIN, _ago(5))
    partly = replace(first, delivered=frozenset({"a"}))
    assert with_due(partly, Message.BEGIN, NOW) == partly
    worse = with_due(partly, Message.WORSE, NOW)
    assert (worse.delivered, worse.undelivered_since) == (frozenset(), NOW)


@pytest.mark.parametrize(
    ("severity", "notified", "due", "audience"),
    [
        (WARN, None, Message.BEGIN, WARN),
        (ERROR, WARN, Message.WORSE, ERROR),
        (WARN, ERROR, Message.REMINDER, ERROR),  # who was paged hears of it until it ends
        (WARN, ERROR, Message.END, ERROR),
        (ERROR, WARN, Message.END, WARN),  # nobody hears of the end of what they never knew
    ],
)
def test_audience(severity: Severity, notified: Severity | None, due: Message, audience: Severity) -> None:
    episode = _episode(severity, notified=notified, due=due, undelivered_since=NOW, delivered=frozenset({"a"}))
    assert episode.audience is audience
    after = with_notified(episode, NOW)
    assert (after.notified, after.last_notified_at, after.due) == (audience, NOW, None)
    assert (after.delivered, after.undelivered_since) == (frozenset(), None)
    assert after.reminders == (due is Message.REMINDER)
    assert after.ended_at == (NOW if due is Message.END else None)
