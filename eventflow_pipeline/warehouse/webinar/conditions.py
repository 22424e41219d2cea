"""What is wrong with sampling now, and what the checks of computed days find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, RowMapping

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

SAMPLER_SILENT = "webinar_sampler_silent"


@dataclass(frozen=True, slots=True)
class Liveness:
    """Webinars observed now, how many of them nobody samples, and since when (UTC)."""

    live: int
    silent: int
    since: datetime | None


def liveness(engine: Engine, settings: Settings, at: datetime | None = None) -> Liveness:
    """Is the sampler at work? ``at`` is the database's clock unless given; ``engine`` is the pipeline's."""
    parameters = {
        **settings.observation.parameters,
        "silent_seconds": settings.webinar.sampler_silent_seconds,
        "at": at,
    }
    with connect(engine) as connection:
        row = connection.execute(statement("numbers/webinar_silence"), parameters).mappings().one()
        return Liveness(row["live"], row["silent"], row["since"])


def sampler_conditions(engine: Engine, settings: Settings, at: datetime | None = None) -> list[Condition]:
    """A condition while a live webinar has had no sample for EVENTFLOW_WEBINAR_SAMPLER_SILENT_SECONDS, else nothing.

    Minutes nobody samples are lost for good, so it is an error at once. Asked every 30 seconds, it tells within two
    minutes of the last sample.
    """
    found = liveness(engine, settings, at)
    if not found.silent or found.since is None:
        return []
    return [
        Condition(
            name=SAMPLER_SILENT,
            subject="",
            severity=Severity.ERROR,
            since=found.since,
            summary=f"{found.silent} of {found.live} live webinars have had no concurrency sample since "
            f"{found.since:%Y-%m-%d %H:%M:%S} UTC; those minutes cannot be recovered.",
            runbook="webinar-sampler-silent",
            command="eventflow webinar sample --loop",
            numbers={"live": found.live, "silent": found.silent},
        )
    ]


def findings(engine: Engine, days: DayRange) -> Mapping[date, RowMapping]:
    """By day: minutes owed and missed, buckets out of order, webinars whose peak exceeds their known viewers."""
    with connect(engine) as connection:
        rows: Sequence[RowMapping] = (
            connection.execute(statement("numbers/webinar_findings"), {"first_day": days.first, "last_day": days.last})
            .mappings()
            .all()
        )
        return {row["bucket_date"]: row for row in rows}
