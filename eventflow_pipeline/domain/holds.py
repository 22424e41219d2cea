"""Whose parts of which days are held because facts went between them and parts that are held, or may have (E3).

Of what was published of a client's part of a day only sums are kept: how its facts' ids differ from those there now is
one number. Where such numbers add up to nothing, the facts that some parts lack are those that others have more.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from uuid import UUID

#: A client's part of a day (None: the unknown client's).
Part = tuple[date, UUID | None]


def parts_held_with(held: Collection[Part], moved: Mapping[Part, int], whole: Collection[date] = ()) -> set[Part]:
    """The parts held together with ``held``, these among them.

    ``moved``: of each part whose facts are not the same any more, how the sum of their ids' hashes differs from that of
    the published ones; facts recorded later left out. A part that is not in it is provably not involved. ``whole``:
    days held for everybody.

    Parts whose differences cancel out exchanged facts among themselves alone: looked for in pairs, in a day, in a
    client. Of the others it cannot be told: all of them are held, if one is.
    """
    found = {*held, *(part for part in moved if part[0] in whole)}
    open_parts = dict(moved)

    def close(groups: Iterable[set[Part]]) -> None:
        for group in groups:
            if group <= open_parts.keys() and sum(open_parts[part] for part in group) == 0:
                if group & found:
                    found.update(group)
                for part in group:
                    del open_parts[part]

    close(pair for day in _by(0, open_parts) for pair in _pairs({part: moved[part] for part in day}))
    close(_by(0, open_parts))
    # What is open of a day is held when some of it is: so its own transaction decides, too, which sees no other day.
    for day in _by(0, open_parts):
        if day & found:
            found.update(day)
    close(_pairs(open_parts))
    close(_by(1, open_parts))
    if open_parts.keys() & found:
        found.update(open_parts)
    return found


def _by(place: int, parts: Iterable[Part]) -> list[set[Part]]:
    groups: dict[object, set[Part]] = defaultdict(set)
    for part in parts:
        groups[part[place]].add(part)
    return list(groups.values())


def _pairs(parts: Mapping[Part, int]) -> list[set[Part]]:
    by_difference = {difference: part for part, difference in parts.items()}
    return [
        {part, by_difference[-difference]}
        for part, difference in parts.items()
        if difference > 0 and -difference in by_difference
    ]
