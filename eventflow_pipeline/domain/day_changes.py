"""Whether a stored day still stands for its facts, and if not, why."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Cause(StrEnum):
    """Why a day's numbers are, or would be, others than those stored."""

    NEVER_COMPUTED = "never_computed"
    FACTS_ADDED = "facts_added"
    FACTS_DELETED = "facts_deleted"
    FACTS_CHANGED = "facts_changed"
    DIMENSIONS_VANISHED = "dimensions_vanished"
    DIMENSIONS_CHANGED = "dimensions_changed"
    EXCLUSIONS_CHANGED = "exclusions_changed"
    DEFINITION_CHANGED = "definition_changed"


#: Causes the guard against mass loss looks at: something the numbers came from is gone.
LOSSES = frozenset({Cause.FACTS_DELETED, Cause.DIMENSIONS_VANISHED})


@dataclass(frozen=True, slots=True)
class DayInput:
    """What a day is computed from, condensed. Counts are of visit hits and entries, excluded ones included.

    ``fingerprint`` sums the hashes of the facts, ``attribution_fingerprint`` those of what dimensions and exclusions
    made of each; ``definition`` is ``warehouse.definition.definition_key``. ``owned_facts`` have a known client (E2).
    """

    facts: int
    owned_facts: int
    excluded_facts: int
    fingerprint: Decimal
    attribution_fingerprint: Decimal
    definition: str


def cause_of_change(stored: DayInput | None, now: DayInput, unlinked_facts: int = 0) -> Cause | None:
    """Why a day computed from ``stored`` (None: never) is not what ``now`` would give; None when it is.

    ``unlinked_facts``: how many would lose the link they were resolved to. Several things may have changed at once:
    what is gone is named first, because the guard must see it.
    """
    if stored is None:
        return Cause.NEVER_COMPUTED if now.facts else None
    if now.facts < stored.facts:
        return Cause.FACTS_DELETED
    if now.owned_facts < stored.owned_facts or unlinked_facts:
        return Cause.DIMENSIONS_VANISHED
    if now.fingerprint != stored.fingerprint:
        return Cause.FACTS_ADDED if now.facts > stored.facts else Cause.FACTS_CHANGED
    if now.attribution_fingerprint != stored.attribution_fingerprint:
        same_exclusions = now.excluded_facts == stored.excluded_facts
        return Cause.DIMENSIONS_CHANGED if same_exclusions else Cause.EXCLUSIONS_CHANGED
    return Cause.DEFINITION_CHANGED if now.definition != stored.definition else None
