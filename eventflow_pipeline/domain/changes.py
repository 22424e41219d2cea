"""Whether a stored day still stands for its facts, why not, and what must wait until somebody accepts it.

``judge_day`` is the one judgement: change detection asks it of every day it compares, a replacement of its own day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


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


#: Causes that the guard against mass loss judges: something the numbers came from is gone.
LOSSES = frozenset({Cause.FACTS_DELETED, Cause.DIMENSIONS_VANISHED})


@dataclass(frozen=True, slots=True)
class DayInput:
    """What a day is computed from, condensed. Counts are of visit hits and entries, excluded ones included.

    ``fingerprint`` sums the hashes of the facts, ``attribution_fingerprint`` those of what dimensions and exclusions
    made of each; ``definition`` is ``warehouse.registry.definition_key``. ``owned_facts`` have a known client (E2).
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


@dataclass(frozen=True, slots=True)
class ClientLoss:
    """What computing a day again would take from a client (None: the unknown client), in one measure.

    ``lost`` counts what was deleted or whose dimension row vanished, ``vanished`` the latter; what moved to another
    known client or was excluded is in neither.
    """

    client_id: UUID | None
    measure: str
    before: int
    after: int
    lost: Decimal
    vanished: Decimal
    client_name: str | None = None

    @property
    def fall(self) -> int:
        """How much lower the client's day would be."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class DayLosses:
    """What computing a day again would take away: from which clients, and how many facts would lose their link."""

    clients: Sequence[ClientLoss] = ()
    unlinked_facts: int = 0


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """Above which the guard holds a change (the ``EVENTFLOW_GUARD_*`` settings)."""

    loss_share: float
    minimum_volume: int
    old_days: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a day keeps its old buckets, in one sentence, and which clients (None: the unknown one) would lose.

    No clients: which of them cannot be told (links vanished).
    """

    reason: str
    clients: frozenset[UUID | None] = frozenset()


def hold_for(losses: Iterable[ClientLoss], limits: GuardLimits) -> Hold | None:
    """The hold of a day with these losses, its reason that of the worst; None when it is not held.

    Held: a client's hits or conversions would fall by more than the limit because facts were deleted or dimension rows
    vanished. Deletions are judged from the minimum volume on, since a few rows of a small client come and go; a
    vanished dimension row at any volume, since no client's numbers may go by that.
    """
    held = [loss for loss in losses if _is_mass_loss(loss, limits)]
    if not held:
        return None
    worst = max(held, key=lambda loss: loss.fall / loss.before)
    because = "dimension rows vanished" if worst.vanished * 2 >= worst.lost else "facts were deleted"
    whose = f"client {worst.client_name or worst.client_id}" if worst.client_id else "the unknown client"
    return Hold(
        f"{worst.measure} of {whose} would fall from {worst.before} to {worst.after} because {because}",
        frozenset(loss.client_id for loss in held),
    )


def _is_mass_loss(loss: ClientLoss, limits: GuardLimits) -> bool:
    allowed = Decimal(str(limits.loss_share)) * loss.before
    if min(Decimal(loss.fall), loss.lost) <= allowed:
        return False
    return loss.before >= limits.minimum_volume or min(Decimal(loss.fall), loss.vanished) > allowed


def hold_old_days(days: int, limits: GuardLimits) -> Hold | None:
    """The hold of all of ``days`` days before the look-back that lost something; None when they are few enough."""
    if days <= limits.old_days:
        return None
    return Hold(f"{days} old days would change because facts were deleted or dimension rows vanished")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a day must be computed again (None: it stands), and why the guard holds it (None: it does not)."""

    cause: Cause | None
    hold: Hold | None = None


def judge_day(
    stored: DayInput | None, now: DayInput, losses: DayLosses, limits: GuardLimits, held: Hold | None
) -> Verdict:
    """Does a day computed from ``stored`` (None: never) stand for ``now``; if not, why, and may it be replaced?

    ``losses``: what replacing it would take away. ``held``: how it is held already, which stays the reason until
    somebody accepts the loss or the rows are back; clients that lose later join it.
    """
    cause = cause_of_change(stored, now, losses.unlinked_facts)
    if cause is None or stored is None:
        return Verdict(cause)
    hold = hold_for(losses.clients, limits)
    if held and (cause in LOSSES or losses.clients):
        return Verdict(cause, Hold(held.reason, held.clients | hold.clients) if hold and held.clients else held)
    return Verdict(cause, hold)
