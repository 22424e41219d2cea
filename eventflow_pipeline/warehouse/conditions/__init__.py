"""Where conditions come from: each source is a plain function that asks the database and lists what is wrong now."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.logs import logger
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.capture.dead_letters import capture_conditions
from eventflow_pipeline.warehouse.changes.guard import held_conditions
from eventflow_pipeline.warehouse.conditions.deficit import deficits
from eventflow_pipeline.warehouse.conditions.personal_data import personal_members
from eventflow_pipeline.warehouse.conditions.silence import silences
from eventflow_pipeline.warehouse.conditions.staleness import detection_late, stale_days
from eventflow_pipeline.warehouse.db.engine import reason
from eventflow_pipeline.warehouse.webinar.conditions import sampler_conditions

Look = Callable[[Engine, Settings, datetime], list[Condition]]


@dataclass(frozen=True, slots=True)
class Source:
    """A named source of conditions; its name says whose episodes end when it no longer reports them.

    ``every``: one that reads more than a window of an hour is looked at less often than the sensor ticks.
    """

    name: str
    look: Look
    every: timedelta = timedelta(0)


#: Every source the database answers. One more is one line here.
SOURCES: tuple[Source, ...] = (
    Source("deficit", deficits),
    Source("silence", silences, every=timedelta(minutes=5)),
    Source("stale", stale_days),
    Source("detection", detection_late),
    Source("held", lambda engine, settings, now: held_conditions(engine, settings)),  # noqa: ARG005
    Source("personal_data", personal_members, every=timedelta(minutes=5)),
    Source("webinar_sampler", sampler_conditions),
    Source("dead_letters", lambda engine, settings, now: capture_conditions(engine, settings)),  # noqa: ARG005
)


def look(
    engine: Engine, settings: Settings, now: datetime, sources: tuple[Source, ...] = SOURCES
) -> dict[str, list[Condition]]:
    """Conditions that hold at ``now`` (UTC), by source. A source that cannot be asked is left out and is one itself.

    That it fails is reported under a name of its own (``<source>:failing``), so that it ends when the source is next
    looked at with success, and not before.
    """
    seen: dict[str, list[Condition]] = {}
    for source in sources:
        failing = seen.setdefault(f"{source.name}:failing", [])
        try:
            seen[source.name] = source.look(engine, settings, now)
        except Exception as problem:  # one blind eye must not close the others
            logger().error("condition_source_failed", source=source.name, reason=reason(problem))
            failing.append(
                Condition(
                    name="source_failed",
                    subject=source.name,
                    severity=Severity.ERROR,
                    since=now,
                    summary=f"the condition {source.name} cannot be looked at ({type(problem).__name__})",
                    runbook="job-failed",
                    command="eventflow doctor",
                )
            )
    return seen


def due(sources: Iterable[Source], looked: Mapping[str, float], now: datetime) -> tuple[Source, ...]:
    """Sources whose interval has passed since they were ``looked`` at (name: seconds since the epoch)."""
    return tuple(s for s in sources if now.timestamp() - looked.get(s.name, 0) >= s.every.total_seconds())
