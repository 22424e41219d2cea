"""The sample as the command line and the demo load it: ending now, in the business zone."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, text

from eventflow_pipeline.domain.days import today
from eventflow_pipeline.sample.generate import generate
from eventflow_pipeline.sample.load import load
from eventflow_pipeline.sample.options import SampleOptions
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.engine import connect


def load_sample(
    engine: Engine, settings: Settings, *, days: int, replace: bool = False, **sizes: Any
) -> dict[str, int]:
    """Generate a sample of ``days`` days up to this moment and load it; returns rows by table.

    ``engine`` is the table owner's, ``sizes`` are fields of SampleOptions. Raises SampleRefused (a UserError).
    """
    now = datetime.now(UTC)
    options = SampleOptions(until=today(settings.zone, now), days=days, time_zone=settings.zone, now=now, **sizes)
    with connect(engine) as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        return load(raw, generate(options), replace=replace)


def sample_is_loaded(engine: Engine) -> bool:
    """Do the fact tables hold anything?"""
    with connect(engine) as connection:
        return connection.execute(text("select from public.event_access_logs limit 1")).first() is not None
