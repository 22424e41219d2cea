"""Incidents: what somebody has to be told of, from when it is first seen until people know of its end.

One incident is a condition, whom it is about, and the days that were new when it began: a further day or client is
another, although an old one is open. It is told when it begins, gets worse and ends, and to others when nobody has
answered in time; while it lasts, once a day with all that are open; and not while somebody has acknowledged or muted
it. What can never become right is told once. Warnings wait for the end of quiet hours.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID
from zoneinfo import ZoneInfo

from eventflow_pipeline.domain.conditions import Condition, Severity

_RANK = {Severity.WARN: 0, Severity.ERROR: 1}
#: Conditions that follow from another one, the nearest cause first: while that is open, it alone is told.
FOLLOWS_FROM: Mapping[str, tuple[str, ...]] = {
    "deficit_day": ("deficit",),
    "silence": ("deficit", "deficit_day"),
    "detection_late": ("dead",),
    "stale": ("detection_late", "dead"),
    "underived": ("detection_late", "dead"),
    "missing": ("detection_late", "dead"),
    "webinar_sampler_silent": ("dead",),
}
#: ... nor on the day the other one ended: people knew what the day lacks while it was being lost.
FOLLOWS_THAT_DAY_FROM: Mapping[str, tuple[str, ...]] = {"deficit_day": ("deficit",)}
#: Causes of which everything that follows does so, whatever it is about.
_OF_EVERYTHING = frozenset({"dead", "detection_late"})


class Message(StrEnum):
    """Kinds of message about one incident."""

    BEGIN = "begin"
    WORSE = "worse"
    #: It is still there when its mute is over.
    STILL = "still"
    #: For receivers that keep incidents of their own.
    ACKNOWLEDGED = "acknowledged"
    #: Nobody has answered in time: to whom it is escalated.
    ESCALATED = "escalated"
    #: With everything else that is open, once a day.
    DIGEST = "digest"
    END = "end"


class State(StrEnum):
    """What people have made of an incident."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Incident:
    """A condition from when it was first seen until people knew of its end, and what was made of it.

    Times are instants (UTC). ``notified`` is the worst severity people know of, None while nobody knows. ``suppressed``
    counts sightings that gave no message. ``delivered`` holds the receivers that already have the message ``due``.
    ``undelivered_since``: since when a message is due; without ``due`` one waits for the end of quiet hours.
    ``closed_at``: when somebody closed it; ``escalated_at``: when others were told that nobody answered;
    ``answered_by`` and ``reason``: who answered last, and why.
    """

    condition: Condition
    source: str
    begun_at: datetime
    last_seen_at: datetime
    key: str = ""
    gone_at: datetime | None = None
    notified: Severity | None = None
    last_notified_at: datetime | None = None
    suppressed: int = 0
    due: Message | None = None
    delivered: frozenset[str] = frozenset()
    undelivered_since: datetime | None = None
    acknowledged_at: datetime | None = None
    muted_until: datetime | None = None
    closed_at: datetime | None = None
    escalated_at: datetime | None = None
    answered_by: str | None = None
    reason: str | None = None
    false_alarm: bool = False
    ended_at: datetime | None = None

    @property
    def about(self) -> tuple[str, str]:
        """Name and subject of the condition."""
        return self.condition.name, self.condition.subject

    @property
    def audience(self) -> Severity:
        """Severity whose receivers get the next message: the worst of what holds and what they know."""
        worst = max((s for s in (self.condition.severity, self.notified) if s), key=_RANK.__getitem__)
        return self.notified if self.due is Message.END and self.notified else worst

    def state(self, now: datetime) -> State:
        """What people have made of it, as of ``now``."""
        if self.closed_at or self.ended_at:
            return State.CLOSED
        if self.muted_until and now < self.muted_until:
            return State.MUTED
        return State.ACKNOWLEDGED if self.acknowledged_at else State.OPEN


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Time in which a condition (None: any) of a client (None: of anybody) begins no incident that people hear of."""

    condition: str | None
    client_id: UUID | None
    from_at: datetime
    until: datetime

    def covers(self, condition: Condition, now: datetime) -> bool:
        """Whether the condition, seen ``now``, is nothing to tell before ``until``."""
        return (
            self.from_at <= now < self.until
            and self.condition in (None, condition.name)
            and self.client_id in (None, condition.client_id)
        )


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local hours, from ``first`` to before ``last`` and over midnight where that is earlier: warnings wait."""

    first: time
    last: time
    zone: ZoneInfo

    @classmethod
    def of(cls, text: str, zone: ZoneInfo) -> "QuietHours":
        """``22:00-07:30``. Raises ValueError."""
        first, _, last = text.partition("-")
        hours = cls(time.fromisoformat(first), time.fromisoformat(last), zone)
        if hours.first == hours.last:
            raise ValueError(f"{text} has no hours in it")
        return hours

    def covers(self, now: datetime) -> bool:
        """Whether a clock in the zone shows one of these hours at ``now``."""
        local = now.astimezone(self.zone).time()
        if self.first < self.last:
            return self.first <= local < self.last
        return local >= self.first or local < self.last


