"""Sampling presence: one statement, safe to run by anybody, any number of times (W1)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.warehouse.engine import connect
from eventflow_pipeline.warehouse.sql_files import statement


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
        rows = connection.execute(statement("webinar/insert_samples"), {**rules.parameters, "at": at})
        return [Sample(row.webinar_id, row.sampled_minute, row.viewers) for row in rows]
