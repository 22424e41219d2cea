"""Repairing what a comparison found different: the days are rebuilt from their facts, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.domain.differences import Comparison
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.guard import DayHeld
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.parity.comparison import days_to_rebuild
from eventflow_pipeline.warehouse.ranges.histograms import rebuild_histograms


@dataclass(frozen=True, slots=True)
class Repair:
    """Days rebuilt, as ranges; and those kept as they were, with the reason.

    The guard against mass loss keeps days whose facts are going away; pruned session-days those they no longer reach.
    """

    rebuilt: tuple[DayRange, ...] = ()
    kept: Mapping[date, str] = field(default_factory=dict)

    def __str__(self) -> str:
        rebuilt = f"rebuilt {', '.join(map(str, self.rebuilt)) or 'nothing'}"
        return rebuilt + (f", kept {', '.join(map(str, self.kept))}" if self.kept else "")


def repair(
    engine: Engine, settings: Settings, found: Comparison, run_id: str | None = None, author: str = "eventflow_pipeline"
) -> Repair:
    """Rebuild session-days, buckets and every histogram row touching the days that differ.

    A failing window rebuilds all its days. Nothing is compared again here: the caller does, and reports the failure
    either way. The ledger notes each day, with ``author``.
    """
    request = Request(run_id=run_id, reason="repair: parity", author=author, from_scratch=True)
    kept: dict[date, str] = {}
    ranges = days_to_rebuild(found)
    for days in ranges:
        for day in days:
            try:
                replace_day(engine, day, settings, request)
            except (DayHeld, UserError) as refused:
                kept[day] = str(refused)
        rebuild_histograms(engine, days)
    return Repair(tuple(contiguous(day for days in ranges for day in days if day not in kept)), kept)
