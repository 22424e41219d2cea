"""One pass of notifying people: take what holds, decide what is due, send it, and only then mark it as sent."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

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
from eventflow_pipeline.domain.days import day_start, today
from eventflow_pipeline.logs import logger
from eventflow_pipeline.oncall import messages
from eventflow_pipeline.oncall.receivers import Receiver, Sender, configured_receivers, receivers_of
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts import episodes as alert_store
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import alert_pass

Episodes = dict[tuple[str, str], Episode]


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
    """Notify people of what began, got worse, lasts or ended, given the conditions that hold now, by source.

    Conditions of sources missing from ``seen`` (they could not be asked) are left as they are. None when another
    process is notifying at this moment. A message that could not be delivered is due again in the next pass.
    """
    now = now or datetime.now(UTC)
    receivers = configured_receivers(settings)
    with connect(engine) as connection, alert_pass(connection) as acquired:
        if not acquired:
            return None
        episodes = _decide(connection, settings, seen, now)
        return _deliver(connection, settings, episodes, receivers, now)


def notify_unreachable(
    settings: Settings, problem: str, notified_at: datetime | None, now: datetime
) -> datetime | None:
    """The database of episodes itself cannot be reached: notify without it; returns when, to be kept.

    ``notified_at``: what the last call returned, None when it could be reached then. Repeated at the reminder's
    interval.
    """
    reminder = timedelta(minutes=settings.alerts.reminder_minutes)
    if notified_at is not None and now - notified_at < reminder:
        return notified_at
    condition = Condition(
        name="database_unreachable",
        subject="",
        severity=Severity.ERROR,
        since=notified_at or now,
        summary=problem,
        runbook="job-failed",
        command="eventflow probe",
    )
    return now if _notify_directly(settings, condition, Message.BEGIN, now) else notified_at


def notify_reachable(settings: Settings, notified_at: datetime, now: datetime) -> bool:
    """The database answers again after ``notify_unreachable``; False when a receiver did not take it."""
    condition = Condition(
        name="database_unreachable",
        subject="",
        severity=Severity.ERROR,
        since=notified_at,
        summary="The database could not be reached.",
        runbook="job-failed",
        command="eventflow probe",
    )
    return _notify_directly(settings, condition, Message.END, now)


def _notify_directly(settings: Settings, condition: Condition, message: Message, now: datetime) -> bool:
    """Send to every receiver without noting it anywhere; True when all took it."""
    episode = Episode(condition, "sensor", begun_at=condition.since, last_seen_at=now, gone_at=now, due=message)
    _log(message, [episode], receivers=[])
    sender = Sender()
    wanted = receivers_of(configured_receivers(settings), condition.severity, condition.owner)
    title, body = messages.title(message, [episode]), messages.body(message, [episode], settings, now)
    shown = None if message is Message.END else condition.severity
    sent = [sender.send(receiver, title, body, shown) for receiver in wanted]
    return all(sent)


def _decide(
    connection: Connection, settings: Settings, seen: Mapping[str, Iterable[Condition]], now: datetime
) -> Episodes:
    """Open episodes with the message each is due, stored before anything is sent."""
    midnight = day_start(today(settings.zone, now), settings.zone)
    ended = alert_store.ended_since(connection, midnight)
    episodes = follow(alert_store.open_episodes(connection), seen, now)
    covering = {key for key, episode in episodes.items() if episode.gone_at is None or episode.notified}
    kept: Episodes = {}
    for key, episode in episodes.items():
        unknown = episode.notified is None and episode.due is None
        if unknown and episode.gone_at is not None:
            alert_store.delete(connection, episode)
        elif inhibited(episode, covering, ended):
            kept[key] = with_due(episode, None, now)
        else:
            due = message_due(
                episode,
                now,
                reminder=timedelta(minutes=settings.alerts.reminder_minutes),
                clear_after=timedelta(seconds=settings.alerts.clear_seconds),
            )
            kept[key] = with_due(episode, due, now)
    alert_store.store(connection, kept.values())
    return kept


def _deliver(
    connection: Connection, settings: Settings, episodes: Episodes, receivers: Sequence[Receiver], now: datetime
) -> PassReport:
    sender, sent, undelivered = Sender(), 0, 0
    for (message, _name, severity, owner), group in _groups(episodes.values()).items():
        wanted = receivers_of(receivers, severity, owner)
        shown = None if message is Message.END else severity
        if not any(episode.delivered for episode in group):
            _log(message, group, receivers=[receiver.scheme for receiver in wanted])
        for receiver in wanted:
            missing = [episode for episode in group if receiver.digest not in episode.delivered]
            if not missing:
                continue
            title, body = messages.title(message, missing), messages.body(message, missing, settings, now)
            if sender.send(receiver, title, body, shown):
                sent += 1
                group = [replace(e, delivered=e.delivered | {receiver.digest}) for e in group]  # noqa: PLW2901
                alert_store.store(connection, group)
            else:
                undelivered += 1
                logger().error(
                    "alert_not_delivered",
                    reason="the receiver did not take it; it is sent again in the next pass",
                    condition=group[0].condition.name,
                    receiver=receiver.scheme,
                    since=group[0].undelivered_since,
                )
        if all(receiver.digest in episode.delivered for receiver in wanted for episode in group):
            alert_store.store(connection, [with_notified(episode, now) for episode in group])
    return PassReport(
        open=sum(episode.gone_at is None for episode in episodes.values()),
        sent=sent,
        undelivered=undelivered,
        suppressed=sum(e.due is None and e.last_seen_at == now for e in episodes.values()),
    )


def _groups(episodes: Iterable[Episode]) -> dict[tuple[Message, str, Severity, str], list[Episode]]:
    """Episodes that go out in one message: the same kind, condition, severity and owner."""
    groups: dict[tuple[Message, str, Severity, str], list[Episode]] = defaultdict(list)
    for episode in episodes:
        if episode.due is not None:
            key = (episode.due, episode.condition.name, episode.audience, episode.condition.owner)
            groups[key].append(episode)
    return groups


def _log(message: Message, group: Sequence[Episode], receivers: Sequence[str]) -> None:
    """The line every message leaves, with receivers or without."""
    for episode in group:
        condition = episode.condition
        log = logger(
            condition=condition.name,
            subject=condition.subject,
            severity=condition.severity.value,
            reason=condition.summary,
            since=condition.since,
            partition=str(condition.days) if condition.days else None,
            numbers=dict(condition.numbers),
            suppressed=episode.suppressed,
            runbook=condition.runbook,
            command=condition.command,
            owner=condition.owner,
            receivers=list(receivers),
        )
        if message is Message.END:
            log.info("alert_ended")
        elif episode.audience is Severity.ERROR:
            log.error(f"alert_{message}")
        else:
            log.warning(f"alert_{message}")
