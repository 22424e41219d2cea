"""Whose parts of which days are held together: random facts that go between parts, and sums alone to tell."""

from datetime import date, timedelta
from random import Random
from uuid import UUID

import pytest

from eventflow_pipeline.domain.holds import Part, parts_held_with

DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
A, B, C = (UUID(int=n) for n in (1, 2, 3))


@pytest.mark.parametrize(
    ("held", "moved", "found"),
    [
        ([(DAY, A)], {}, {(DAY, A)}),
        # Its campaign's row went: to the unknown client, within the day; B deleted something on another.
        ([(DAY, A)], {(DAY, A): -7, (DAY, None): 7, (NEXT, B): -3}, {(DAY, A), (DAY, None)}),
        # Two clients' rows went; C's facts came from nowhere of that day.
        ([(DAY, A)], {(DAY, A): -7, (DAY, B): -3, (DAY, None): 10}, {(DAY, A), (DAY, B), (DAY, None)}),
        # B gave C what C has got: in no part held.
        ([(DAY, A)], {(DAY, A): -7, (DAY, None): 7, (DAY, B): -2, (DAY, C): 2}, {(DAY, A), (DAY, None)}),
        # A's facts were deleted or dated on the next day: it cannot be told of B, which moved too, but of C.
        ([(DAY, A)], {(DAY, A): -7, (NEXT, B): 5}, {(DAY, A), (NEXT, B)}),
        ([(DAY, A)], {(DAY, A): -7, (NEXT, A): 7, (NEXT, B): 5}, {(DAY, A), (NEXT, A)}),
        ([(DAY, A)], {(DAY, A): -9, (NEXT, A): 4, (DAY + timedelta(2), A): 5, (NEXT, B): 1},
         {(DAY, A), (NEXT, A), (DAY + timedelta(2), A)}),
        # What of the day is open is held with it, and those it exchanged facts with.
        ([(DAY, A)], {(DAY, A): -7, (DAY, B): 5, (NEXT, B): -5}, {(DAY, A), (DAY, B), (NEXT, B)}),
        ([], {(DAY, A): -7, (NEXT, B): 5}, set()),
    ],
)  # fmt: skip
def test_parts_held_together(held: list[Part], moved: dict[Part, int], found: set[Part]) -> None:
    assert parts_held_with(held, moved) == found


def test_a_day_held_for_everybody_holds_what_moved_of_it() -> None:
    assert parts_held_with([], {(DAY, A): -7, (NEXT, B): 7, (NEXT, C): 1}, [DAY]) == {(DAY, A), (NEXT, B)}


@pytest.mark.parametrize("seed", range(40))
def test_no_fact_goes_between_a_part_that_is_held_and_one_that_is_not(seed: int) -> None:
    random = Random(seed)
    parts: list[Part] = [(DAY + timedelta(n), client) for n in range(3) for client in (A, B, None)]
    published = {random.getrandbits(63): random.choice(parts) for _ in range(60)}
    now: dict[int, Part | None] = dict(published)
    for _ in range(random.randrange(1, 5)):
        origin, target = random.choice(parts), random.choice([*parts, None])
        for fact in [fact for fact, at in now.items() if at == origin][: random.randrange(1, 20)]:
            now[fact] = target
    moved: dict[Part, int] = dict.fromkeys(parts, 0)
    for fact, at in published.items():
        moved[at] -= fact
        if (to := now[fact]) is not None:
            moved[to] += fact
    losers = {at for fact, at in published.items() if now[fact] != at}
    seeds = random.sample(sorted(losers, key=str), min(len(losers), 1))
    held = parts_held_with(seeds, {part: n for part, n in moved.items() if n})
    assert set(seeds) <= held
    for fact, at in published.items():
        to = now[fact]
        assert to is None or to == at or (to in held) == (at in held), seed
