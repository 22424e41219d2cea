"""One of several processes at work on the same days: ``python -m … replace|sensor <seed> <first day> <last day>``."""

import random
import sys
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings, load_settings
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.changes.due_days import changed_days
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay, replace_days
from eventflow_pipeline.warehouse.db.engine import pipeline_engine
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending


def _replace(engine: Engine, settings: Settings, days: Iterable[date]) -> None:
    failed = [outcome for outcome in replace_days(engine, days, settings) if isinstance(outcome, FailedDay)]
    if failed:
        raise failed[0].problem
    merge_pending(engine)


def main(kind: str, seed: str, first: str, last: str) -> None:
    """``replace``: overlapping parts of the range in random order. ``sensor``: what a pass finds, as its runs do."""
    settings = load_settings()
    engine = pipeline_engine(settings)
    days = list(DayRange(date.fromisoformat(first), date.fromisoformat(last)))
    chance = random.Random(seed)
    for _ in range(5):
        if kind == "replace":
            _replace(engine, settings, chance.sample(days, len(days) // 2 + 1))
        else:
            detect_changes(engine, settings, Scope.LOOKBACK)
            _replace(engine, settings, [changed.day for changed in changed_days(engine)])


if __name__ == "__main__":
    main(*sys.argv[1:])
