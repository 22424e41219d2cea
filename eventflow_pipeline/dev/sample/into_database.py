"""The sample as the command line and the demo load it: ending now, in the business zone."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select, table, text

from eventflow_pipeline.dev.sample.generate import generate
from eventflow_pipeline.dev.sample.load import load
from eventflow_pipeline.dev.sample.options import SampleOptions, SampleRefused
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.schema.migrations import create_source


def require_named(engine: Engine, database: str | None) -> None:
    """Refuse (UserError) unless ``database`` is the very name of the database ``engine`` connects to.

    For a server that is not the project's own: sample facts in production would be billed.
    """
    with connect(engine) as connection:
        name = connection.execute(text("select pg_catalog.current_database()")).scalar_one()
    if database != name:
        raise UserError(
            f"EVENTFLOW_DATABASE_URL names the database {name}, which is not this project's own, and sample facts are "
            f"for development: unset it to use a server of the project's own, or say --database {name} if you mean it."
        )


def load_sample(
    engine: Engine, settings: Settings, *, days: int, replace: bool = False, **sizes: Any
) -> dict[str, int]:
    """Generate a sample of ``days`` days up to this moment and load it; returns rows by table.

    Creates EventFlow's tables where there are none. Nothing is touched when one of them holds a row, unless
    ``replace``. ``engine`` is the table owner's, ``sizes`` are fields of SampleOptions. Raises SampleRefused
    (a UserError), and UserError where only some of the tables exist.
    """
    now = datetime.now(UTC)
    options = SampleOptions(until=today(settings.zone, now), days=days, time_zone=settings.zone, now=now, **sizes)
    if not replace and (filled := _first_filled(engine)):
        raise SampleRefused(
            f"public.{filled} already holds rows, so nothing was changed: name an empty database, or give --replace, "
            "which empties EventFlow's tables first."
        )
    sample = generate(options)
    create_source(engine)
    with connect(engine) as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        return load(raw, sample, replace=replace)


def sample_is_loaded(engine: Engine) -> bool:
    """Does any of EventFlow's tables hold a row?"""
    return _first_filled(engine) is not None


def _first_filled(engine: Engine) -> str | None:
    """The first of EventFlow's tables that holds a row; a table that does not exist holds none."""
    with connect(engine) as connection:
        for source in SOURCE_TABLES:
            known = {"name": f"public.{source.name}"}
            if connection.execute(text("select pg_catalog.to_regclass(:name)"), known).scalar() is None:
                continue
            any_row = select(text("1")).select_from(table(source.name, schema="public")).limit(1)
            if connection.execute(any_row).first() is not None:
                return source.name
    return None
