"""The text people get: what is wrong first, then where, since when, what to do and how to answer; the link last."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from eventflow_pipeline.domain.days import DayRange, contiguous, first_of, local_time
from eventflow_pipeline.domain.foreign_text import in_message
from eventflow_pipeline.domain.incidents import Incident, Message, State
from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

_LISTED = 10
_HEAD = {
    Message.BEGIN: "",
    Message.WORSE: "now worse: ",
    Message.STILL: "still, its mute is over: ",
    Message.ACKNOWLEDGED: "acknowledged: ",
    Message.ESCALATED: "nobody has answered: ",
    Message.DIGEST: "",
    Message.END: "ended: ",
}


def title(message: Message, incidents: Sequence[Incident]) -> str:
    """One line: severity, kind of message, what and where."""
    if message is Message.DIGEST:
        open_ones = "1 incident is open" if len(incidents) == 1 else f"{len(incidents)} incidents are open"
        return f"[daily] {open_ones}"
    first = incidents[0]
    severity = "ok" if message is Message.END else first.audience.value
    head = "closed: " if message is Message.END and first.closed_at else _HEAD[message]
    more = f" (and {len(incidents) - 1} more)" if len(incidents) > 1 else ""
    return redact(f"[{severity}] {head}{_said(first.condition.summary)}{more}")


def body(
    message: Message,
    incidents: Sequence[Incident],
    settings: Settings,
    now: datetime,
    following: Sequence[Incident] = (),
    note: str = "",
) -> str:
    """The whole message; of many incidents the first ten are listed.

    ``following``: what only follows from these; ``note``: why it is this receiver that gets it.
    """
    condition = incidents[0].condition
    if message is Message.DIGEST:
        lines = [one_line(incident, settings, now) for incident in incidents[:_LISTED]]
        more = [f"... and {len(incidents) - _LISTED} more"] if len(incidents) > _LISTED else []
        return redact("\n".join([*lines, *more, "run: eventflow alerts list", f"owner: {condition.owner}"]))
    parts = [_paragraph(message, incident, settings, now) for incident in incidents[:_LISTED]]
    if len(incidents) > _LISTED:
        parts.append(f"... and {len(incidents) - _LISTED} more of {condition.name}: eventflow alerts list")
    if following:
        parts.append("\n".join(f"follows from it: {_said(f.condition.summary)}" for f in following[:_LISTED]))
    parts += [note] if note else []
    last = [f"owner: {condition.owner}", f"runbook: {settings.docs.runbook_url}#{condition.runbook}"]
    if link := link_of(incidents[0], settings):
        last.append(f"link: {link}")
    return redact("\n\n".join([*parts, "\n".join(last)]))


def one_line(incident: Incident, settings: Settings, now: datetime) -> str:
    """An incident in a list: its key, how bad it is, what has been made of it, since when, and what it is."""
    state = incident.state(now)
    known = "" if state is State.OPEN else f" {state}"
    since = local_time(incident.condition.since, settings.zone)
    return f"{incident.key}  {incident.condition.severity}{known}  since {since}  {_said(incident.condition.summary)}"


def link_of(incident: Incident, settings: Settings) -> str:
    """Where Dagster's user interface shows it; empty where that is not known."""
    page = incident.condition.page
    return f"{settings.docs.dagster_url.rstrip('/')}/{page}" if settings.docs.dagster_url and page else ""


def first_cause(error: "SerializableErrorInfo | None") -> str:
    """What went wrong in Dagster in one line, without SQL or a traceback."""
    while error and error.cause:
        error = error.cause
    return redact(error.message.strip().splitlines()[0]) if error and error.message.strip() else "no reason was given"


def in_words(ranges: Sequence[DayRange], most: int = 3) -> str:
    """Days as ranges, the first few by name, with how many they are."""
    days = sum(map(len, ranges))
    return first_of(ranges, most) + (f" ({days} days)" if days > 1 else "")


def _paragraph(message: Message, incident: Incident, settings: Settings, now: datetime) -> str:
    condition = incident.condition
    lines = [_said(condition.summary)]
    days = in_words(contiguous(condition.own_days)) if condition.own_days else str(condition.days or "")
    about = f" of {_said(condition.subject)}" if condition.subject else ""
    lines.append(f"what: {condition.name}{about}" + (f", days {days}" if days else ""))
    since = f"since: {local_time(condition.since, settings.zone)}"
    if message is Message.END:
        since += f", until: {local_time(incident.gone_at or incident.closed_at or now, settings.zone)}"
    lines.append(since)
    if condition.numbers and message is not Message.END:
        lines.append("numbers: " + ", ".join(f"{name} {_number(value)}" for name, value in condition.numbers.items()))
    if incident.suppressed:
        lines.append(f"seen since without a message: {incident.suppressed} times")
    if incident.reason and message in (Message.END, Message.ACKNOWLEDGED, Message.STILL):
        lines.append(f"{incident.answered_by} said: {_said(incident.reason)}")
    if message is Message.END:
        return "\n".join(lines)
    if condition.final:
        lines.append("It can no longer be put right, and is told once.")
    lines += [f"fix: {condition.fix}", f"run: {condition.command}"]
    if not condition.final:
        lines.append(f'answer: eventflow alerts ack {incident.key} --reason "..."')
    return "\n".join(lines)


def _said(text: str) -> str:
    """What a condition says: names of tenants stand in it. Personal data goes first, while it can be recognized."""
    return in_message(redact(text))


def _number(value: float | int | str | None) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else _said(str(value))
