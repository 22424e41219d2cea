"""Dagster runs in the calling process: a backfill of a range, a heal of just the days that changed; progress by day."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Detection, Scope, StaleDay, detect_changes, stale_days
from eventflow_pipeline.warehouse.days.computed import computed_days
from eventflow_pipeline.warehouse.db.engine import connect, pipeline, server_time
from eventflow_pipeline.warehouse.schema.migrations import require_build_settings


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """Days materialized, days that failed, and the ids of the Dagster runs."""

    done: tuple[date, ...]
    failed: tuple[date, ...]
    runs: tuple[str, ...]


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


def run_backfill(
    settings: Settings, days: DayRange, *, ticket: str | None = None, show_progress: bool = True
) -> BackfillReport:
    """Materialize the daily assets of ``days``, one Dagster run per EVENTFLOW_RUNS_MAX_DAYS days, newest first.

    ``ticket`` becomes the tag ``ticket`` of the runs and the reason in the ledger.
    """
    from eventflow_pipeline.defs.run_tags import ticket_tags

    with pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        return materialize(engine, settings, [days], ticket_tags(ticket), show_progress=show_progress)


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

    with pipeline(settings) as engine:
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
    still_held = {stale.day for stale in after}
    return HealReport(
        detection=detection,
        found=found,
        held=after,
        done=tuple(sorted(day for report in done for day in report.done)),
        failed=tuple(sorted(day for report in done for day in report.failed if day not in still_held)),
        runs=tuple(run for report in done for run in report.runs),
    )


def materialize(
    engine: Engine,
    settings: Settings,
    ranges: Sequence[DayRange],
    tags: Mapping[str, str],
    *,
    show_progress: bool = True,
) -> BackfillReport:
    """Materialize the daily assets of every range in this process, as Dagster runs with ``tags``; newest first."""
    from eventflow_pipeline.definitions import defs
    from eventflow_pipeline.defs.runs import range_tags

    with connect(engine) as connection:
        started = server_time(connection)
    days = [day for part in ranges for day in part]
    if not days:
        return BackfillReport((), (), ())
    span = DayRange(min(days), max(days))
    job = defs.resolve_job_def("daily_buckets_job")
    runs = []
    with (
        dg.DagsterInstance.get() as instance,
        day_progress(engine, span, started, expected=len(days), enabled=show_progress),
    ):
        for part in sorted((p for r in ranges for p in r.chunks(settings.runs.max_days)), reverse=True):
            result = job.execute_in_process(
                instance=instance,
                tags={**tags, **range_tags(part)},
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
            runs.append(result.run_id)
    computed = computed_days(engine, span)
    done = {day for day in days if day in computed and computed[day] >= started}
    return BackfillReport(tuple(sorted(done)), tuple(day for day in sorted(days) if day not in done), tuple(runs))


@contextmanager
def day_progress(
    engine: Engine, days: DayRange, since: datetime, *, expected: int | None = None, enabled: bool = True
) -> Iterator[None]:
    """A progress bar (stderr) of the days of the range computed since ``since``, while the block runs.

    ``expected``: how many days are to be done, when not all of the range.
    """
    if not enabled:
        yield
        return
    over = threading.Event()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(f"computing {days}", total=expected or len(days))

        def follow() -> None:
            while True:
                last = over.wait(0.3)
                done = sum(at >= since for at in computed_days(engine, days).values())
                checking = "checking" if done >= (expected or len(days)) else "computing"
                bar.update(task, completed=done, description=f"{checking} {days}")
                if last:
                    return

        follower = threading.Thread(target=follow, name="progress")
        follower.start()
        try:
            yield
        finally:
            over.set()
            follower.join()
