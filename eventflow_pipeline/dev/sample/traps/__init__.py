"""Every trap that the rules and the fourteen mistakes name (docs/rules.md), each planted by a function of its own."""

from uuid import UUID

# Importing registers. Volumes come last: the clone copies entries that the others have written.
from eventflow_pipeline.dev.sample.traps import (  # noqa: F401
    attribution,
    concurrency,
    entities,
    sessions,
    times,
    volumes,
)
from eventflow_pipeline.dev.sample.traps.world import PLANTERS, TRAPS, World

__all__ = ["TRAPS", "plant"]


def plant(world: World) -> dict[str, list[UUID]]:
    """Plant every trap; trap name → ids of the rows that make it (facts, or dimension rows where it is one).

    A trap switched off in the options is left out.
    """
    return {name: ids for name, planter in PLANTERS.items() if (ids := planter(world))}
