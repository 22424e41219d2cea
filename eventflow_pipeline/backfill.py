"""A backfill in the calling process: Dagster runs over a range, with progress by day."""

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

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.computed import computed_days, server_time
from eventflow_pipeline.warehouse.db.engine import connect, pipeline_engine
from eventflow_pipeline.warehouse.schema.migrations import require_build_settings


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """Days materialized, days that failed, and the ids of the Dagster runs."""

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

    engine = pipeline_engine(settings)
    with connect(engine) as connection:
        require_build_settings(connection, settings)
    try:
        return materialize(engine, settings, [days], ticket_tags(ticket), show_progress=show_progress)
    finally:
        engine.dispose()


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
