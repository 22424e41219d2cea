"""``eventflow alerts``: the incidents people are told of, and answering them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventflow_pipeline.cli.app import Author, Json, answer, app, login_name
from eventflow_pipeline.domain.days import contiguous, local_time
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from eventflow_pipeline.domain.incidents import Incident, MaintenanceWindow
    from eventflow_pipeline.settings import Settings

alerts = typer.Typer(
    help="Incidents: what somebody has been told of, by its key, and what people make of it. The sensors tell "
    "receivers of an answer within a minute.",
    no_args_is_help=True,
)
app.add_typer(alerts, name="alerts")
Key = Annotated[str, typer.Argument(metavar="KEY", help="Key of the incident, or its first characters.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the incident.")]


@alerts.command("list")
def list_incidents(
    ended: Annotated[int, typer.Option("--ended", metavar="DAYS", min=0, help="Also those that ended lately.")] = 0,
    check: Annotated[str | None, typer.Option("--check", metavar="NAME", help="Only those of this check.")] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="CLIENT", help="Only those of this client (id or name).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show open incidents, the most severe first: key, severity, what was made of it, since when, what it is.

    Under each what only follows from it, and is not told by itself.
    """
    from eventflow_pipeline.domain.incidents import cause_of
    from eventflow_pipeline.oncall.incident_receivers import silences_of
    from eventflow_pipeline.oncall.messages import one_line
    from eventflow_pipeline.oncall.receivers import configured_receivers
    from eventflow_pipeline.warehouse.alerts import incidents as incident_store
    from eventflow_pipeline.warehouse.answers.client_names import client_names
    from eventflow_pipeline.warehouse.answers.explain import find_client
    from eventflow_pipeline.warehouse.db.engine import connect

    now = datetime.now(UTC)
    with _database() as (settings, engine), connect(engine) as connection:
        since = now - timedelta(days=ended) if ended else None
        found = incident_store.incidents(connection, since)
        windows = incident_store.maintenance_windows(connection, now)
        names = client_names(engine) if windows else {}
        wanted = find_client(connection, client) if client else None
    if check:
        found = [i for i in found if i.condition.subject.partition("/")[0] == check]
    if wanted:
        found = [i for i in found if i.condition.client_id == wanted["id"]]
    causes = {i.key: cause.key for i in found if (cause := cause_of(i, found))}
    lines = []
    for incident in [i for i in found if i.key not in causes]:
        lines.append(one_line(incident, settings, now))
        lines += [
            f"  follows from it: {one_line(i, settings, now)}" for i in found if causes.get(i.key) == incident.key
        ]
    lines += [_of_window(window, names, settings, now) for window in windows]
    lines += [silence for r in configured_receivers(settings) if r.is_alertmanager for silence in silences_of(r.url)]
    data = {
        "incidents": [_data(i, now) | {"follows_from": causes.get(i.key)} for i in found],
        "maintenance_windows": [asdict(window) for window in windows],
    }
    answer(as_json, data, "\n".join(lines) or "Nothing is open.")


@alerts.command()
def show(key: Key, as_json: Json = False) -> None:
    """Show one incident whole: what it is, since when, its numbers, what to do, who was told and what they answered."""
    from eventflow_pipeline.domain.incidents import Message
    from eventflow_pipeline.oncall.answers import find_incident
    from eventflow_pipeline.oncall.messages import body
    from eventflow_pipeline.warehouse.db.engine import connect

    now = datetime.now(UTC)
    with _database() as (settings, engine), connect(engine) as connection:
        incident = find_incident(connection, key)
    head = f"{incident.key}  {incident.condition.severity}  {incident.state(now)}"
    said = [f"{incident.answered_by} said: {incident.reason}"] if incident.reason else []
    told = incident.last_notified_at
    said += [f"told: {local_time(told, settings.zone)}"] if told else ["told: nobody yet"]
    text = "\n".join([head, *said, body(Message.BEGIN, [incident], settings, now)])
    answer(as_json, _data(incident, now), text)


@alerts.command()
def ack(key: Key, reason: Reason, author: Author = None, as_json: Json = False) -> None:
    """Say that somebody is at it: nothing more is said of it until it gets worse or ends."""
    from eventflow_pipeline.oncall.answers import acknowledge

    _answer(lambda engine: acknowledge(engine, key, login_name(author), _why(reason)), as_json)


