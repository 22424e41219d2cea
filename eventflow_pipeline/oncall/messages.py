"""The text people get: what, where, since when, the numbers, the runbook's anchor and the command to run."""

from collections.abc import Sequence
from datetime import datetime

from eventflow_pipeline.domain.alerts import Episode, Message
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.foreign_text import in_message
from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.settings import Settings

_LISTED = 10
_HEAD = {
    Message.BEGIN: "",
    Message.WORSE: "now worse: ",
    Message.REMINDER: "still: ",
    Message.END: "ended: ",
}


def title(message: Message, episodes: Sequence[Episode]) -> str:
    """One line: severity, kind of message, what and where."""
    first = episodes[0]
    severity = "ok" if message is Message.END else first.audience.value
    more = f" (and {len(episodes) - 1} more)" if len(episodes) > 1 else ""
    return redact(f"[{severity}] {_HEAD[message]}{_said(first.condition.summary)}{more}")


def body(message: Message, episodes: Sequence[Episode], settings: Settings, now: datetime) -> str:
    """The whole message; of many conditions of one name the first ten are listed."""
    condition = episodes[0].condition
    parts = [_paragraph(message, episode, settings, now) for episode in episodes[:_LISTED]]
    if len(episodes) > _LISTED:
        parts.append(f"... and {len(episodes) - _LISTED} more of {condition.name}: eventflow doctor lists them all.")
    parts.append(f"runbook: {settings.docs.runbook_url}#{condition.runbook}\nowner: {condition.owner}")
    return redact("\n\n".join(parts))


def in_words(ranges: Sequence[DayRange], most: int = 3) -> str:
    """Days as ranges, the first few by name, with how many they are."""
    days = sum(map(len, ranges))
    more = f" and {len(ranges) - most} more ranges" if len(ranges) > most else ""
    return ", ".join(map(str, ranges[:most])) + more + (f" ({days} days)" if days > 1 else "")


def _paragraph(message: Message, episode: Episode, settings: Settings, now: datetime) -> str:
    condition = episode.condition
    lines = [f"what: {condition.name}: {_said(condition.summary)}"]
    where = [_said(condition.subject)] if condition.subject else []
    where += [f"days {condition.days}"] if condition.days else []
    if where:
        lines.append(f"where: {', '.join(where)}")
    lines.append(f"since: {_moment(condition.since, settings)}")
    if message is Message.END:
        gone = episode.gone_at or now
        lines.append(f"until: {_moment(gone, settings)}")
    if condition.numbers:
        lines.append("numbers: " + ", ".join(f"{name} {_number(value)}" for name, value in condition.numbers.items()))
    if episode.suppressed:
        lines.append(f"seen since without a message: {episode.suppressed} times")
    if message is not Message.END:
        lines.append(f"run: {condition.command}")
    return "\n".join(lines)


def _said(text: str) -> str:
    """What a condition says: names of tenants stand in it. Personal data goes first, while it can be recognized."""
    return in_message(redact(text))


def _number(value: float | int | str | None) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else _said(str(value))


def _moment(instant: datetime, settings: Settings) -> str:
    return f"{instant.astimezone(settings.zone):%Y-%m-%d %H:%M %Z}"
