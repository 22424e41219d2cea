"""Whether a stored day still stands for its facts, why not, and whose part of it must wait until somebody accepts it.

``judge_day`` is the one judgement: change detection asks it of every day it compares, a replacement of its own day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class Cause(StrEnum):
    """Why a day's numbers are, or would be, others than those stored."""

    NEVER_COMPUTED = "never_computed"
    FACTS_ADDED = "facts_added"
    FACTS_DELETED = "facts_deleted"
    FACTS_CHANGED = "facts_changed"
    #: They went to another client within the day.
    FACTS_MOVED = "facts_moved"
    #: They went to another day.
    FACTS_REDATED = "facts_redated"
    #: They came, or may have come, from another day that is held for somebody.
    FACTS_REDATED_HERE = "facts_redated_here"
    DIMENSIONS_VANISHED = "dimensions_vanished"
    #: The day was counted while dimension rows of its facts are missing that other days are held for.
    DIMENSIONS_MISSING = "dimensions_missing"
    DIMENSIONS_CHANGED = "dimensions_changed"
    EXCLUSIONS_CHANGED = "exclusions_changed"
    #: Rules that fold members (A6).
    FOLDS_CHANGED = "folds_changed"
    DEFINITION_CHANGED = "definition_changed"


#: Causes that the guard against mass loss judges: something the numbers came from is gone.
LOSSES = frozenset({Cause.FACTS_DELETED, Cause.FACTS_REDATED, Cause.DIMENSIONS_VANISHED})
_BECAUSE: Mapping[Cause | None, str] = {
    Cause.FACTS_MOVED: "facts were moved to another client",
    Cause.FACTS_REDATED: "facts were re-dated to another day",
}


@dataclass(frozen=True, slots=True)
class DayInput:
    """What a day is computed from, condensed. Counts are of visit hits and entries, excluded ones included.

    ``fingerprint`` sums the hashes of the facts, ``attribution_fingerprint`` those of what dimensions, exclusions and
    fold rules made of each; ``definition`` is ``warehouse.registry.definition_key``. ``owned_facts`` have a known
    client (E2), of ``folded_facts`` a field is folded (A6).
    """

    facts: int
    owned_facts: int
    excluded_facts: int
    folded_facts: int
    fingerprint: Decimal
    attribution_fingerprint: Decimal
    definition: str


def cause_of_change(stored: DayInput | None, now: DayInput, losses: "DayLosses | None" = None) -> Cause | None:
    """Why a day computed from ``stored`` (None: never) is not what ``now`` would give; None when it is.

    Several things may have changed at once: what is gone is named first, because the guard must see it.
    """
    if stored is None:
        return Cause.NEVER_COMPUTED if now.facts else None
    losses = losses or DayLosses()
    gone = Cause.FACTS_REDATED if losses.redated else Cause.FACTS_DELETED
    if now.facts < stored.facts:
        return gone
    if now.owned_facts < stored.owned_facts or losses.unlinked_facts:
        return Cause.DIMENSIONS_VANISHED
    if losses.facts_gone and losses.old_facts:
        # As many as before or more, and yet a client has lost some: new facts of others hide it.
        return Cause.FACTS_MOVED if losses.old_facts.are_the_same else gone
    return _other_change(stored, now)


def _other_change(stored: DayInput, now: DayInput) -> Cause | None:
    if now.fingerprint != stored.fingerprint:
        return Cause.FACTS_ADDED if now.facts > stored.facts else Cause.FACTS_CHANGED
    if now.attribution_fingerprint != stored.attribution_fingerprint:
        if now.excluded_facts != stored.excluded_facts:
            return Cause.EXCLUSIONS_CHANGED
        return Cause.DIMENSIONS_CHANGED if now.folded_facts == stored.folded_facts else Cause.FOLDS_CHANGED
    if now.excluded_facts != stored.excluded_facts:
        # The facts of a part that was held are again what is published, and other than counted meanwhile excluded.
        return Cause.EXCLUSIONS_CHANGED
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
class OldFacts:
    """Of the facts that were there when a day was computed: how many are dated on it now, how many then.

    ``are_the_same``: by their ids. Of a day never computed: those that were there when the others were computed.
    """

    now: int
    then: int
    are_the_same: bool


@dataclass(frozen=True, slots=True)
class DayLosses:
    """What computing a day again would take away: from which clients, and how many facts would lose their link.

    ``old_facts`` is None where nothing is lost; ``redated``: what is gone turned up on other days.
    """

    clients: Sequence[ClientLoss] = ()
    unlinked_facts: int = 0
    old_facts: OldFacts | None = None
    redated: bool = False

    @property
    def facts_gone(self) -> bool:
        """Whether clients lose more than vanished dimension rows explain."""
        return any(loss.lost > loss.vanished for loss in self.clients)


