"""Repairing what a comparison found different: the days are rebuilt from their facts, once."""

from collections.abc import Sequence

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.differences import Comparison
from eventflow_pipeline.logs import logger
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.day_replacement import Request, replace_day
from eventflow_pipeline.warehouse.guard import DayHeld
from eventflow_pipeline.warehouse.histograms import rebuild_histograms
from eventflow_pipeline.warehouse.parity import days_to_rebuild


def repair(engine: Engine, settings: Settings, found: Comparison, run_id: str | None = None) -> Sequence[DayRange]:
    """Rebuild bridge, buckets and every histogram row touching the days that differ; returns them as ranges.

    A failing window rebuilds all its days. Nothing is compared again here: the caller does, and reports the failure
    either way. One log line a range says what was rebuilt and why.
    """
    request = Request(run_id=run_id, reason="repair: parity", guarded=True, from_scratch=True)
    ranges = days_to_rebuild(found)
    for days in ranges:
        for day in days:
            try:
                replace_day(engine, day, settings, request)
            except DayHeld as held:  # its facts are being lost at this moment: people decide
                logger().error("parity_repair_held", partition=str(day), run_id=run_id, reason=str(held))
        rebuild_histograms(engine, days)
        reasons = sorted({f"{d.part} {d.grain}" for d in found.differences if d.day in days or d.first in days})
        logger().warning(
            "parity_repair",
            partition=str(days),
            run_id=run_id,
            reason=", ".join(reasons),
            differences=len(found.differences),
        )
    return ranges
