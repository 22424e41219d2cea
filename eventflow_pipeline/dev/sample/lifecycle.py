"""How the traffic of one campaign or webinar rises and falls over the sample's days."""

from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Popularity with a peak; ``peak`` and ``spread`` count days from the first one, ``floor`` is a share."""

    popularity: float
    peak: float
    spread: float
    floor: float

    def weight(self, index: int) -> float:
        """Relative traffic on day ``index``: a slow rise to the peak and a fall twice as fast."""
        width = self.spread if index <= self.peak else self.spread / 2
        return self.popularity * (self.floor + exp(-(((index - self.peak) / width) ** 2)))

    def over(self, days: int) -> bool:
        """True when the peak and its tail lie before the last of ``days`` days."""
        return self.floor < 0.1 and self.peak + self.spread < days - 1