def were_redated(gone: Iterable[OldFacts], others: Iterable[OldFacts]) -> bool:
    """Whether most facts gone from some days turned up on ``others``."""
    missing = sum(max(0, day.then - day.now) for day in gone)
    return missing > 0 and 2 * sum(max(0, day.now - day.then) for day in others) >= missing


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """Above which the guard holds a change (the ``EVENTFLOW_GUARD_*`` settings)."""

    loss_share: float
    minimum_volume: int
    old_days: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Why clients (None: the unknown one) keep what is published of a day, in one sentence, and which.

    ``clients`` would lose too much; facts went between them and those it is held ``with_them`` for, or may have.
    Neither: it cannot be told whose (links vanished), and the whole day is held. ``reasons``: of several that would
    lose, each one's own.
    """

    reason: str
    clients: frozenset[UUID | None] = frozenset()
    with_them: frozenset[UUID | None] = frozenset()
    reasons: Mapping[UUID | None, str] = field(default_factory=dict, compare=False)

    @property
    def covers(self) -> frozenset[UUID | None]:
        """Everybody whose part is held; empty: the whole day."""
        return self.clients | self.with_them

    def reason_of(self, client: UUID | None) -> str:
        """Why it is held as far as the client is concerned: its own loss, else the day's reason."""
        return self.reasons.get(client, self.reason)


def hold_for(losses: Iterable[ClientLoss], limits: GuardLimits, cause: Cause | None = None) -> Hold | None:
    """The hold of a day with these losses, its reason that of the worst; None when it is not held.

    Held: a client's hits or conversions would fall by more than the limit because facts were deleted or dimension rows
    vanished. Deletions are judged from the minimum volume on, since a few rows of a small client come and go; a
    vanished dimension row at any volume, since no client's numbers may go by that.
    """
    held = [loss for loss in losses if _is_mass_loss(loss, limits)]
    if not held:
        return None
    held.sort(key=lambda loss: loss.fall / loss.before, reverse=True)
    reasons: dict[UUID | None, str] = {}
    for loss in held:
        reasons.setdefault(loss.client_id, _sentence(loss, cause))
    return Hold(reasons[held[0].client_id], frozenset(reasons), reasons=reasons)


def _sentence(loss: ClientLoss, cause: Cause | None) -> str:
    vanished = loss.vanished * 2 >= loss.lost
    because = "dimension rows vanished" if vanished else _BECAUSE.get(cause, "facts were deleted")
    whose = f"client {loss.client_name or loss.client_id}" if loss.client_id else "the unknown client"
    return f"{loss.measure} of {whose} would fall from {loss.before} to {loss.after} because {because}"


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

    @property
    def own(self) -> "Verdict":
        """Without what is held only because of parts that are held elsewhere, or of other clients."""
        if self.hold is None or not self.hold.with_them:
            return self
        if not self.hold.clients:
            return Verdict(Cause.FACTS_ADDED)
        return Verdict(self.cause, replace(self.hold, with_them=frozenset()))

    def held_with(self, others: frozenset[UUID | None]) -> "Verdict":
        """Held for ``others`` as well, because of what is held already of this day or of another."""
        if self.hold and not self.hold.covers:
            return self
        if not (others := others - (self.hold.clients if self.hold else frozenset())):
            return self
        if self.hold and self.hold.clients and self.cause is not Cause.DIMENSIONS_MISSING:
            return Verdict(self.cause, replace(self.hold, with_them=others))
        return Verdict(Cause.FACTS_REDATED_HERE, Hold(HELD_WITH, with_them=others))


HELD_WITH = "facts of a day that is held were re-dated to it, or may have been"
UNMARKED = Verdict(None)


def judge_day(
    stored: DayInput | None, now: DayInput, losses: DayLosses, limits: GuardLimits, mark: Verdict = UNMARKED
) -> Verdict:
    """Does a day computed from ``stored`` (None: never) stand for ``now``; if not, why, and may it be replaced?

    ``losses``: what replacing it would take away. ``mark``: the verdict it is marked with. A client's hold stays until
    somebody accepts the loss or the rows are back; clients that lose later join it. Who is held with them is not judged
    here (``domain.holds``); a mark of missing dimension rows stays until ``released``.
    """
    cause = cause_of_change(stored, now, losses)
    if mark.cause is Cause.DIMENSIONS_MISSING:
        if cause is None:
            return mark
        mark = UNMARKED  # it is no hold of what is stored
    if cause is None or stored is None:
        return Verdict(cause)
    hold, held = hold_for(losses.clients, limits, cause), mark.own.hold
    if held and mark.cause is Cause.FACTS_REDATED and cause is Cause.FACTS_DELETED:
        cause = mark.cause  # who found this out saw the days they have gone to
    if held and (cause in LOSSES or losses.clients):
        if not held.clients or not losses.clients:
            return Verdict(cause, held)
        still = held.clients & {loss.client_id for loss in losses.clients}
        if still:
            reasons = {**(hold.reasons if hold else {}), **{client: held.reason_of(client) for client in still}}
            return Verdict(cause, Hold(held.reason, still | (hold.clients if hold else still), reasons=reasons))
    return Verdict(cause, hold)


def released(verdict: Verdict, holds: Iterable[Cause | None]) -> Verdict:
    """The verdict without a mark that has to do with other days, once these are not held any more.

    ``holds``: the causes of all days that are held.
    """
    others = set(holds)
    if verdict.cause is Cause.DIMENSIONS_MISSING and not others - {Cause.DIMENSIONS_MISSING}:
        return UNMARKED
    if not others - {Cause.DIMENSIONS_MISSING, Cause.FACTS_REDATED_HERE}:
        return verdict.own
    return verdict
