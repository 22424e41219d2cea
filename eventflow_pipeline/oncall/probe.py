"""Health probe: what a cron outside this system asks of databases, daemons, ticks, change detection and capture.

Sensors notify people of everything but their own death; that is for the probe, from outside.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall import away
from eventflow_pipeline.oncall.alerts import notify, notify_reachable, notify_unreachable
from eventflow_pipeline.oncall.conditions import capture_losses
from eventflow_pipeline.oncall.receivers import address_problems
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import newest_detection
from eventflow_pipeline.warehouse.db.engine import (
    UnreachableError,
    connect,
    pipeline,
    reason,
    require_dagster_database,
)
from eventflow_pipeline.warehouse.schema.build_settings import stored_build_settings

RUNBOOK = "job-failed"
#: Sensors that notify people. Each reports the other's failing ticks; one that is switched off has none.
_OURS = frozenset({"conditions_sensor", "dagster_failures_sensor"})
FIX = "Start code server and daemon where they run (the runbook has how), and see that both databases can be reached."
_UNREACHABLE = "Bring the server up, or put the address right; nothing is lost, and what is due is found afterwards."


@dataclass
class Probe:
    """What was found; ages are seconds, None where there never was one or it could not be asked."""

    database_reachable: bool = False
    migrated: bool = False
    dagster_database_reachable: bool = False
    daemon_heartbeat_ages: dict[str, int | None] = field(default_factory=dict)
    newest_tick_age: int | None = None
    newest_detection_age: int | None = None
    problems: list[str] = field(default_factory=list)
    #: Of capture's processes: what they lose or refuse. Sensors notify people of it.
    capture_problems: list[str] = field(default_factory=list)
    #: Addresses of receivers that cannot be used; the others are notified.
    receiver_problems: list[str] = field(default_factory=list)
    #: What puts a problem right, and the command, where that is not to bring up what is down.
    remedies: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """True when nothing is wrong."""
        return not (self.problems or self.capture_problems or self.receiver_problems)

    def as_json(self) -> dict[str, object]:
        """One flat object for a line of JSON."""
        found = {name: value for name, value in asdict(self).items() if name != "remedies"}
        return {"event": "probe", "healthy": self.healthy, **found}

    def add(self, problem: str, fix: str, command: str) -> None:
        """Note a problem with a remedy of its own."""
        self.problems.append(problem)
        self.remedies[problem] = fix, command


@contextmanager
def _finding(probe: Probe, what: str) -> Iterator[None]:
    """A part that cannot be asked is a problem of its own, and the other parts are still asked."""
    try:
        yield
    except UnreachableError as problem:
        probe.add(str(problem), _UNREACHABLE, "eventflow probe")
    except UserError as problem:
        probe.problems.append(str(problem))
    except (SQLAlchemyError, dg.DagsterError, OSError) as problem:
        probe.problems.append(f"{what} cannot be asked ({reason(problem)}).")


def probe(settings: Settings, now: datetime | None = None) -> Probe:
    """Check databases, daemons, ticks, change detection, capture. Never raises for what is broken: it is said."""
    now = now or datetime.now(UTC)
    found = Probe(
        capture_problems=[
            f"{wrong.summary[0].upper()}{wrong.summary[1:]}."
            for wrong in capture_losses.losses(settings, now)
            if wrong.severity is Severity.ERROR
        ],
        receiver_problems=list(address_problems(settings)),
    )
    with _finding(found, "The database"):
        _check_database(found, settings, now)
    with _finding(found, "Dagster's database"):
        _check_dagster(found, settings, now)
    return found


def _check_database(found: Probe, settings: Settings, now: datetime) -> None:
    with pipeline(settings) as engine:
        with connect(engine) as connection:
            found.database_reachable = True
            found.migrated = stored_build_settings(connection) is not None
        if not found.migrated:
            problem = "The database has no schema stats yet: run `eventflow migrate`."
            found.add(problem, "Make the schema, as the owner of EventFlow's tables.", "eventflow migrate")
            return
        finished, since = newest_detection(engine)
        found.newest_detection_age = _age(finished, now)
        if now - (finished or since) > timedelta(minutes=settings.alerts.stale_error_minutes):
            when = f"for {found.newest_detection_age} s" if finished else "at all"
            found.problems.append(f"No change detection {when}: nobody knows which days are stale.")


def _check_dagster(found: Probe, settings: Settings, now: datetime) -> None:
    require_dagster_database()
    limit = settings.alerts.daemon_silent_seconds
    with dg.DagsterInstance.get() as instance:
        heartbeats = instance.get_daemon_heartbeats()
        found.dagster_database_reachable = True
        for kind in sorted(instance.get_required_daemon_types()):
            beat = heartbeats.get(kind)
            age = round(now.timestamp() - beat.timestamp) if beat else None
            found.daemon_heartbeat_ages[kind] = age
        silent = [kind for kind, age in found.daemon_heartbeat_ages.items() if age is None or age > limit]
        if silent:
            parts = "" if len(silent) == len(found.daemon_heartbeat_ages) else f"'s {', '.join(silent)}"
            found.problems.append(f"No heartbeat for {limit} s of the daemon{parts}: is it running?")
        states = instance.all_instigator_state()
        for stopped in sorted(s.instigator_name for s in states if s.instigator_name in _OURS and not s.is_running):
            found.add(
                f"{stopped} is switched off in Dagster: nobody is notified of what it looks for.",
                "Switch it on, and ask who switched it off.",
                f"eventflow dagster sensor start {stopped}",
            )
        newest = [
            tick.timestamp
            for state in states
            if state.is_running
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        ]
        found.newest_tick_age = round(now.timestamp() - max(newest)) if newest else None
        if found.newest_tick_age is None or found.newest_tick_age > limit + settings.alerts.interval_seconds:
            found.problems.append("No sensor or schedule has ticked lately: nothing is polled and nobody is notified.")


def _age(instant: datetime | None, now: datetime) -> int | None:
    return round((now - instant).total_seconds()) if instant else None


def probe_conditions(found: Probe, now: datetime) -> list[Condition]:
    """The probe's problems as one condition, for notifying people."""
    problems = [*found.problems, *found.receiver_problems]
    if not problems:
        return []
    fix, command = found.remedies.get(problems[0], (FIX, "eventflow doctor"))
    return [
        Condition(
            name="dead",
            subject="dagster" if found.database_reachable else "database",
            severity=Severity.ERROR,
            since=now,
            summary=" ".join([*problems, *found.capture_problems]),
            runbook=RUNBOOK,
            command=command,
            fix=fix,
        )
    ]


def tell(settings: Settings, found: Probe, now: datetime) -> None:
    """Notify people of what the probe found, once when it begins and ends.

    With the database of incidents away they are notified all the same, at an interval; oncall/away.py keeps who saw it
    and who was told.
    """
    conditions = probe_conditions(found, now)
    with dg.DagsterInstance.get() if found.dagster_database_reachable else nullcontext() as instance:
        file, who = settings.home / "probe.json", f"{platform.node()}:{settings.home}"
        outage = away.outage(instance, file)
        if found.migrated:
            with pipeline(settings) as engine:
                notify(engine, settings, {"probe": conditions}, now)
            if outage:
                away.keep(instance, file, now, notify_reachable(settings, outage, who, now))
        elif conditions:
            away.keep(instance, file, now, notify_unreachable(settings, conditions[0].summary, outage, who, now))
