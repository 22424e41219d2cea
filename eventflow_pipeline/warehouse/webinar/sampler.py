"""Sampling presence: one statement, safe to run by anybody, any number of times (W1); and whether it happens."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.logs import logger
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect, reason
from eventflow_pipeline.warehouse.db.sql import statement

#: Three polls a minute: one that is late or fails costs no minute.
POLL_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """Viewers active on a webinar in one minute (UTC)."""

    webinar_id: UUID
    minute: datetime
    viewers: int


def sample_webinars(engine: Engine, rules: ObservationRules, at: datetime | None = None) -> list[Sample]:
    """Sample every observed webinar for the minute of ``at``; returns the samples that were new.

    ``at`` (aware) is the database's clock unless given; presence is overwritten, so an earlier instant gives an
    earlier minute today's viewers. A minute that has its sample keeps it. ``engine`` is the pipeline's.
    """
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/webinar/insert_samples"), {**rules.parameters, "at": at})
        return [Sample(row.webinar_id, row.sampled_minute, row.viewers) for row in rows]


@dataclass(frozen=True, slots=True)
class Liveness:
    """Webinars observed now, how many of them nobody samples, since when (UTC), and what these are called."""

    live: int
    silent: int
    since: datetime | None
    names: tuple[str, ...] = ()


def liveness(engine: Engine, settings: Settings, at: datetime | None = None) -> Liveness:
    """Is the sampler at work? ``at`` is the database's clock unless given; ``engine`` is the pipeline's."""
    parameters = {
        **settings.observation.parameters,
        "silent_seconds": settings.webinar.sampler_silent_seconds,
        "at": at,
    }
    with connect(engine) as connection:
        row = connection.execute(statement("numbers/webinar_silence"), parameters).mappings().one()
    names = tuple(
        (f"client {silent['client']}: " if silent["client"] else "") + f"webinar {silent['title'] or silent['id']}"
        for silent in row["webinars"] or ()
    )
    return Liveness(row["live"], row["silent"], row["since"], names)


def sample_and_log(engine: Engine, rules: ObservationRules) -> list[Sample]:
    """``sample_webinars`` for a sampler that goes on: one structured line for new samples, or for the failure (F1),
    which is raised again.
    """
    try:
        samples = sample_webinars(engine, rules)
    except Exception as problem:
        logger().error("webinar_sampling_failed", reason=reason(problem))
        raise
    if samples:
        viewers = sum(sample.viewers for sample in samples)
        logger().info("webinars_sampled", minute=samples[0].minute, webinars=len(samples), viewers=viewers)
    return samples