def begun(condition: Condition, source: str, now: datetime) -> Incident:
    """The incident that begins with ``condition``; its key stays what it is."""
    parts = (condition.name, condition.subject, min(condition.own_days, default=""), now.isoformat())
    key = sha256("\0".join(map(str, parts)).encode()).hexdigest()[:10]
    return Incident(condition, source, begun_at=now, last_seen_at=now, key=key)


def follow(live: Iterable[Incident], seen: Mapping[str, Iterable[Condition]], now: datetime) -> dict[str, Incident]:
    """Incidents by key after another poll: those seen are refreshed, new ones begin, the others are gone.

    ``live``: incidents that are not over, those that are told and still hold, and what was told for good. ``seen``:
    conditions by source, of the sources that could be asked; incidents of any other source stay as they are. Equal
    (name, subject) is the same condition whoever reports it; of one with days of its own, the days no incident has
    begin another.
    """
    incidents = {incident.key: incident for incident in live}
    known: dict[tuple[str, str], list[str]] = defaultdict(list)
    for incident in incidents.values():
        known[incident.about].append(incident.key)
    holding: set[str] = set()
    for source, conditions in seen.items():
        for condition in conditions:
            about = condition.name, condition.subject
            left = condition.own_days
            for key in known[about]:
                incident = incidents[key]
                days = incident.condition.own_days
                if incident.gone_at and incident.ended_at and not incident.condition.final:
                    continue
                if condition.own_days and not days & left:
                    continue
                holding.add(key)
                left -= days
                incidents[key] = _seen_again(incident, condition, source, now)
            if left or (not condition.own_days and not any(key in holding for key in known[about])):
                new = begun(condition.for_days(left), source, now)
                incidents[new.key] = new
                known[about].append(new.key)
                holding.add(new.key)
    for key, incident in incidents.items():
        if key not in holding and incident.source in seen and incident.gone_at is None:
            incidents[key] = replace(incident, gone_at=now)
    return incidents


def _seen_again(incident: Incident, condition: Condition, source: str, now: datetime) -> Incident:
    earliest = min(incident.condition.since, condition.since)
    if condition.own_days:
        # What is told for good stays so, though a day of it may be right for a moment.
        shown = condition.for_days(condition.own_days & incident.condition.own_days)
        kept = incident.condition.own_days if incident.condition.final else shown.own_days
        condition = replace(shown, own_days=kept)
    final = incident.ended_at is not None and incident.condition.final
    condition = replace(condition, since=earliest, final=condition.final or final)
    return replace(incident, condition=condition, source=source, last_seen_at=now, gone_at=None)


