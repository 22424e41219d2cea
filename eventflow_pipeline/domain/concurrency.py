"""When a webinar is observed and how its minutes are classed (W1, W2): limits, no clock, no I/O."""

from dataclasses import dataclass
from datetime import timedelta

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ObservationRules:
    """What counts as active, and how long before and after its start a webinar is sampled without anybody there."""

    active: timedelta = timedelta(seconds=180)
    before: timedelta = timedelta(minutes=60)
    after: timedelta = timedelta(hours=4)

    @property
    def parameters(self) -> dict[str, int]:
        """The rules as parameters of the statements about webinars."""
        return {"active_seconds": int(self.active.total_seconds()), **self.window_parameters}

    @property
    def window_parameters(self) -> dict[str, int]:
        """The observed window alone."""
        return {"before_minutes": self.before // MINUTE, "after_minutes": self.after // MINUTE}


def tolerated_misses(owed: int) -> int:
    """Missed minutes a day may have before it is an error instead of a warning: one in twenty of those owed (W1)."""
    return owed // 20
