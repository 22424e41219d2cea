"""Receivers that keep incidents of their own: PagerDuty (Events v2), Opsgenie (Alerts v2) and Alertmanager (v2).

The first two are told of each incident by one key: trigger, acknowledge, resolve; repeating and escalating is theirs.
Alertmanager is sent everything that is open in every pass, since there an alert lasts only as long as it is repeated:
longer than a daemon may be dead unnoticed, so that its death is no recovery. A heartbeat beside them always fires.
"""

import json
import urllib.request
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.incidents import Incident, Message, State
from eventflow_pipeline.oncall import messages
from eventflow_pipeline.settings import Settings

PAGERS = ("pagerduty", "opsgenie")
ALERTMANAGERS = ("alertmanager", "alertmanagers")
_SECONDS = 5
_HOSTS = {"pagerduty": "events.pagerduty.com", "opsgenie": "api.opsgenie.com"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ACTIONS = {
    Message.BEGIN: "trigger",
    Message.WORSE: "trigger",
    Message.STILL: "trigger",
    Message.ESCALATED: "trigger",
    Message.ACKNOWLEDGED: "acknowledge",
    Message.END: "resolve",
}
HEARTBEAT = "EventflowHeartbeat"


def usable(url: str) -> bool:
    """Whether an address of one of these kinds has what it needs: a key, or a host."""
    parts = urlsplit(url)
    try:
        return bool(_key(parts) if parts.scheme in PAGERS else parts.hostname) and parts.port != 0
    except ValueError:  # no port
        return False


def send_to_pager(url: str, message: Message, incident: Incident, settings: Settings, now: datetime) -> bool:
    """Tell PagerDuty or Opsgenie of one incident; True when it took it, or has nothing to hear of that message."""
    action = _ACTIONS.get(message)
    if action is None:
        return True
    parts = urlsplit(url)
    send = _pagerduty if parts.scheme == "pagerduty" else _opsgenie
    return send(parts, action, incident, settings, now)


def refresh_alertmanager(url: str, incidents: Iterable[Incident], settings: Settings, now: datetime) -> bool:
    """Send everything that is open, what ended just now as ended, and the heartbeat; True when it was taken."""
    lasts = now + timedelta(seconds=2 * settings.alerts.daemon_silent_seconds + settings.alerts.interval_seconds)
    alerts = [_alert({"alertname": HEARTBEAT, "severity": "none"}, {"summary": "People are notified."}, now, lasts, "")]
    for incident in incidents:
        condition = incident.condition
        if incident.state(now) is State.MUTED or (incident.ended_at and incident.ended_at != now):
            continue
        labels = {
            "alertname": condition.name,
            "severity": "critical" if incident.audience is Severity.ERROR else "warning",
            "incident": incident.key,
            "subject": condition.subject,
            "owner": condition.owner,
            "client_id": str(condition.client_id or ""),
        }
        annotations = {
            "summary": messages.title(Message.BEGIN, [incident]),
            "description": messages.body(Message.BEGIN, [incident], settings, now),
            "runbook_url": f"{settings.docs.runbook_url}#{condition.runbook}",
            "command": condition.command,
        }
        over = incident.ended_at is not None and not condition.final
        ends = now if over else lasts
        alerts.append(_alert(labels, annotations, incident.begun_at, ends, messages.link_of(incident, settings)))
    return _post(f"{_alertmanager(url)}/api/v2/alerts", alerts)


def silences_of(url: str) -> list[str]:
    """What is silenced in Alertmanager, for people; nothing where it does not answer."""
    try:
        with urllib.request.urlopen(f"{_alertmanager(url)}/api/v2/silences", timeout=_SECONDS) as answer:  # noqa: S310
            silences: Sequence[dict[str, Any]] = json.load(answer)
    except (OSError, ValueError, HTTPException):
        return []
    return [
        f"silenced in Alertmanager until {s['endsAt'][:16]}Z by {s['createdBy']}: {s['comment']} ("
        + ", ".join(f"{m['name']}{_operator(m)}{m['value']}" for m in s["matchers"])
        + ")"
        for s in silences
        if s["status"]["state"] == "active"
    ]


def _operator(matcher: dict[str, Any]) -> str:
    return ("=" if matcher.get("isEqual", True) else "!") + ("~" if matcher["isRegex"] else "")


def _alert(
    labels: dict[str, str], annotations: dict[str, str], starts: datetime, ends: datetime, link: str
) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": annotations,
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat(),
    }
    return alert | ({"generatorURL": link} if link else {})