def cause_of(incident: Incident, others: Collection[Incident]) -> Incident | None:
    """The open incident that ``incident`` follows from; None when it stands for itself.

    A subject ``client/stream`` counts as its client's.
    """
    name, subject = incident.about
    subjects = {subject, subject.partition("/")[0]}
    for by in FOLLOWS_FROM.get(name, ()):
        for other in others:
            of_it = other.condition.name == by and (by in _OF_EVERYTHING or other.condition.subject in subjects)
            if of_it and other.ended_at is None and (other.gone_at is None or other.notified):
                return other
    return None


def told_already(incident: Incident, ended_today: Collection[tuple[str, str]]) -> bool:
    """Whether what ended today said already what this one would."""
    name, subject = incident.about
    return any((by, subject) in ended_today for by in FOLLOWS_THAT_DAY_FROM.get(name, ()))


def message_due(
    incident: Incident,
    now: datetime,
    *,
    digest_at: datetime | None,
    clear_after: timedelta,
    escalate_after: timedelta | None = None,
) -> Message | None:
    """The message the incident is due at ``now``, or None. ``digest_at``: when the newest daily digest was to be sent.

    A beginning that nobody was notified of stays due even when the condition is gone; its end follows.
    ``escalate_after``: how long people have to answer an error, None for ever.
    """
    if incident.notified is None or incident.last_notified_at is None:
        return None if incident.state(now) in (State.MUTED, State.CLOSED) else Message.BEGIN
    if incident.ended_at is not None:
        return None
    if incident.closed_at or (incident.gone_at and now - incident.gone_at >= clear_after):
        return Message.END
    if incident.gone_at:
        return None
    return _while_it_lasts(incident, incident.last_notified_at, now, digest_at, escalate_after)


def _while_it_lasts(
    incident: Incident, told_at: datetime, now: datetime, digest_at: datetime | None, escalate_after: timedelta | None
) -> Message | None:
    state = incident.state(now)
    worse = incident.notified and _RANK[incident.condition.severity] > _RANK[incident.notified]
    due = None
    if state is State.MUTED:
        pass
    elif worse:
        due = Message.WORSE
    elif state is State.ACKNOWLEDGED:
        due = Message.ACKNOWLEDGED if incident.acknowledged_at and told_at < incident.acknowledged_at else None
    elif incident.muted_until and told_at < incident.muted_until:
        due = Message.STILL
    elif _unanswered(incident, told_at, now, escalate_after):
        due = Message.ESCALATED
    elif digest_at and told_at < digest_at:
        due = Message.DIGEST
    return due


def _unanswered(incident: Incident, told_at: datetime, now: datetime, escalate_after: timedelta | None) -> bool:
    """Whether others are to be told of an error that nobody has answered; once."""
    if escalate_after is None or incident.escalated_at or incident.audience is not Severity.ERROR:
        return False
    return now - told_at >= escalate_after


def with_due(incident: Incident, due: Message | None, now: datetime) -> Incident:
    """The incident with ``due`` noted; receivers that have it already are kept only while it is the same message."""
    if due is None:
        quiet = incident.suppressed + (incident.last_seen_at == now)
        return replace(incident, due=None, delivered=frozenset(), undelivered_since=None, suppressed=quiet)
    if due is incident.due:
        return replace(incident, undelivered_since=incident.undelivered_since or now)
    return replace(incident, due=due, delivered=frozenset(), undelivered_since=now)


def with_notified(incident: Incident, now: datetime) -> Incident:
    """The incident after every receiver got the message that was due."""
    told = replace(
        incident,
        notified=incident.audience,
        last_notified_at=now,
        escalated_at=now if incident.due is Message.ESCALATED else incident.escalated_at,
        ended_at=now if incident.due is Message.END else incident.ended_at,
        due=None,
        delivered=frozenset(),
        undelivered_since=None,
    )
    return settled(told, now)