@alerts.command()
def mute(
    reason: Reason,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="90m, 4h, 2d, or a local time such as '2026-11-27 18:00'."),
    ] = None,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Key of the incident. Without: a maintenance window.")
    ] = None,
    begins: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Of a window: when it begins, written as --until, which then counts from it. Default: now.",
        ),
    ] = None,
    condition: Annotated[
        str | None,
        typer.Option("--condition", metavar="NAME", help="Of a window: only this condition, such as silence."),
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="CLIENT", help="Of a window: only this client (id or name).")
    ] = None,
    end: Annotated[
        bool,
        typer.Option(
            "--end", help="End it early, instead of --until: of a window with the same --condition, --client."
        ),
    ] = False,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Say nothing of an incident until then, but its end; or keep a maintenance window, in which none begins.

    What is still wrong when the time is over is told then. A window may be announced: `alerts mute --client NAME
    --from "2026-11-28 02:00" --until 4h` is over at 06:00, or when it is ended: `alerts mute --client NAME --end`.
    """
    from eventflow_pipeline.oncall import answers

    by, why = login_name(author), _why(reason)
    if (key is None) == (condition is None and client is None):
        raise UserError("Give either the KEY of an incident, or --condition or --client for a maintenance window.")
    if key is not None and begins is not None:
        raise UserError("--from is for a maintenance window: an incident is muted from now on, leave it out.")
    if (until is None) is not end:
        raise UserError("Give either --until, when it is to be over, or --end, to end what was muted before.")
    if end and begins is not None:
        raise UserError("--end ends a maintenance window now: leave --from out.")
    with _database() as (settings, engine):
        if key is not None:
            moment = answers.moment_of(until, settings.zone, datetime.now(UTC)) if until else None
            _print(answers.mute(engine, key, moment, by, why), settings, as_json)
            return
        if until is None:
            ended = answers.end_windows(engine, condition=condition, client=client, by=by, reason=why)
            count = "1 maintenance window is" if len(ended) == 1 else f"{len(ended)} maintenance windows are"
            answer(as_json, {"ended": [asdict(window) for window in ended]}, f"{count} over: what is wrong is told.")
            return
        window = answers.announce(
            engine, settings.zone, condition=condition, client=client, begins=begins, until=until, by=by, reason=why
        )
    span = f"from {local_time(window.from_at, settings.zone)} until {local_time(window.until, settings.zone)}"
    answer(as_json, asdict(window), f"Nothing of it begins {span}.")


@alerts.command()
def close(
    key: Key,
    reason: Reason,
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="Nothing was wrong: counted by `eventflow slo`.")
    ] = False,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Say that it is over: receivers are told its end, and it is told again only when it has gone and come back."""
    from eventflow_pipeline.oncall import answers

    _answer(
        lambda engine: answers.close(engine, key, login_name(author), _why(reason), false_alarm=false_alarm), as_json
    )


@alerts.command("test")
def send_test_message(as_json: Json = False) -> None:
    """Send a message to each receiver of EVENTFLOW_ALERTS_URLS; exit status 1 when one does not take it."""
    from eventflow_pipeline.oncall.answers import send_test
    from eventflow_pipeline.oncall.receivers import address_problems
    from eventflow_pipeline.settings import load_settings

    settings = load_settings()
    problems, taken = address_problems(settings), send_test(settings, datetime.now(UTC))
    lines = [f"{receiver}: {'taken' if ok else 'NOT taken'}" for receiver, ok in taken.items()]
    lines += problems or ([] if taken else ["No receiver is named: set EVENTFLOW_ALERTS_URLS."])
    answer(as_json, {"receivers": taken, "problems": problems}, "\n".join(lines))
    if problems or not all(taken.values()) or not taken:
        raise typer.Exit(1)


@contextmanager
def _database() -> Iterator["tuple[Settings, Engine]"]:
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.warehouse.db.engine import connect, pipeline
    from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

    with environment() as settings, pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        yield settings, engine


def _answer(change: "Callable[[Engine], Incident]", as_json: bool) -> None:
    with _database() as (settings, engine):
        _print(change(engine), settings, as_json)


def _print(incident: "Incident", settings: "Settings", as_json: bool) -> None:
    from eventflow_pipeline.oncall.messages import one_line

    now = datetime.now(UTC)
    answer(as_json, _data(incident, now), one_line(incident, settings, now))


def _why(reason: str) -> str:
    if not reason.strip():
        raise UserError("--reason is empty: say why, it is kept with the incident.")
    return reason.strip()


def _of_window(window: "MaintenanceWindow", names: Mapping[str, str], settings: "Settings", now: datetime) -> str:
    whose = f" of client {names.get(str(window.client_id), window.client_id)}" if window.client_id else ""
    ahead = f"from {local_time(window.from_at, settings.zone)} " if window.from_at > now else ""
    until = local_time(window.until, settings.zone)
    return f"maintenance of {window.condition or 'everything'}{whose} {ahead}until {until}"


def _data(incident: "Incident", now: datetime) -> dict[str, Any]:
    condition = incident.condition
    days = contiguous(condition.own_days) or ([condition.days] if condition.days else [])
    return {
        "key": incident.key,
        "state": incident.state(now).value,
        "condition": condition.name,
        "subject": condition.subject,
        "client_id": condition.client_id,
        "severity": condition.severity.value,
        "owner": condition.owner,
        "summary": condition.summary,
        "since": condition.since,
        "days": [str(part) for part in days],
        "numbers": dict(condition.numbers),
        "final": condition.final,
        "fix": condition.fix,
        "command": condition.command,
        "runbook": condition.runbook,
        "begun_at": incident.begun_at,
        "gone_at": incident.gone_at,
        "notified_at": incident.last_notified_at,
        "acknowledged_at": incident.acknowledged_at,
        "muted_until": incident.muted_until,
        "closed_at": incident.closed_at,
        "answered_by": incident.answered_by,
        "reason": incident.reason,
        "false_alarm": incident.false_alarm,
        "ended_at": incident.ended_at,
    }
