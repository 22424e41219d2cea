"""A heal in the calling process: find every changed day, materialize just those."""

from dataclasses import dataclass
from datetime import date

from eventflow_pipeline.backfill import BackfillReport, materialize
from eventflow_pipeline.domain.days import contiguous
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Detection, Scope, StaleDay, detect_changes, stale_days
from eventflow_pipeline.warehouse.db.engine import connect, pipeline_engine
from eventflow_pipeline.warehouse.schema.migrations import require_build_settings


@dataclass(frozen=True, slots=True)
class HealReport:
    """What a heal found and did.

    ``found`` are the days it was to compute again, ``held`` those the guard keeps after it (an accepted heal holds
    none). Without runs (``--dry-run``, or nothing to do) ``done`` is empty.
    """

    detection: Detection
    found: tuple[StaleDay, ...]
    held: tuple[StaleDay, ...]
    done: tuple[date, ...]
    failed: tuple[date, ...]
    runs: tuple[str, ...]


def run_heal(
    settings: Settings,
    *,
    accept: bool = False,
    reason: str | None = None,
    author: str = "eventflow_pipeline",
    dry_run: bool = False,
    show_progress: bool = True,
) -> HealReport:
    """One full pass over all days, then Dagster runs for the contiguous ranges of changed days.

    ``accept`` also applies what the guard against mass loss holds; ``reason`` and ``author`` go into the ledger.
    """
    from eventflow_pipeline.defs.run_tags import ACCEPTED, AUTHOR_TAG, HEAL, REASON_TAG, TRIGGER_TAG

    engine = pipeline_engine(settings)
    try:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        detection = detect_changes(engine, settings, Scope.ALL)
        held = detection.held if accept else ()
        found = tuple(sorted({*detection.changed, *held}, key=lambda stale: stale.day))
        if dry_run:
            return HealReport(detection, found, () if accept else detection.held, (), (), ())
        done: list[BackfillReport] = []
        for days, trigger in (([s.day for s in detection.changed], HEAL), ([s.day for s in held], ACCEPTED)):
            tags = {TRIGGER_TAG: trigger, AUTHOR_TAG: author} | ({REASON_TAG: reason} if reason else {})
            done.append(materialize(engine, settings, contiguous(days), tags, show_progress=show_progress))
        after = tuple(stale for stale in stale_days(engine) if stale.held_since)
    finally:
        engine.dispose()
    still_held = {stale.day for stale in after}
    return HealReport(
        detection=detection,
        found=found,
        held=after,
        done=tuple(sorted(day for report in done for day in report.done)),
        failed=tuple(sorted(day for report in done for day in report.failed if day not in still_held)),
        runs=tuple(run for report in done for run in report.runs),
    )