def settled(incident: Incident, now: datetime) -> Incident:
    """The incident, over where nothing is left to tell: closed before anybody knew, or told and never to be right."""
    over = incident.closed_at and incident.notified is None
    told = incident.condition.final and incident.notified and not incident.closed_at
    if incident.ended_at or not (over or told):
        return incident
    return replace(incident, ended_at=now, due=None, delivered=frozenset(), undelivered_since=None)


def acknowledged(incident: Incident, by: str, reason: str, now: datetime) -> Incident:
    """Somebody is at it: nothing more is said until it gets worse or ends."""
    return replace(incident, acknowledged_at=now, muted_until=None, answered_by=by, reason=reason)


def muted(incident: Incident, until: datetime, by: str, reason: str) -> Incident:
    """Nothing is said of it before ``until``, but its end."""
    return replace(incident, muted_until=until, acknowledged_at=None, answered_by=by, reason=reason)


def closed(incident: Incident, by: str, reason: str, now: datetime, *, false_alarm: bool) -> Incident:
    """It is over for people, and is told again only when it has gone and come back."""
    answered = replace(incident, closed_at=now, answered_by=by, reason=reason, false_alarm=false_alarm)
    return settled(answered, now)


def newest_digest(hour: int, zone: ZoneInfo, now: datetime) -> datetime:
    """When the newest daily digest was to be sent: the last time a clock in ``zone`` showed ``hour``."""
    local = now.astimezone(zone)
    moment = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return moment if moment <= local else moment - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Decided:
    """What one poll came to: incidents with the message each is due, and those that were over before anybody knew."""

    kept: tuple[Incident, ...]
    dropped: tuple[Incident, ...]


def decide(
    live: Iterable[Incident],
    seen: Mapping[str, Iterable[Condition]],
    now: datetime,
    *,
    ended_today: Collection[tuple[str, str]] = (),
    windows: Collection[MaintenanceWindow] = (),
    quiet: QuietHours | None = None,
    digest_at: datetime | None = None,
    clear_after: timedelta = timedelta(0),
    escalate_after: timedelta | None = None,
) -> Decided:
    """Every incident after another poll, as ``follow`` says, with the message that it is due now.

    What follows from another incident, or begins in a maintenance window, is not told as long as that lasts. In quiet
    hours warnings wait, and the digest; what began and was over meanwhile is told afterwards, both.
    """
    incidents = follow(live, seen, now).values()
    kept: list[Incident] = []
    dropped: list[Incident] = []
    for incident in incidents:
        settled_one = settled(incident, now)
        unknown = settled_one.notified is None and settled_one.due is None
        untold = unknown and bool(
            cause_of(settled_one, incidents)
            or told_already(settled_one, ended_today)
            or any(window.covers(settled_one.condition, now) for window in windows)
        )
        if unknown and settled_one.gone_at is not None and (untold or not _held_back(settled_one, now)):
            dropped.append(settled_one)
        elif untold:
            kept.append(with_due(settled_one, None, now))
        else:
            due = message_due(
                settled_one, now, digest_at=digest_at, clear_after=clear_after, escalate_after=escalate_after
            )
            waits = _waits(settled_one, due, quiet, now)
            decided = with_due(settled_one, None if waits else due, now)
            since = settled_one.undelivered_since or now
            kept.append(replace(decided, undelivered_since=since) if waits else decided)
    return Decided(tuple(kept), tuple(dropped))


def _held_back(incident: Incident, now: datetime) -> bool:
    """Whether nobody knows of it because it was due in quiet hours, whenever it began: it is still to be told."""
    warning = incident.condition.severity is Severity.WARN and incident.state(now) is State.OPEN
    return warning and incident.undelivered_since is not None


def _waits(incident: Incident, due: Message | None, quiet: QuietHours | None, now: datetime) -> bool:
    """Whether the message waits for the end of quiet hours; not one that some have already."""
    if due is None or quiet is None or incident.due is due or not quiet.covers(now):
        return False
    return due is Message.DIGEST or replace(incident, due=due).audience is Severity.WARN
