"""What can be wrong, a file each, named like it: query, wording, severity, runbook anchor, command and fix.

``conditions`` of a file lists what holds now; the numbers come from a function of the warehouse, or from Dagster. One
more is a file and, of the database, a line in ``SOURCES``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.logs import logger
from eventflow_pipeline.oncall.conditions import (
    capture_losses,
    dead_letters,
    deficit,
    detection_late,
    foreign_lock,
    heal_held,
    letters_full,
    missing,
    owner_login,
    personal_data,
    pruned,
    silence,
    source_columns,
    stale,
    underived,
    unverified_server,
    webinar_sampler_silent,
)
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import reason


@dataclass(frozen=True, slots=True)
class Source:
    """A named source of conditions; its name says whose incidents end when it no longer reports them.

    ``every``: one that reads more than a window of an hour is polled less often than the sensor ticks.
    """

    name: str
    conditions: Callable[[Engine, Settings, datetime], list[Condition]]
    every: timedelta = timedelta(0)


SOURCES: tuple[Source, ...] = (
    Source("deficit", deficit.conditions),
    Source("silence", silence.conditions, every=timedelta(minutes=5)),
    Source("stale", stale.conditions),
    Source("underived", underived.conditions),
    Source("missing", missing.conditions),
    Source("detection_late", detection_late.conditions),
    Source("foreign_lock", foreign_lock.conditions),
    Source("heal_held", heal_held.conditions),
    Source("pruned", pruned.conditions),
    Source("personal_data", personal_data.conditions, every=timedelta(minutes=5)),
    Source("webinar_sampler_silent", webinar_sampler_silent.conditions),
    Source("dead_letters", dead_letters.conditions),
    Source("letters_full", letters_full.conditions),
    Source("capture_losses", capture_losses.conditions),
    Source("source_columns", source_columns.conditions, every=timedelta(minutes=5)),
    Source("owner_login", owner_login.conditions, every=timedelta(minutes=5)),
    Source("unverified_server", unverified_server.conditions, every=timedelta(minutes=5)),
)

#: Names of conditions, for who names one.
NAMES = frozenset({source.name for source in SOURCES}) | {
    "check_failed",
    "dead",
    "deficit_day",
    "run_failed",
    "source_failed",
    "tick_failed",
}


def poll(
    engine: Engine, settings: Settings, now: datetime, sources: tuple[Source, ...] = SOURCES
) -> dict[str, list[Condition]]:
    """Conditions that hold at ``now`` (UTC), by source. A source that cannot be asked is left out and is one itself.

    That it fails is reported under a name of its own (``<source>:failing``), so that it ends when the source next
    answers, and not before.
    """
    seen: dict[str, list[Condition]] = {}
    for source in sources:
        failing = seen.setdefault(f"{source.name}:failing", [])
        try:
            seen[source.name] = source.conditions(engine, settings, now)
        except Exception as problem:  # a failing source must not hide the others
            logger().error("condition_source_failed", source=source.name, reason=reason(problem))
            failing.append(
                Condition(
                    name="source_failed",
                    subject=source.name,
                    severity=Severity.ERROR,
                    since=now,
                    summary=f"the condition {source.name} cannot be polled ({reason(problem)})",
                    runbook="job-failed",
                    command="eventflow doctor",
                    fix="Put right what the reason says; nobody hears of that condition meanwhile.",
                )
            )
    return seen


def due(sources: Iterable[Source], polled: Mapping[str, float], now: datetime) -> tuple[Source, ...]:
    """Sources whose interval has passed since they were ``polled`` (name: seconds since the epoch)."""
    return tuple(s for s in sources if now.timestamp() - polled.get(s.name, 0) >= s.every.total_seconds())
