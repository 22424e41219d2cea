"""A simulated audience and an independent account of what samples and buckets must be (W1, W2).

Nothing here is shared with the code under test: people, a database clock that somebody steps, samplers that die, come
back and run twice, and the definitions written out in plain loops.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)
#: The simulation begins here (true time); the webinar of the test starts a little later.
EPOCH = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LENGTH = 60
ACTIVE, MIN_INTERVAL = timedelta(seconds=180), timedelta(seconds=60)


@dataclass(frozen=True)
class Person:
    """One viewer: the stretches (true seconds) in which the page is visible and pings."""

    visible: tuple[tuple[int, int], ...]
    every: int

    def pings(self) -> list[int]:
        """Seconds at which the page pings: on becoming visible, then every ``every`` seconds while it is."""
        return [second for start, end in self.visible for second in range(start, end, self.every)]


@dataclass(frozen=True)
class Story:
    """Everything that happens, in true seconds since EPOCH. ``steps``: (when, by how much) the clock is stepped."""

    start_minute: int
    people: tuple[Person, ...]
    ticks: tuple[int, ...]
    steps: tuple[tuple[int, int], ...]

    def clock(self, second: int) -> datetime:
        """What the database's clock shows."""
        return EPOCH + timedelta(seconds=second + sum(by for when, by in self.steps if when <= second))

    def events(self) -> list[tuple[int, int]]:
        """(second, person) of every ping and (second, -1) of every tick, in order."""
        pings = [(second, who) for who, person in enumerate(self.people) for second in person.pings()]
        return sorted([*pings, *((second, -1) for second in self.ticks)])


@st.composite
def people(draw: st.DrawFn) -> Person:
    """Joins, perhaps hides the tab or leaves and comes back, and leaves."""
    edges = sorted(draw(st.lists(st.integers(0, LENGTH * 60), min_size=2, max_size=6, unique=True)))
    pairs = tuple((edges[n], edges[n + 1]) for n in range(0, len(edges) - 1, 2))
    return Person(pairs, draw(st.integers(110, 130)))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """An hour: an audience, a sampler that ticks every 20 seconds but dies and restarts, a second one beside it."""
    outages = draw(st.lists(st.tuples(st.integers(0, LENGTH * 60), st.integers(30, 900)), max_size=3))
    ticks = [
        second
        for second in range(draw(st.integers(0, 19)), LENGTH * 60, 20)
        if not any(start <= second < start + length for start, length in outages)
    ]
    second_sampler = range(draw(st.integers(0, 59)), LENGTH * 60, 60) if draw(st.booleans()) else ()
    steps = draw(st.lists(st.tuples(st.integers(0, LENGTH * 60), st.integers(-400, 400)), max_size=2))
    return Story(
        start_minute=draw(st.integers(0, 40)),
        people=tuple(draw(st.lists(people(), max_size=6))),
        ticks=tuple(sorted([*ticks, *second_sampler])),
        steps=tuple(steps),
    )


@dataclass
class Account:
    """What must come out, kept by hand while the story runs. ``opens``, ``closes``: the observed window."""

    opens: datetime
    closes: datetime
    last_seen: dict[int, datetime] = field(default_factory=dict)
    samples: dict[datetime, int] = field(default_factory=dict)

    def ping(self, who: int, at: datetime) -> None:
        """A ping is ignored within a minute of the last; a last one in the future was a wrong clock's."""
        last = self.last_seen.get(who)
        if last is None or last <= at - MIN_INTERVAL or last > at:
            self.last_seen[who] = at

    def tick(self, at: datetime) -> None:
        """The first poll in a minute counts, if there is something to observe."""
        minute = at.replace(second=0, microsecond=0)
        viewers = sum(seen >= at - ACTIVE for seen in self.last_seen.values())
        before = [m for m in self.samples if at - 61 * MINUTE <= m < minute]
        closing = bool(before) and self.samples[max(before)] > 0
        if (self.opens <= at < self.closes or viewers or closing) and minute not in self.samples:
            self.samples[minute] = viewers

    def owed(self, minute: datetime, now: datetime) -> bool:
        """Should this minute have been sampled?"""
        if not self.samples or minute < min(self.samples) or minute + MINUTE > now:
            return False
        if self.opens <= minute and minute + MINUTE <= self.closes:
            return True
        before = [m for m in self.samples if minute - 60 * MINUTE <= m < minute]
        return bool(before) and self.samples[max(before)] > 0

    def buckets(self, minutes: Iterable[datetime], now: datetime) -> dict[datetime, tuple[object, ...]]:
        """start → (sample_count, min, max, average, last, gaps) of every bucket with a sample or a gap."""
        found: dict[datetime, list[datetime]] = {}
        for minute in minutes:
            if minute in self.samples or self.owed(minute, now):
                found.setdefault(minute - timedelta(minutes=minute.minute % 5), []).append(minute)
        buckets: dict[datetime, tuple[object, ...]] = {}
        for start, inside in found.items():
            seen = [self.samples[m] for m in sorted(inside) if m in self.samples]
            measured = (min(seen), max(seen), round(sum(seen) / len(seen), 6), seen[-1]) if seen else (None,) * 4
            buckets[start] = (len(seen), *measured, len(inside) - len(seen))
        return buckets
