"""Repairing what a comparison found different: the days are rebuilt from their facts, once."""

from dataclasses import dataclass

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.differences import Comparison
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.day_replacement import Request, replace_day
from eventflow_pipeline.warehouse.guard import DayHeld
from eventflow_pipeline.warehouse.histograms import rebuild_histograms
from eventflow_pipeline.warehouse.parity import days_to_rebuild


@dataclass(frozen=True, slots=True)
class Repair:
    """Days rebuilt, as ranges; and those the guard against mass loss kept, because their facts just went away."""

    rebuilt: tuple[DayRange, ...] = ()
    held: tuple[DayHeld, ...] = ()

    def __str__(self) -> str:
        rebuilt = f"rebuilt {', '.join(map(str, self.rebuilt))}"
        return rebuilt + (f", held {', '.join(str(held.day) for held in self.held)}" if self.held else "")


def repair(
    engine: Engine, settings: Settings, found: Comparison, run_id: str | None = None, author: str = "eventflow_pipeline"
) -> Repair:
    """Rebuild bridge, buckets and every histogram row touching the days that differ.

    A failing window rebuilds all its days. Nothing is compared again here: the caller does, and reports the failure
    either way. The ledger notes each day, with ``author``.
    """
    request = Request(run_id=run_id, reason="repair: parity", author=author, guarded=True, from_scratch=True)
    held: list[DayHeld] = []
    ranges = tuple(days_to_rebuild(found))
    for days in ranges:
        for day in days:
            try:
                replace_day(engine, day, settings, request)
            except DayHeld as kept:
                held.append(kept)
        rebuild_histograms(engine, days)
    return Repair(ranges, tuple(held))
