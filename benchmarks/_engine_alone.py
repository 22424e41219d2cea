"""``python -m benchmarks._engine_alone FIRST LAST``: what a backfill computes and checks, in one process, no Dagster.

The same functions, connections and checks as the runs of the daily assets, in their order; ranges are not compared, as
by these.
"""

import sys
from datetime import date
from functools import partial

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import load_settings
from eventflow_pipeline.warehouse.changes.detection import compare_first
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay, replace_days
from eventflow_pipeline.warehouse.db.at_once import at_once
from eventflow_pipeline.warehouse.db.engine import pipeline
from eventflow_pipeline.warehouse.parity.comparison import compare_days
from eventflow_pipeline.warehouse.quality.indicators import findings, indicators, measure
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending


def main(first: str, last: str) -> None:
    """Compute and check the days; anything that fails or differs is raised."""
    days = DayRange(date.fromisoformat(first), date.fromisoformat(last))
    settings = load_settings()
    with pipeline(settings) as engine:
        compare_first(engine, settings, set(days))
        for outcome in replace_days(engine, days, settings):
            if isinstance(outcome, FailedDay):
                raise outcome.problem
        merge_pending(engine)
        with at_once(engine, 1) as begin:
            measuring = begin(partial(measure, engine, settings, days))
            compared = compare_days(engine, settings, days)
            for problem in measuring.result().values():
                raise problem
        indicators(engine, settings, days)
        findings(engine, settings, days)
        if wrong := compared.differences:
            raise RuntimeError(f"{len(wrong)} differences: {wrong[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
