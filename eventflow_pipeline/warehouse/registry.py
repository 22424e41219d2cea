"""What a day's numbers mean: stored with each day, so that another meaning computes history again by itself."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from eventflow_pipeline.domain.definitions import DEFINITIONS, Definitions
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.sql import statement

#: Raise it whenever a computing statement gives other numbers for the same facts.
DEFINITION_VERSION = 3
_ENGINE = "engine="


def published_grains(connection: Connection) -> Sequence[RowMapping]:
    """The registry of grains (M5), in order, each as ``numbers/buckets`` takes it: name and which keys."""
    return connection.execute(statement("storage/registry/select_grains")).mappings().all()


def definitions_in_force(connection: Connection) -> Definitions:
    """What `eventflow definitions` shows: kept in the database alone, so that no two processes compute differently."""
    row = connection.execute(statement("storage/registry/select_definitions")).one()
    return Definitions(
        tuple(sorted(row.hourly_clients)),
        tuple(sorted(row.hourly_campaigns)),
        row.linkage_days_before,
        row.linkage_minutes_after,
    )


def hourly_lists(connection: Connection) -> dict[str, list[UUID]]:
    """The clients and campaigns that get hour buckets (B1), as parameters."""
    now = definitions_in_force(connection)
    return {"clients": list(now.hourly_clients), "campaigns": list(now.hourly_campaigns)}


def current_definition(connection: Connection, settings: Settings) -> str:
    """Everything besides facts, dimensions and exclusions that a day's numbers depend on, as readable text."""
    names = ",".join(grain["grain"] for grain in published_grains(connection))
    parts = {"version": DEFINITION_VERSION, "zone": settings.timezone, "grains": names}
    now = definitions_in_force(connection)
    lists = {name: getattr(now, name) for name, definition in DEFINITIONS.items() if definition.of_days}
    parts |= {name: ",".join(map(str, listed)) for name, listed in lists.items() if listed}
    if settings.engine != "postgres":
        parts["engine"] = settings.engine
    return " ".join(f"{name}={value}" for name, value in parts.items())


def engine_of(definition: str) -> str:
    """Which engine a day with this ``current_definition`` was computed by."""
    return next((part[len(_ENGINE) :] for part in definition.split(" ") if part.startswith(_ENGINE)), "postgres")


def without_engine(definition: str) -> str:
    """A ``current_definition`` that is the same for all engines."""
    return " ".join(part for part in definition.split(" ") if not part.startswith(_ENGINE))
