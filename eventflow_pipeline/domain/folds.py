"""What a fold rule may say (A6): which field of whose facts, and which of its values count in one member."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from eventflow_pipeline.errors import UserError

#: What a folded UTM counts as; a folded id is the nil UUID.
FOLDED = "(folded)"
NIL = UUID(int=0)
UTM_FIELDS = ("utm_source", "utm_medium", "utm_campaign")
ID_FIELDS = ("link_id", "entity_id")
FIELDS = (*UTM_FIELDS, *ID_FIELDS)
#: A longer UTM may be kept as its beginning and a digest (N1): no longer prefix could be found in it.
LONGEST_PREFIX = 160
_ID_PREFIX = re.compile("[0-9a-f-]{1,36}")


@dataclass(frozen=True, slots=True)
class Fold:
    """One rule. ``client_id`` None: the unknown client. ``kind``: values, prefix or all_except.

    ``values`` is the set of the kinds values and all_except, each as facts have it (N1); ids in lower case.
    """

    client_id: UUID | None
    field: str
    kind: str
    values: tuple[str, ...] = ()
    prefix: str | None = None


def require_field(field: str) -> None:
    """Raises UserError naming those there are."""
    if field not in FIELDS:
        raise UserError(f"--field {field!r} cannot be folded: use one of {', '.join(FIELDS)}.")


def ids(lines: Iterable[str]) -> tuple[str, ...]:
    """The ids written one a line, each once, as facts have them. Raises UserError naming a line that is none."""
    found = set()
    for number, line in enumerate(lines, start=1):
        if written := line.strip():
            try:
                found.add(str(UUID(written)))
            except ValueError as problem:
                raise UserError(
                    f"Line {number} is {written[:60]!r}, which is no id: give one uuid a line."
                ) from problem
    return tuple(sorted(found))


def id_prefix(given: str) -> str:
    """The beginning of an id, as ids are spelled. Raises UserError."""
    prefix = given.strip().lower()
    if not _ID_PREFIX.fullmatch(prefix):
        raise UserError(f"--prefix {given!r} begins no id: give the first hexadecimal digits of a uuid.")
    return prefix
