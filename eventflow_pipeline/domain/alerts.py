"""Which message, if any, the episode of a condition is due: begin, worse, reminder or end.

An episode begins when a condition is seen and ends when it has been gone for a while, so that one that
flickers notifies once. What was due and could not be delivered stays due.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from eventflow_pipeline.domain.conditions import Condition, Severity

_RANK = {Severity.WARN: 0, Severity.ERROR: 1}
#: A condition whose beginning notifies nobody while another of the same subject is open: it is the same incident.
INHIBITED_BY: Mapping[str, tuple[str, ...]] = {
    "deficit_day": ("deficit",),
    "silence": ("deficit", "deficit_day"),
}
#: ... nor on the day the other one ended: people knew what the day lacks while it was being lost.
INHIBITED_THAT_DAY_BY: Mapping[str, tuple[str, ...]] = {"deficit_day": ("deficit",)}


class Message(StrEnum):
    """Kinds of message about one episode, in the order they may come."""

    BEGIN = "begin"
    WORSE = "worse"
    REMINDER = "reminder"
    END = "end"


@dataclass(frozen=True, slots=True)
class Episode:
    """A condition from when it was first seen until people knew of its end, and what they were notified of.

    Times are instants (UTC). ``notified`` is the worst severity people know of, None while nobody knows. ``suppressed``
    counts sightings that gave no message. ``delivered`` holds the receivers that already have the message ``due``.
    """

    condition: Condition
    source: str
    begun_at: datetime
    last_seen_at: datetime
    gone_at: datetime | None = None
    notified: Severity | None = None
    last_notified_at: datetime | None = None
    reminders: int = 0
    suppressed: int = 0
    due: Message | None = None
    delivered: frozenset[str] = frozenset()
    undelivered_since: datetime | None = None
    ended_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Name and subject of the condition."""
        return self.condition.name, self.condition.subject

    @property
    def audience(self) -> Severity:
        """Severity whose receivers get the next message: the worst of what holds and what they know."""
        worst = max((s for s in (self.condition.severity, self.notified) if s), key=_RANK.__getitem__)
        return self.notified if self.due is Message.END and self.notified else worst


def follow(
    open_episodes: Iterable[Episode], seen: Mapping[str, Iterable[Condition]], now: datetime
) -> dict[tuple[str, str], Episode]:
    """Open episodes after another poll: those seen are refreshed, new ones begin, the others are gone.

    ``seen``: conditions by source, of the sources that could be asked; episodes of any other source stay as they are.
    Equal (name, subject) is the same condition whoever reports it.
    """
    episodes = {episode.key: episode for episode in open_episodes}
    holding: set[tuple[str, str]] = set()
    for source, conditions in seen.items():
        for condition in conditions:
            key = (condition.name, condition.subject)
            holding.add(key)
            known = episodes.get(key)
            if known is None:
                episodes[key] = Episode(condition, source, begun_at=now, last_seen_at=now)
            else:
                earliest = min(known.condition.since, condition.since)
                episodes[key] = replace(
                    known, condition=replace(condition, since=earliest), source=source, last_seen_at=now, gone_at=None
                )
    for key, episode in episodes.items():
        if key not in holding and episode.source in seen and episode.gone_at is None:
            episodes[key] = replace(episode, gone_at=now)
    return episodes


def inhibited(episode: Episode, others: Collection[tuple[str, str]], ended_today: Collection[tuple[str, str]]) -> bool:
    """Do other conditions of the same subject, open ones or ended today, already say what this one would?

    A subject ``client/stream`` counts as its client's.
    """
    if episode.notified is not None or episode.due is not None:
        return False
    name, subject = episode.key
    subjects = {subject, subject.partition("/")[0]}
    return any((by, of) in others for by in INHIBITED_BY.get(name, ()) for of in subjects) or any(
        (by, of) in ended_today for by in INHIBITED_THAT_DAY_BY.get(name, ()) for of in subjects
    )


def message_due(episode: Episode, now: datetime, *, reminder: timedelta, clear_after: timedelta) -> Message | None:
    """The message the episode is due at ``now``, or None.

    A beginning that nobody was notified of stays due even when the condition is gone; its end follows.
    """
    if episode.notified is None or episode.last_notified_at is None:
        return Message.BEGIN
    if episode.gone_at is not None:
        return Message.END if now - episode.gone_at >= clear_after else None
    if _RANK[episode.condition.severity] > _RANK[episode.notified]:
        return Message.WORSE
    return Message.REMINDER if now - episode.last_notified_at >= reminder else None


def with_due(episode: Episode, due: Message | None, now: datetime) -> Episode:
    """The episode with ``due`` noted; receivers that have it already are kept only while it is the same message."""
    if due is None:
        quiet = episode.suppressed + (episode.last_seen_at == now)
        return replace(episode, due=None, delivered=frozenset(), undelivered_since=None, suppressed=quiet)
    if due is episode.due:
        return replace(episode, undelivered_since=episode.undelivered_since or now)
    return replace(episode, due=due, delivered=frozenset(), undelivered_since=now)


def with_notified(episode: Episode, now: datetime) -> Episode:
    """The episode after every receiver got the message that was due."""
    return replace(
        episode,
        notified=episode.audience,
        last_notified_at=now,
        reminders=episode.reminders + (episode.due is Message.REMINDER),
        ended_at=now if episode.due is Message.END else None,
        due=None,
        delivered=frozenset(),
        undelivered_since=None,
    )
