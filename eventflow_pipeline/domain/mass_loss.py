"""The guard against mass loss: when a change that nobody asked for must wait for somebody to accept it."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID


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

    @property
    def fall(self) -> int:
        """How much lower the client's day would be."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """Above which the guard holds a change (the ``EVENTFLOW_GUARD_*`` settings)."""

    loss_share: float
    minimum_volume: int
    settled_days: int


def reason_to_hold(losses: Iterable[ClientLoss], limits: GuardLimits) -> str | None:
    """Why a day with these losses is held, in one sentence, or None when it is not.

    Held: a client's hits or conversions would fall by more than the limit because facts were deleted or dimension rows
    vanished. Deletions are judged from the minimum volume on, since a few rows of a small client come and go; a
    vanished dimension row at any volume, since no client's numbers may go by that.
    """
    worst = max(
        (loss for loss in losses if _is_mass_loss(loss, limits)), key=lambda loss: loss.fall / loss.before, default=None
    )
    if worst is None:
        return None
    because = "dimension rows vanished" if worst.vanished * 2 >= worst.lost else "facts were deleted"
    whose = f"client {worst.client_id}" if worst.client_id else "the unknown client"
    return f"{worst.measure} of {whose} would fall from {worst.before} to {worst.after} because {because}"


def _is_mass_loss(loss: ClientLoss, limits: GuardLimits) -> bool:
    allowed = Decimal(str(limits.loss_share)) * loss.before
    if min(Decimal(loss.fall), loss.lost) <= allowed:
        return False
    return loss.before >= limits.minimum_volume or min(Decimal(loss.fall), loss.vanished) > allowed


def reason_to_hold_settled(days: int, limits: GuardLimits) -> str | None:
    """Why all of ``days`` settled days that lost facts or dimension rows are held, or None when they are few enough."""
    if days <= limits.settled_days:
        return None
    return f"{days} settled days would change because facts were deleted or dimension rows vanished"
