"""One pass of notifying people: take what holds, decide what is due, send it, and only then mark it as sent."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import day_start, today
from eventflow_pipeline.domain.incidents import (
    Incident,
    Message,
    QuietHours,
    begun,
    cause_of,
    decide,
    newest_digest,
    with_notified,
)
from eventflow_pipeline.logs import logger
from eventflow_pipeline.oncall import messages
from eventflow_pipeline.oncall.away import Outage
from eventflow_pipeline.oncall.incident_receivers import refresh_alertmanager
from eventflow_pipeline.oncall.receivers import (
    Receiver,
    Sender,
    configured_receivers,
    default_receiver,
    escalation_receivers,
    receivers_of,
)
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts import incidents as incident_store
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import alert_pass

#: Our own log, where who has a message is remembered.
_LINE = "log"


@dataclass(frozen=True, slots=True)
class PassReport:
    """What one pass did: conditions open after it, messages sent and not delivered, sightings without a message."""

    open: int
    sent: int
    undelivered: int
    suppressed: int

    def __str__(self) -> str:
        return (
            f"{self.open} conditions open, {self.sent} messages sent, {self.undelivered} not delivered, "
            f"{self.suppressed} suppressed"
        )


def notify(
    engine: Engine, settings: Settings, seen: Mapping[str, Iterable[Condition]], now: datetime | None = None
) -> PassReport | None:
    """Notify people of what began, got worse or ended, and once a day of what is open, given what holds now by source.

    Conditions of sources missing from ``seen`` (they could not be asked) are left as they are. None when another
    process is notifying at this moment. A message that could not be delivered is due again in the next pass.
    """
    now = now or datetime.now(UTC)
    receivers = configured_receivers(settings)
    with connect(engine) as connection, alert_pass(connection) as acquired:
        if not acquired:
            return None
        escalating = any(receiver.escalation for receiver in receivers)
        incidents = _decide(connection, settings, seen, now, escalating=escalating)
        return _deliver(connection, settings, incidents, receivers, now)


def notify_unreachable(settings: Settings, problem: str, known: Outage | None, who: str, now: datetime) -> Outage:
    """The database of incidents itself cannot be reached, as ``who`` sees: notify without it; returns what to keep.

    ``known``: what was kept last. Each receiver is told until it takes it, and then again every
    EVENTFLOW_ALERTS_REPEAT_MINUTES, under one key.
    """
    outage = known or Outage(since=now)
    unreachable = _unreachable(problem, outage.since)
    lasting = replace(begun(unreachable, "", now), key=unreachable.name)
    _refresh(configured_receivers(settings), [lasting], settings, now)
    has_it = {receiver for receiver, at in outage.told.items() if now - at < _repeat(settings)}
    taken = _notify_directly(settings, unreachable, Message.BEGIN, now, lambda receiver: receiver not in has_it)
    return replace(outage, seen_by={**outage.seen_by, who: now}, told={**outage.told, **dict.fromkeys(taken, now)})


def notify_reachable(settings: Settings, known: Outage, who: str, now: datetime) -> Outage | None:
    """The database answers ``who`` again after ``notify_unreachable``; returns what to keep, None when all is told.

    Nothing is told while others lately saw it away: with the way to it broken for one of them, people would hear of a
    beginning and an end in turns.
    """
    seen_by = {other: at for other, at in known.seen_by.items() if other != who}
    if known.lasts(who, now, _repeat(settings)):
        return replace(known, seen_by=seen_by)
    ended = _unreachable("The database could not be reached.", known.since)
    taken = _notify_directly(settings, ended, Message.END, now, known.told.__contains__)
    usable = {receiver.digest for receiver in configured_receivers(settings)}
    left = {receiver: at for receiver, at in known.told.items() if receiver in usable - taken}
    return Outage(known.since, told=left) if left else None


def _repeat(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.alerts.repeat_minutes)


def _unreachable(problem: str, since: datetime) -> Condition:
    return Condition(
        name="database_unreachable",
        subject="",
        severity=Severity.ERROR,
        since=since,
        summary=problem,
        runbook="job-failed",
        command="eventflow probe",
        fix="Bring the database up; nothing is lost, and what is due is found afterwards.",
    )


def _notify_directly(
    settings: Settings, condition: Condition, message: Message, now: datetime, misses_it: Callable[[str], bool]
) -> set[str]:
    """Send to the receivers that miss it, by their digests, without the database; returns which took it.

    The line that every message leaves is as one of them.
    """
    incident = replace(begun(condition, "sensor", now), key=condition.name, gone_at=now, due=message)
    taken = {_LINE} if misses_it(_LINE) else set()
    if taken:
        _log(message, [incident], receivers=[])
    sender = Sender()
    receivers = configured_receivers(settings)
    wanted = receivers_of(receivers, condition.severity, condition.owner) or default_receiver(receivers)
    title, body = messages.title(message, [incident]), messages.body(message, [incident], settings, now)
    shown = None if message is Message.END else condition.severity
    for receiver in wanted:
        if receiver.is_alertmanager or not misses_it(receiver.digest):
            continue
        if (
            sender.send_incidents(receiver, message, [incident], settings, now)
            if receiver.is_pager
            else sender.send(receiver, title, body, shown)
        ):
            taken.add(receiver.digest)
    return taken


def _decide(
    connection: Connection,
    settings: Settings,
    seen: Mapping[str, Iterable[Condition]],
    now: datetime,
    *,
    escalating: bool,
) -> Sequence[Incident]:
    """Live incidents with the message each is due, stored before anything is sent."""
    midnight = day_start(today(settings.zone, now), settings.zone)
    owned = {source: [_owned(condition, settings) for condition in found] for source, found in seen.items()}
    before = {incident.key: incident for incident in incident_store.live_incidents(connection, now)}
    decided = decide(
        before.values(),
        owned,
        now,
        ended_today=incident_store.ended_since(connection, midnight),
        windows=incident_store.maintenance_windows(connection, now),
        quiet=QuietHours.of(settings.alerts.quiet_hours, settings.zone) if settings.alerts.quiet_hours else None,
        digest_at=newest_digest(settings.alerts.digest_hour, settings.zone, now),
        clear_after=timedelta(seconds=settings.alerts.clear_seconds),
        escalate_after=timedelta(minutes=settings.alerts.escalate_minutes) if escalating else None,
    )
    for incident in decided.dropped:
        incident_store.delete(connection, incident)
    incident_store.store(connection, [one for one in decided.kept if _changed(one, before.get(one.key))])
    return decided.kept


def _changed(incident: Incident, before: Incident | None) -> bool:
    """Whether it is to be stored: of what is told for good, and lasts, nothing is but that it was seen again."""
    if before is None or incident.ended_at is None:
        return True
    return replace(incident, last_seen_at=before.last_seen_at, suppressed=before.suppressed) != before


def _owned(condition: Condition, settings: Settings) -> Condition:
    """The condition with the owner that EVENTFLOW_ALERTS_OWNERS names for its client, its check or itself."""
    owners = settings.alerts.owners
    about = (str(condition.client_id), condition.subject.partition("/")[0], condition.name)
    owner = next((owners[name] for name in about if name in owners), condition.owner)
    narrowed = condition.narrowed
    again = (lambda days: _owned(narrowed(days), settings)) if narrowed else None
    return replace(condition, owner=owner, narrowed=again)


def _deliver(
    connection: Connection,
    settings: Settings,
    incidents: Sequence[Incident],
    receivers: Sequence[Receiver],
    now: datetime,
) -> PassReport:
    sender, sent, undelivered = Sender(), 0, 0
    known = {incident.key: incident for incident in incidents if cause_of(incident, incidents) is None}
    for (message, severity, owner, _), group in _groups(incidents).items():
        fitting, note = _who(receivers, message, severity, owner, group[0])
        wanted = [r for r in fitting if not r.is_alertmanager and not (r.is_pager and message is Message.DIGEST)]
        following = [
            one for one in incidents if (cause := cause_of(one, incidents)) and any(cause.key == g.key for g in group)
        ]
        shown = None if message is Message.END else severity
        if not any(incident.delivered for incident in group):
            _log(message, group, receivers=[receiver.scheme for receiver in wanted])
        for receiver in wanted:
            missing = [incident for incident in group if receiver.digest not in incident.delivered]
            if not missing:
                continue
            if receiver.is_pager:
                taken = sender.send_incidents(receiver, message, missing, settings, now)
            elif message is Message.ACKNOWLEDGED:
                taken = True  # who reads messages is not told that somebody has read them
            else:
                title = messages.title(message, missing)
                body = messages.body(message, missing, settings, now, following, note)
                taken = sender.send(receiver, title, body, shown)
            if taken:
                sent += 1
                group = [replace(i, delivered=i.delivered | {receiver.digest}) for i in group]  # noqa: PLW2901
                incident_store.store(connection, group)
            else:
                undelivered += 1
                logger().error(
                    "alert_not_delivered",
                    reason="the receiver did not take it; it is sent again in the next pass",
                    condition=group[0].condition.name,
                    receiver=receiver.scheme,
                    since=group[0].undelivered_since,
                )
        if all(receiver.digest in incident.delivered for receiver in wanted for incident in group):
            told = [with_notified(incident, now) for incident in group]
            known |= {incident.key: incident for incident in told}
            incident_store.store(connection, told)
    undelivered += _refresh(receivers, [i for i in known.values() if i.notified or i.due], settings, now)
    return PassReport(
        open=sum(i.gone_at is None and i.ended_at is None for i in incidents),
        sent=sent,
        undelivered=undelivered,
        suppressed=sum(i.due is None and i.last_seen_at == now for i in incidents),
    )


def _who(
    receivers: Sequence[Receiver], message: Message, severity: Severity, owner: str, first: Incident
) -> tuple[tuple[Receiver, ...], str]:
    """Who gets a message about a group like its ``first``, and what they are to be told of why it is they."""
    escalation = escalation_receivers(receivers, owner)
    if message is Message.ESCALATED:
        return escalation, "It was told, and nobody has acknowledged, muted or closed it."
    fitting, note = receivers_of(receivers, severity, owner), ""
    if message is Message.DIGEST:
        return fitting, note
    if not fitting and receivers and message is not Message.ACKNOWLEDGED:
        fitting = default_receiver(receivers)
        note = f"No receiver is named for {severity}s of {owner}: this is the default one."
    return (fitting + escalation if first.escalated_at else fitting), note


def _refresh(receivers: Sequence[Receiver], incidents: Iterable[Incident], settings: Settings, now: datetime) -> int:
    """Send every Alertmanager what is open and for it; how many did not take it."""
    failed = 0
    for receiver in receivers:
        fitting = [
            i for i in incidents if receiver in _who(receivers, Message.BEGIN, i.audience, i.condition.owner, i)[0]
        ]
        if receiver.is_alertmanager and not refresh_alertmanager(receiver.url, fitting, settings, now):
            failed += 1
            logger().error("alert_not_delivered", reason="Alertmanager did not take it", receiver=receiver.scheme)
    return failed


def _groups(incidents: Iterable[Incident]) -> dict[tuple[Message, Severity, str, str], list[Incident]]:
    """Incidents that go out in one message: of one kind, severity, owner and section, all escalated or none.

    The digest is one message for each owner, for who hears of warnings: it wakes nobody.
    """
    groups: dict[tuple[Message, Severity, str, str], list[Incident]] = defaultdict(list)
    for incident in incidents:
        condition = incident.condition
        if incident.due is Message.DIGEST:
            groups[incident.due, Severity.WARN, condition.owner, ""].append(incident)
        elif incident.due is not None:
            what = f"{condition.name}#{condition.runbook}{' escalated' if incident.escalated_at else ''}"
            groups[incident.due, incident.audience, condition.owner, what].append(incident)
    return groups


def _log(message: Message, group: Sequence[Incident], receivers: Sequence[str]) -> None:
    """The line every message leaves, with receivers or without."""
    for incident in group:
        condition = incident.condition
        log = logger(
            incident=incident.key,
            condition=condition.name,
            subject=condition.subject,
            severity=condition.severity.value,
            reason=condition.summary,
            since=condition.since,
            partition=str(condition.days) if condition.days else None,
            numbers=dict(condition.numbers),
            suppressed=incident.suppressed,
            runbook=condition.runbook,
            command=condition.command,
            owner=condition.owner,
            receivers=list(receivers),
        )
        if message is Message.END:
            log.info("alert_ended")
        elif incident.audience is Severity.ERROR:
            log.error(f"alert_{message}")
        else:
            log.warning(f"alert_{message}")
