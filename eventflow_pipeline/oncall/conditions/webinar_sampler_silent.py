"""Live webinars that nobody samples."""

from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.webinar.sampler import liveness

#: Webinars that are named.
_NAMED = 3


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``webinar_sampler_silent`` while a live webinar has had no sample for EVENTFLOW_WEBINAR_SAMPLER_SILENT_SECONDS.

    Minutes nobody samples are lost for good, so it is an error at once. Asked every 30 seconds, it is noticed within
    two minutes of the last sample.
    """
    found = liveness(engine, settings, now)
    if not found.silent or found.since is None:
        return []
    more = f" and {found.silent - _NAMED} more live webinars" if found.silent > _NAMED else ""
    return [
        Condition(
            name="webinar_sampler_silent",
            subject="",
            severity=Severity.ERROR,
            since=found.since,
            summary=f"{', '.join(found.names[:_NAMED])}{more}: no concurrency sample since "
            f"{found.since.astimezone(settings.zone):%H:%M %Z}; those minutes cannot be recovered.",
            runbook="webinar-sampler-silent",
            command="eventflow webinar sample --loop",
            fix="See that the sampler's sensor is on and the daemon runs, or start the loop beside them.",
            numbers={"live": found.live, "silent": found.silent},
        )
    ]
