"""Repeated measurements, both sides of a ratio in turn, so that what else the machine does falls on both."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Times:
    """Seconds one thing took, one entry a repetition."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """19 of 20 took at most this long."""
        return sorted(self.seconds)[max(0, -(-len(self.seconds) * 95 // 100) - 1)]


def in_turn(repetitions: int, things: Mapping[str, Callable[[], object]]) -> dict[str, Times]:
    """Do every thing ``repetitions`` times, one after the other in each round. What a thing returns, when callable, is
    what is timed: the call itself was its preparation."""
    times = {name: Times() for name in things}
    for _ in range(repetitions):
        for name, thing in things.items():
            started = time.perf_counter()
            prepared = thing()
            if callable(prepared):
                started = time.perf_counter()
                prepared()
            times[name].seconds.append(time.perf_counter() - started)
    return times


def shown(seconds: float) -> str:
    """Seconds, or milliseconds where those read better."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
