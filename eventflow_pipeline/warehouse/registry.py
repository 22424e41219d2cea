"""What a day's numbers mean: stored with each day, so that another meaning computes history again by itself."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.sql import statement

#: Raise it whenever a computing statement gives other numbers for the same facts.
DEFINITION_VERSION = 2


def published_grains(connection: Connection) -> Sequence[RowMapping]:
    """The registry of grains (M5), in order, each as ``numbers/buckets`` takes it: name and which keys."""
    return connection.execute(statement("storage/registry/select_grains")).mappings().all()


def definition_key(settings: Settings, grains: Sequence[RowMapping]) -> str:
    """Everything besides facts, dimensions and exclusions that a day's numbers depend on, as readable text."""
    names = ",".join(grain["grain"] for grain in grains)
    parts = {"version": DEFINITION_VERSION, "zone": settings.timezone, "grains": names}
    parts |= {name: ",".join(values) for name, values in settings.day_settings.items() if values}
    return " ".join(f"{name}={value}" for name, value in parts.items())


def current_definition(connection: Connection, settings: Settings) -> str:
    """``definition_key`` with the grains of the registry in the database."""
    return definition_key(settings, published_grains(connection))
