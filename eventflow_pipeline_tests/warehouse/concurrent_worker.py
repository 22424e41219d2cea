"""One of several processes that replace the same days at once: ``python -m … <seed> <first day> <last day>``."""

import random
import sys
from datetime import date

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import load_settings
from eventflow_pipeline.warehouse.engine import pipeline_engine
from eventflow_pipeline.warehouse.histograms import settle_histograms
from eventflow_pipeline.warehouse.range_replacement import FailedDay, replace_days


def main(seed: str, first: str, last: str) -> None:
    """Replace overlapping parts of the range again and again, in random order, settling between."""
    settings = load_settings()
    engine = pipeline_engine(settings)
    days = list(DayRange(date.fromisoformat(first), date.fromisoformat(last)))
    chance = random.Random(seed)
    for _ in range(6):
        part = chance.sample(days, len(days) // 2 + 1)
        failed = [outcome for outcome in replace_days(engine, part, settings) if isinstance(outcome, FailedDay)]
        if failed:
            raise failed[0].problem
        settle_histograms(engine)


if __name__ == "__main__":
    main(*sys.argv[1:])
