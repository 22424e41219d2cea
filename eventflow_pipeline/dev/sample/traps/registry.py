"""Where traps are registered: each is a function that plants rows on a stage and returns their ids."""

from collections.abc import Callable
from uuid import UUID

from eventflow_pipeline.dev.sample.stage import Stage

Planter = Callable[[Stage], list[UUID]]

#: Name of each trap → what it exercises, with the rule ids and the numbered mistakes of the old computation.
TRAPS: dict[str, str] = {}
PLANTERS: dict[str, Planter] = {}


def trap(exercises: str) -> Callable[[Planter], Planter]:
    """Register the decorated function, under its name, as the trap that exercises what the text says."""

    def register(planter: Planter) -> Planter:
        TRAPS[planter.__name__] = exercises
        PLANTERS[planter.__name__] = planter
        return planter

    return register
