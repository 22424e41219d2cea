"""What numbers mean beside the rules, chosen once for a database: hourly lists (B1), look-back of linkage (Q2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from eventflow_pipeline.errors import UserError


@dataclass(frozen=True, slots=True)
class Definitions:
    """The values in force. Lists are sorted and name each id once."""

    hourly_clients: tuple[UUID, ...]
    hourly_campaigns: tuple[UUID, ...]
    linkage_days_before: int
    linkage_minutes_after: int


@dataclass(frozen=True, slots=True)
class Definition:
    """One of them: what it says, its unit or form, and the least and the most of a number (None: a list of ids)."""

    meaning: str
    bounds: tuple[int, int] | None = None

    @property
    def of_days(self) -> bool:
        """Whether a day's stored numbers depend on it; else its indicators do."""
        return self.bounds is None


#: By name: a field of ``Definitions``, a column of stats.build_settings.
DEFINITIONS: Mapping[str, Definition] = {
    "hourly_clients": Definition("Clients that get hour buckets (B1), ids separated by commas."),
    "hourly_campaigns": Definition("Campaigns and webinars that get hour buckets (B1), ids separated by commas."),
    "linkage_days_before": Definition("How many days before an entry its visit may lie (Q2).", (1, 400)),
    "linkage_minutes_after": Definition("How many minutes after an entry its visit may lie (Q2).", (0, 1_440)),
}


def require_definition(name: str) -> Definition:
    """The definition of that name. Raises UserError naming those there are."""
    if name not in DEFINITIONS:
        raise UserError(f"There is no definition {name!r}: use one of {', '.join(DEFINITIONS)}.")
    return DEFINITIONS[name]


def parsed(name: str, given: str) -> tuple[UUID, ...] | int:
    """The value somebody wrote for a definition; ``none`` or nothing is the empty list. Raises UserError."""
    definition = require_definition(name)
    if definition.bounds is None:
        listed = given.replace(",", " ").split()
        try:
            return tuple(sorted({UUID(part) for part in listed if part.lower() != "none"}))
        except ValueError as problem:
            raise UserError(f"{name} takes ids separated by commas, or none; {given!r} has one that is no uuid.") from (
                problem
            )
    least, most = definition.bounds
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise UserError(f"{name} takes a whole number from {least} to {most:,}; {given!r} is none.")
    return int(given)


def spelled(value: tuple[UUID, ...] | int) -> str:
    """A value as ``parsed`` takes it."""
    return (",".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
