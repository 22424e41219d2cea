"""What people make of incidents: acknowledge, mute, close; and time in which nothing begins."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import local_time
from eventflow_pipeline.domain.incidents import (
    Incident,
    MaintenanceWindow,
    Message,
    State,
    acknowledged,
    begun,
    closed,
    muted,
)
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.conditions import NAMES
from eventflow_pipeline.oncall.incident_receivers import refresh_alertmanager
from eventflow_pipeline.oncall.receivers import Receiver, Sender, configured_receivers
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts import incidents as incident_store
from eventflow_pipeline.warehouse.answers.explain import find_client
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import alert_pass

_PATIENCE_SECONDS = 60
_SPAN = re.compile(r"(\d+)([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def find_incident(connection: Connection, key: str) -> Incident:
    """The incident whose key begins with ``key``. Raises UserError when there is none, or more."""
    found = incident_store.incidents_by_key(connection, key) if key else []
    if len(found) > 1:
        raise UserError(f"Several incidents begin with {key}: give more of the key.")
    if not found:
        raise UserError(f"There is no incident {key}: `eventflow alerts list` has their keys.")
    return found[0]


def acknowledge(engine: Engine, key: str, by: str, reason: str, now: datetime | None = None) -> Incident:
    """Somebody is at it: nothing more is said of the incident until it gets worse or ends."""
    return _answer(engine, key, lambda incident, at: acknowledged(incident, by, reason, at), now)


def mute(engine: Engine, key: str, until: datetime | None, by: str, reason: str) -> Incident:
    """Nothing is said of the incident before ``until``, but its end; None ends that now. Raises UserError."""

    def change(incident: Incident, now: datetime) -> Incident:
        if until is None and incident.state(now) is not State.MUTED:
            raise UserError(f"The incident {incident.key} is not muted: leave out --end.")
        return muted(incident, until or now, by, reason)

    return _answer(engine, key, change)


def close(engine: Engine, key: str, by: str, reason: str, *, false_alarm: bool) -> Incident:
    """It is over for people: their receivers are told so, and it is told again only when it has gone and come back."""
    return _answer(engine, key, lambda incident, now: closed(incident, by, reason, now, false_alarm=false_alarm))


def announce(
    engine: Engine,
    zone: ZoneInfo,
    *,
    condition: str | None,
    client: str | None,
    begins: str | None,
    until: str,
    by: str,
    reason: str,
) -> MaintenanceWindow:
    """Keep a maintenance window, in which nothing of what it covers begins for people.

    ``client``: an id or a name. ``begins``, None for now, and ``until`` are as in ``moment_of``; a span counts from the
    beginning. Raises UserError for what is not there, and for a window that would cover everything.
    """
    if condition is None and client is None:
        raise UserError("A maintenance window needs a condition or a client: it would cover everything.")
    _require_condition(condition)
    now = datetime.now(UTC)
    begin = moment_of(begins, zone, now, "--from") if begins else now
    with _between_passes(engine) as connection:
        window = MaintenanceWindow(condition, _known_client(connection, client), begin, moment_of(until, zone, begin))
        incident_store.add_maintenance_window(connection, window, reason, by)
    return window


def end_windows(
    engine: Engine, *, condition: str | None, client: str | None, by: str, reason: str
) -> list[MaintenanceWindow]:
    """End the maintenance windows of exactly this condition and client now: what they held back is told.

    Raises UserError when there is none.
    """
    _require_condition(condition)
    with _between_passes(engine) as connection:
        client_id = _known_client(connection, client)
        ended = incident_store.end_maintenance_windows(connection, condition, client_id, datetime.now(UTC), reason, by)
    if not ended:
        raise UserError("There is no such maintenance window: `eventflow alerts list` has those that are not over.")
    return ended


def _require_condition(condition: str | None) -> None:
    if condition is not None and condition not in NAMES:
        raise UserError(f"There is no condition {condition}: use one of {', '.join(sorted(NAMES))}.")


def _known_client(connection: Connection, client: str | None) -> UUID | None:
    client_id: UUID | None = find_client(connection, client)["id"] if client else None
    if client and client_id is None:
        raise UserError("A maintenance window is of a known client: mute what is open of others by its key.")
    return client_id


def send_test(settings: Settings, now: datetime) -> dict[str, bool]:
    """Send a message to each receiver; whether it was taken, by the receiver's position and kind."""
    body = f"Nothing is wrong. Sent {local_time(now, settings.zone)}."
    return {
        f"{position} {receiver.scheme}": _send_test(receiver, body, settings, now)
        for position, receiver in enumerate(configured_receivers(settings), start=1)
    }


def _send_test(receiver: Receiver, body: str, settings: Settings, now: datetime) -> bool:
    """One message; to what keeps incidents one that begins and ends."""
    summary = "eventflow alerts test"
    test = begun(
        Condition("test", "", Severity.WARN, now, summary, "alerts", "eventflow alerts test", fix=body), "", now
    )
    if receiver.is_alertmanager:
        return refresh_alertmanager(receiver.url, [replace(test, ended_at=now)], settings, now)
    if receiver.is_pager:
        sent = [Sender().send_incidents(receiver, m, [test], settings, now) for m in (Message.BEGIN, Message.END)]
        return all(sent)
    return Sender().send(receiver, f"[test] {summary}", body, Severity.WARN)


def moment_of(text: str, zone: ZoneInfo, start: datetime, option: str = "--until") -> datetime:
    """``90m``, ``4h``, ``2d`` after ``start``, or a local time such as ``2026-11-27 18:00``, which must be later.

    Raises UserError, naming the ``option``.
    """
    if (span := _SPAN.fullmatch(text)) and int(span[1]):
        return start + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError as problem:
        raise UserError(
            f"{option} {text!r} is no time: write 90m, 4h, 2d, or a local time such as 2026-11-27 18:00."
        ) from problem
    at = (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    if at <= start:
        raise UserError(f"{option} {text} is not after {local_time(start, zone)}: give a later time.")
    return at


def _answer(
    engine: Engine, key: str, change: Callable[[Incident, datetime], Incident], now: datetime | None = None
) -> Incident:
    with _between_passes(engine) as connection:
        incident, now = find_incident(connection, key), now or datetime.now(UTC)
        if incident.state(now) is State.CLOSED:
            raise UserError(f"The incident {incident.key} is over: `eventflow alerts list` has those that are not.")
        changed = change(incident, now)
        incident_store.store(connection, [changed])
        return changed


@contextmanager
def _between_passes(engine: Engine) -> Iterator[Connection]:
    """A connection while nobody is notified: a pass stores incidents as it has read them."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with connect(engine) as connection:
        while True:
            with alert_pass(connection) as acquired:
                if acquired:
                    yield connection
                    return
            if time.monotonic() > deadline:
                raise UserError("People are being notified at this moment: try again.")
            time.sleep(0.2)
