"""Incidents: which message each is due, and over any course of events nothing is lost, repeated or said unasked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.incidents import (
    Incident,
    MaintenanceWindow,
    Message,
    QuietHours,
    State,
    acknowledged,
    cause_of,
    closed,
    decide,
    follow,
    message_due,
    muted,
    newest_digest,
    told_already,
    with_due,
    with_notified,
)

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
ERROR, WARN = Severity.ERROR, Severity.WARN
CLEAR = timedelta(minutes=2)
DIGEST_AT = NOW - timedelta(minutes=30)
DAYS = [date(2026, 11, day) for day in (20, 21, 22)]


def _ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def _condition(
    severity: Severity = ERROR, name: str = "stale", subject: str = "", days: Sequence[date] = (), **more: object
) -> Condition:
    made = Condition(name, subject, severity, _ago(60), "days are stale", "aggregation-late", "eventflow heal")
    return replace(made, own_days=frozenset(days), **more)  # type: ignore[arg-type]


def _incident(severity: Severity = ERROR, name: str = "stale", subject: str = "", **more: object) -> Incident:
    made = Incident(
        _condition(severity, name, subject), "s", begun_at=_ago(60), last_seen_at=NOW, key=f"{name}{subject}"
    )
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("severity", "notified", "notified_minutes", "gone_minutes", "answer", "due"),
    [
        (ERROR, None, None, None, {}, Message.BEGIN),
        (ERROR, None, None, 30, {}, Message.BEGIN),  # over before anybody knew: still due, its end follows
        (ERROR, ERROR, 10, None, {}, None),
        (ERROR, WARN, 10, None, {}, Message.WORSE),
        (WARN, ERROR, 10, None, {}, None),  # better is no message
        (ERROR, ERROR, 31, None, {}, Message.DIGEST),
        (ERROR, WARN, 31, None, {}, Message.WORSE),  # worse says more than a digest
        (ERROR, ERROR, 10, 1.9, {}, None),  # gone, but perhaps only for a moment
        (ERROR, ERROR, 10, 2, {}, Message.END),
        (ERROR, ERROR, 300, 1, {}, None),  # no digest of what is gone
        (ERROR, ERROR, 300, None, {"acknowledged_at": _ago(200)}, Message.ACKNOWLEDGED),
        (ERROR, ERROR, 200, None, {"acknowledged_at": _ago(200)}, None),
        (ERROR, WARN, 200, None, {"acknowledged_at": _ago(200)}, Message.WORSE),
        (ERROR, ERROR, 200, 5, {"acknowledged_at": _ago(200)}, Message.END),
        (ERROR, WARN, 200, None, {"muted_until": _ago(-1)}, None),
        (ERROR, ERROR, 200, 5, {"muted_until": _ago(-1)}, Message.END),
        (ERROR, ERROR, 200, None, {"muted_until": _ago(1)}, Message.STILL),
        (ERROR, ERROR, 0.5, None, {"muted_until": _ago(1)}, None),
        (ERROR, None, None, None, {"muted_until": _ago(-1)}, None),
        (ERROR, ERROR, 10, None, {"closed_at": _ago(1)}, Message.END),
        (ERROR, ERROR, 10, None, {"closed_at": _ago(1), "ended_at": _ago(0)}, None),
    ],
)
def test_message_due(
    severity: Severity,
    notified: Severity | None,
    notified_minutes: float | None,
    gone_minutes: float | None,
    answer: dict[str, object],
    due: Message | None,
) -> None:
    incident = _incident(
        severity,
        notified=notified,
        last_notified_at=None if notified_minutes is None else _ago(notified_minutes),
        gone_at=None if gone_minutes is None else _ago(gone_minutes),
        **answer,
    )
    assert message_due(incident, NOW, digest_at=DIGEST_AT, clear_after=CLEAR) is due


@pytest.mark.parametrize(
    ("name", "subject", "other", "follows"),
    [
        ("deficit", "c", ("stale", "c"), False),
        ("deficit_day", "c", ("deficit", "c"), True),
        ("deficit_day", "c", ("deficit", "d"), False),  # another client's
        ("silence", "c/visits", ("deficit", "c"), True),
        ("silence", "c/visits", ("deficit_day", "c"), True),
        ("stale", "", ("deficit", "c"), False),
        ("stale", "", ("detection_late", ""), True),
        ("detection_late", "", ("dead", "dagster"), True),
        ("underived", "", ("dead", "dagster"), True),
    ],
)
def test_what_follows_from_another_condition(name: str, subject: str, other: tuple[str, str], follows: bool) -> None:
    incident, cause = _incident(name=name, subject=subject), _incident(name=other[0], subject=other[1])
    assert (cause_of(incident, [incident, cause]) is cause) is follows
    assert cause_of(incident, [replace(cause, ended_at=NOW)]) is None
    decided = decide([], {"s": [incident.condition, cause.condition]}, NOW)
    assert {i.about for i in decided.kept if i.due} == {other} | (set() if follows else {(name, subject)})


def test_the_day_of_a_deficit_is_known_while_it_lasts() -> None:
    incident = _incident(name="deficit_day", subject="c")
    assert told_already(incident, {("deficit", "c")})
    assert not told_already(incident, {("deficit", "d")})


def test_following_what_is_polled() -> None:
    gone, kept, other = _incident(subject="gone"), _incident(WARN, subject="kept"), _incident(subject="x")
    other = replace(other, source="not polled")
    again = replace(_condition(ERROR, subject="kept"), since=_ago(5))
    found = {
        i.condition.subject: i
        for i in follow([gone, kept, other], {"s": [again, _condition(subject="n")]}, NOW).values()
    }
    assert found["gone"].gone_at == NOW
    assert found["x"] is other, "a source that could not be asked ends nothing"
    assert (found["n"].begun_at, found["n"].notified) == (NOW, None)
    assert found["kept"].condition == replace(again, since=_ago(60)), "since the earliest that was seen"
    (back,) = follow([found["gone"]], {"s": [gone.condition]}, NOW).values()
    assert (back.gone_at, back.key) == (None, gone.key), "a flicker is one incident"
    (moved,) = follow([gone], {"s": [], "t": [gone.condition]}, NOW).values()
    assert (moved.source, moved.gone_at) == ("t", None), "whoever reports it"


def test_a_new_day_is_a_new_incident_although_an_old_one_is_open() -> None:
    def held(*days: date) -> Condition:
        return _condition(
            name="heal_held", days=days, narrowed=lambda some: _condition(name="heal_held", days=sorted(some))
        )

    (first,) = decide([], {"s": [held(DAYS[0])]}, NOW).kept
    first = with_notified(first, NOW)
    both = decide([first], {"s": [held(*DAYS[:2])]}, NOW + CLEAR).kept
    assert [(i.due, sorted(i.condition.own_days)) for i in both] == [(None, [DAYS[0]]), (Message.BEGIN, [DAYS[1]])]
    assert both[0].key != both[1].key
    told = [with_notified(i, NOW) if i.due else i for i in both]
    after = decide(told, {"s": [held(DAYS[1])]}, NOW + CLEAR).kept
    assert [i.gone_at for i in after] == [NOW + CLEAR, None], "each ends by itself"


def test_another_client_is_another_incident() -> None:
    (first,) = decide([], {"s": [_condition(subject="c")]}, NOW).kept
    both = decide([with_notified(first, NOW)], {"s": [_condition(subject="c"), _condition(subject="d")]}, NOW).kept
    assert [i.due for i in both] == [None, Message.BEGIN]


def test_what_can_never_become_right_is_told_once() -> None:
    lost = _condition(name="check_failed", subject="deficit/c", days=DAYS[:1], final=True)
    (first,) = decide([], {"s": [lost]}, NOW).kept
    assert first.due is Message.BEGIN
    told = with_notified(first, NOW)
    assert told.state(NOW) is State.CLOSED
    for minutes, seen in ((1, [lost]), (2, []), (60, []), (2_000, [lost])):
        now = NOW + timedelta(minutes=minutes)
        (told,) = decide([told], {"s": seen}, now, digest_at=now, clear_after=CLEAR).kept
        assert told.due is None


def test_what_can_no_longer_become_right_is_not_told_again() -> None:
    today = with_notified(decide([], {"s": [_condition(days=DAYS[:1])]}, NOW).kept[0], NOW)
    (over,) = decide([today], {"s": [_condition(days=DAYS[:1], final=True)]}, NOW, digest_at=NOW + CLEAR).kept
    assert (over.due, over.ended_at) == (None, NOW)


def test_a_maintenance_window_holds_the_beginning_back() -> None:
    client = UUID(int=1)
    window = MaintenanceWindow("stale", client, NOW, NOW + timedelta(hours=1))
    seen = {"s": [_condition(client_id=client)]}
    (quiet,) = decide([], seen, NOW, windows=[window]).kept
    assert quiet.due is None
    assert decide([quiet], {"s": []}, NOW, windows=[window]).dropped == (replace(quiet, gone_at=NOW),)
    (due,) = decide([quiet], seen, NOW + timedelta(hours=1), windows=[window]).kept
    assert due.due is Message.BEGIN, "no beginning is lost"
    (other,) = decide([], {"s": [_condition(client_id=UUID(int=2))]}, NOW, windows=[window]).kept
    assert other.due is Message.BEGIN


def test_sightings_without_a_message_are_counted() -> None:
    quiet = with_due(_incident(notified=ERROR), None, NOW)
    assert (quiet.suppressed, quiet.due) == (1, None)
    assert with_due(replace(quiet, last_seen_at=_ago(1)), None, NOW).suppressed == 1, "not seen now"


def test_who_has_a_message_is_kept_only_while_it_is_the_same() -> None:
    first = with_due(_incident(), Message.BEGIN, _ago(5))
    partly = replace(first, delivered=frozenset({"a"}))
    assert with_due(partly, Message.BEGIN, NOW) == partly
    worse = with_due(partly, Message.WORSE, NOW)
    assert (worse.delivered, worse.undelivered_since) == (frozenset(), NOW)


@pytest.mark.parametrize(
    ("severity", "notified", "due", "audience"),
    [
        (WARN, None, Message.BEGIN, WARN),
        (ERROR, WARN, Message.WORSE, ERROR),
        (WARN, ERROR, Message.STILL, ERROR),  # who was paged hears of it until it ends
        (WARN, ERROR, Message.END, ERROR),
        (ERROR, WARN, Message.END, WARN),  # nobody hears of the end of what they never knew
    ],
)
def test_audience(severity: Severity, notified: Severity | None, due: Message, audience: Severity) -> None:
    incident = _incident(severity, notified=notified, due=due, undelivered_since=NOW, delivered=frozenset({"a"}))
    assert incident.audience is audience
    after = with_notified(incident, NOW)
    assert (after.notified, after.last_notified_at, after.due) == (audience, NOW, None)
    assert (after.delivered, after.undelivered_since) == (frozenset(), None)
    assert after.ended_at == (NOW if due is Message.END else None)


def test_the_newest_digest() -> None:
    seoul = ZoneInfo("Asia/Seoul")
    assert newest_digest(9, seoul, NOW) == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    assert newest_digest(15, seoul, NOW) == datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def answered(incident: Incident, answer: str, now: datetime) -> Incident:
    """What the commands make of it."""
    if answer == "ack":
        return acknowledged(incident, "kim", "at it", now)
    if answer == "mute":
        return muted(incident, now + timedelta(minutes=45), "kim", "known")
    return closed(incident, "kim", "done", now, false_alarm=False)


#: A course of events: what is seen at each poll (days failing of each of two clients), how bad, what people answer,
#: and whether the receiver takes messages.
_STEP = st.tuples(
    st.dictionaries(st.sampled_from("cd"), st.sets(st.sampled_from(DAYS), min_size=1)),
    st.sampled_from([WARN, ERROR]),
    st.sampled_from(["", "", "", "ack", "mute", "close"]),
    st.booleans(),
    st.sampled_from([1, 30, 5 * 60, 24 * 60]),
)
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("text", "at", "covered"),
    [
        ("22:00-07:30", "22:00", True),
        ("22:00-07:30", "07:29", True),
        ("22:00-07:30", "07:30", False),
        ("22:00-07:30", "12:00", False),
        ("12:00-13:00", "12:59", True),
        ("12:00-13:00", "13:00", False),
    ],
)
def test_quiet_hours(text: str, at: str, covered: bool) -> None:
    local = datetime.combine(DAYS[0], time.fromisoformat(at), ZoneInfo("Asia/Seoul"))
    assert QuietHours.of(text, ZoneInfo("Asia/Seoul")).covers(local.astimezone(UTC)) is covered


def test_a_warning_that_came_and_went_in_quiet_hours_is_told_afterwards() -> None:
    night, seen = QuietHours(time(4), time(6), UTC_ZONE), {"s": [_condition(WARN)]}
    (waiting,) = decide([], seen, NOW, quiet=night).kept
    (gone,) = decide([waiting], {"s": []}, NOW + CLEAR, quiet=night).kept
    assert (waiting.due, gone.due) == (None, None)
    morning = NOW + timedelta(hours=1)
    (told,) = decide([gone], {"s": []}, morning, quiet=night, clear_after=CLEAR).kept
    assert told.due is Message.BEGIN
    (over,) = decide([with_notified(told, morning)], {"s": []}, morning, quiet=night, clear_after=CLEAR).kept
    assert over.due is Message.END
    (error,) = decide([waiting], {"s": [_condition(ERROR)]}, NOW + CLEAR, quiet=night).kept
    assert error.due is Message.BEGIN, "an error waits for nothing"


def test_a_warning_that_became_due_in_quiet_hours_is_told_afterwards_whenever_it_began() -> None:
    evening = NOW - timedelta(hours=2)
    night, seen = QuietHours(time(4), time(6), UTC_ZONE), {"s": [_condition(WARN)]}
    window = MaintenanceWindow(None, None, evening, NOW)
    (held,) = decide([], seen, evening, windows=[window], quiet=night).kept
    (waiting,) = decide([held], seen, NOW, windows=[window], quiet=night).kept
    (gone,) = decide([waiting], {"s": []}, NOW + CLEAR, quiet=night).kept
    assert (held.due, waiting.due, gone.due) == (None, None, None)
    (told,) = decide([gone], {"s": []}, NOW + timedelta(hours=1), quiet=night, clear_after=CLEAR).kept
    assert told.due is Message.BEGIN
    over = decide([held], {"s": []}, NOW - CLEAR, windows=[window], quiet=night)
    assert len(over.dropped) == 1, "what the window alone has seen is not told"


def test_an_error_that_nobody_answers_is_escalated_once() -> None:
    def later(incident: Incident, minutes: int, severity: Severity = ERROR) -> Message | None:
        at = NOW + timedelta(minutes=minutes)
        return decide([incident], {"s": [_condition(severity)]}, at, escalate_after=timedelta(minutes=30)).kept[0].due

    told = with_notified(decide([], {"s": [_condition()]}, NOW).kept[0], NOW)
    assert [later(told, minutes) for minutes in (29, 30)] == [None, Message.ESCALATED]
    assert later(acknowledged(told, "kim", "at it", NOW), 30) is not Message.ESCALATED
    assert later(muted(told, NOW + timedelta(hours=1), "kim", "known"), 30) is None
    escalated = with_notified(replace(told, due=Message.ESCALATED), NOW + timedelta(minutes=30))
    assert later(escalated, 300) is None
    warning = with_notified(decide([], {"s": [_condition(WARN)]}, NOW).kept[0], NOW)
    assert [later(warning, 300, WARN), later(warning, 300)] == [None, Message.WORSE]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(_STEP, max_size=12),
    st.booleans(),
    st.sampled_from([None, QuietHours(time(4), time(6), UTC_ZONE), QuietHours(time(22), time(9, 30), UTC_ZONE)]),
    st.sampled_from([None, timedelta(minutes=45)]),
)
def test_over_any_course_of_events(
    steps: list[tuple[dict[str, set[date]], Severity, str, bool, int]],
    final: bool,
    quiet: QuietHours | None,
    escalate_after: timedelta | None,
) -> None:
    """No beginning is lost, nothing ends or is escalated twice, nothing is repeated of what is answered or final.

    In quiet hours nothing begins to be said but of errors.
    """
    now, live = NOW, list[Incident]()
    told: dict[str, list[Message]] = {}

    def poll(seen: dict[str, set[date]], severity: Severity, up: bool) -> None:
        nonlocal live
        conditions = [
            _condition(severity, "check_failed", who, sorted(days), final=final) for who, days in seen.items()
        ]
        decided = decide(
            live,
            {"s": conditions},
            now,
            quiet=quiet,
            digest_at=newest_digest(9, UTC_ZONE, now),
            clear_after=CLEAR,
            escalate_after=escalate_after,
        )
        assert all(i.notified is None and i.answered_by for i in decided.dropped), "but what somebody muted or closed"
        live = []
        for incident in decided.kept:
            state = incident.state(now)
            if state is State.ACKNOWLEDGED:
                assert incident.due in (None, Message.BEGIN, Message.WORSE, Message.ACKNOWLEDGED, Message.END)
            if state is State.MUTED:
                assert incident.due in (None, Message.END)
            if up and quiet and quiet.covers(now) and incident.due and incident.undelivered_since == now:
                assert incident.audience is ERROR
                assert incident.due is not Message.DIGEST
            if up and incident.due:
                told.setdefault(incident.key, []).append(incident.due)
                incident = with_notified(incident, now)
            if incident.ended_at is None or incident.gone_at is None or incident.condition.final:
                live.append(incident)
        covered = {(i.condition.subject, day) for i in live for day in i.condition.own_days}
        assert {(who, day) for who, days in seen.items() for day in days} <= covered, "what is wrong has its incident"

    for seen, severity, answer, up, minutes in steps:
        poll(seen, severity, up)
        if answer and live:
            live = [answered(i, answer, now) if i.ended_at is None and i.closed_at is None else i for i in live]
        now += timedelta(minutes=minutes)
    # Everything is right again, and the receiver takes messages: all that began is told to its end.
    for _ in range(10):
        poll({}, ERROR, True)
        now += timedelta(hours=2)
    assert not [i for i in live if i.ended_at is None]
    for messages in told.values():
        assert messages.count(Message.BEGIN) == 1
        assert messages[0] is Message.BEGIN
        assert messages.count(Message.END) == (1 if not final else min(1, messages.count(Message.END)))
        assert Message.END not in messages[:-1]
        assert messages.count(Message.ESCALATED) <= (escalate_after is not None)
        assert not final or messages in ([Message.BEGIN], [Message.BEGIN, Message.END])
