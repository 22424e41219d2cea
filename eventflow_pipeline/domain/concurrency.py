"""When a webinar is observed and how its minutes are told apart (W1, W2): names and limits, no clock, no I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
#: Length of the buckets that are stored; intervals of readers are put together from them.
BUCKET = timedelta(minutes=5)
#: Checks of a computed day, in the order they are shown.
CHECKS = ("completeness", "min_average_max", "peak_within_known_viewers")


@dataclass(frozen=True, slots=True)
class ObservationRules:
    """What counts as active, and how long before and after its start a webinar is sampled without anybody there."""

    active: timedelta = timedelta(seconds=180)
    before: timedelta = timedelta(minutes=60)
    after: timedelta = timedelta(hours=4)

    @property
    def parameters(self) -> dict[str, int]:
        """The rules as parameters of the statements under ``sql/webinar``."""
        return {"active_seconds": int(self.active.total_seconds()), **self.window_parameters}

    @property
    def window_parameters(self) -> dict[str, int]:
        """The observed window alone."""
        return {"before_minutes": self.before // MINUTE, "after_minutes": self.after // MINUTE}


def floor_minute(instant: datetime) -> datetime:
    """The minute a sample taken at ``instant`` belongs to."""
    return instant.replace(second=0, microsecond=0)