def _pagerduty(parts: SplitResult, action: str, incident: Incident, settings: Settings, now: datetime) -> bool:
    event: dict[str, Any] = {
        "routing_key": _key(parts),
        "event_action": action,
        "dedup_key": f"eventflow-{incident.key}",
    }
    if action == "trigger":
        condition = incident.condition
        event["payload"] = {
            "summary": messages.title(Message.BEGIN, [incident])[:1024],
            "source": "eventflow",
            "severity": "critical" if incident.audience is Severity.ERROR else "warning",
            "timestamp": condition.since.isoformat(),
            "component": condition.subject,
            "class": condition.name,
            "group": condition.owner,
            "custom_details": {"text": messages.body(Message.BEGIN, [incident], settings, now)},
        }
        event["client"] = "EventFlow pipeline"
        if link := messages.link_of(incident, settings):
            event["client_url"] = link
        if settings.docs.runbook_url.startswith("http"):
            event["links"] = [{"href": f"{settings.docs.runbook_url}#{condition.runbook}", "text": "Runbook"}]
    return _post(f"{_base(parts)}/v2/enqueue", event)


def _opsgenie(parts: SplitResult, action: str, incident: Incident, settings: Settings, now: datetime) -> bool:
    condition, alias = incident.condition, f"eventflow-{incident.key}"
    headers = {"Authorization": f"GenieKey {_key(parts)}"}
    if action != "trigger":
        what = "close" if action == "resolve" else "acknowledge"
        answered = {"user": (incident.answered_by or "eventflow")[:100], "source": "eventflow"}
        note = {"note": incident.reason} if incident.reason else {}
        return _post(f"{_base(parts)}/v2/alerts/{quote(alias)}/{what}?identifierType=alias", answered | note, headers)
    alert = {
        "message": messages.title(Message.BEGIN, [incident])[:130],
        "alias": alias,
        "description": messages.body(Message.BEGIN, [incident], settings, now)[:15_000],
        "entity": condition.subject[:512],
        "source": "eventflow",
        "priority": "P1" if incident.audience is Severity.ERROR else "P3",
        "tags": [condition.name, condition.owner],
        "details": {"command": condition.command, "runbook": f"{settings.docs.runbook_url}#{condition.runbook}"},
    }
    return _post(f"{_base(parts)}/v2/alerts", alert, headers)


def _key(parts: SplitResult) -> str:
    """The key of a pager's address: before the @, or all there is."""
    return parts.username or parts.netloc.rpartition("@")[2]


def _base(parts: SplitResult) -> str:
    """Where a pager is: the host behind the @ (a region's, a proxy's), else the service itself."""
    host = parts.netloc.rpartition("@")[2] if parts.username else _HOSTS[parts.scheme]
    return f"{'http' if urlsplit(f'//{host}').hostname in _LOOPBACK else 'https'}://{host}"


def _alertmanager(url: str) -> str:
    parts = urlsplit(url)
    return f"{'https' if parts.scheme == 'alertmanagers' else 'http'}://{parts.netloc}{parts.path.rstrip('/')}"


def _post(url: str, body: object, headers: dict[str, str] | None = None) -> bool:
    asked = urllib.request.Request(  # noqa: S310
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}, method="POST"
    )
    try:
        with urllib.request.urlopen(asked, timeout=_SECONDS) as answer:  # noqa: S310
            return 200 <= int(answer.status) < 300
    except (OSError, HTTPException):
        return False
