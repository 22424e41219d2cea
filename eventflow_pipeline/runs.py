"""Dagster runs in the calling process: a backfill of a range, a heal of just the days that changed; progress by day."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

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
from sqlalchemy.exc import SQLAlchemyError

from eventflow_pipeline.domain.changes import Cause
from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.errors import StoppedError, UserError
from eventflow_pipeline.oncall.messages import first_cause
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Detection, Scope, StaleDay, detect_changes, stale_days
from eventflow_pipeline.warehouse.changes.due_days import underived_days
from eventflow_pipeline.warehouse.changes.erasure import Person, Traces, erase_traces, erased_days, explained_days
from eventflow_pipeline.warehouse.days.computed import computed_days
from eventflow_pipeline.warehouse.db.engine import again_when_lost, connect, pipeline, server_time
from eventflow_pipeline.warehouse.schema.build_settings import require_build_settings

#: More commands than these are not told to somebody who stopped one.
_MOST_COMMANDS = 3


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A step of a Dagster run that failed, why, and of which of its days."""

    run_id: str
    step: str
    reason: str
    days: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"Step {self.step} of run {self.run_id[:8]} failed: {self.reason}"]
        return "\n".join(lines + [f"  {day}  {why}" for day, why in self.days.items()])


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """Days materialized, days that failed, the ids of the Dagster runs and every step of theirs that failed.

    ``held``: days asked for that the guard holds now.
    """

    done: tuple[date, ...]
    failed: tuple[date, ...]
    runs: tuple[str, ...]
    failed_steps: tuple[FailedStep, ...] = ()
    held: tuple[StaleDay, ...] = ()


@dataclass(frozen=True, slots=True)
class HealReport:
    """What a heal found and did.

    ``found`` are the days it was to compute again, ``held`` those the guard keeps after it (an accepted heal holds
    none). Without runs (``--dry-run``, or nothing to do) ``done`` is empty. ``measured``: days that were computed and
    whose indicators and checks were still of an earlier computation; ``recorded``: computed days that Dagster did not
    know of.
    """

    detection: Detection
    found: tuple[StaleDay, ...]
    held: tuple[StaleDay, ...]
    done: tuple[date, ...]
    failed: tuple[date, ...]
    runs: tuple[str, ...]
    measured: tuple[date, ...] = ()
    recorded: tuple[date, ...] = ()
    failed_steps: tuple[FailedStep, ...] = ()


def run_backfill(
    settings: Settings,
    days: DayRange,
    *,
    ticket: str | None = None,
    author: str = "eventflow_pipeline",
    show_progress: bool = True,
) -> BackfillReport:
    """Materialize the daily assets of ``days``, one Dagster run per EVENTFLOW_RUNS_MAX_DAYS days, newest first.

    ``ticket`` becomes the tag ``ticket`` of the runs and the reason in the ledger, where ``author`` is named.
    """
    from eventflow_pipeline.defs.run_tags import AUTHOR_TAG, ticket_tags

    with pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        tags = {**ticket_tags(ticket), AUTHOR_TAG: author}
        return materialize(engine, settings, [days], tags, show_progress=show_progress)


def run_accept(
    settings: Settings,
    choose: Callable[[Sequence[StaleDay]], Sequence[StaleDay]],
    *,
    reason: str,
    author: str,
    show_progress: bool = True,
) -> BackfillReport:
    """Compute the held days again that ``choose`` picks, whatever they lose; ``reason`` and ``author`` are recorded.

    A pass over the held days comes first: those whose rows are back are held no longer.
    """
    with pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        marked = [stale.day for stale in stale_days(engine) if stale.held_since]
        held = again_when_lost(partial(detect_changes, engine, settings, Scope.NAMED, marked)).held
        chosen = choose(held)
        _require_origins(chosen, held)
        days = contiguous(stale.day for stale in chosen)
        return materialize(engine, settings, days, accepted_tags(reason, author), show_progress=show_progress)


def _require_origins(chosen: Sequence[StaleDay], held: Sequence[StaleDay]) -> None:
    """Raise UserError where days would be accepted that are held only because of others, and these would not."""
    following = [stale.day for stale in chosen if not stale.losing and stale.held_names]
    elsewhere = (Cause.DIMENSIONS_VANISHED, Cause.DIMENSIONS_MISSING)  # there facts stayed on their day
    origins = [s.day for s in held if s.losing and s not in chosen and s.cause not in elsewhere]
    if following and origins:
        raise UserError(
            f"{following[0]} is held only because facts of days that are held may have come to it: decide about "
            f"{', '.join(map(str, contiguous(origins)))}, and it follows by itself."
        )


def accepted_tags(reason: str, author: str) -> dict[str, str]:
    """Tags of runs that apply what the guard holds."""
    from eventflow_pipeline.defs.run_tags import ACCEPTED, AUTHOR_TAG, REASON_TAG, TRIGGER_TAG

    return {TRIGGER_TAG: ACCEPTED, REASON_TAG: reason, AUTHOR_TAG: author}


def run_heal(
    settings: Settings,
    *,
    accept: str | None = None,
    author: str = "eventflow_pipeline",
    dry_run: bool = False,
    show_progress: bool = True,
) -> HealReport:
    """One full pass over all days, then Dagster runs for the contiguous ranges of changed days.

    With ``accept``, the reason, it also applies what the guard against mass loss holds; it goes into the ledger with
    ``author``.
    """
    from eventflow_pipeline.defs.run_tags import AUTHOR_TAG, HEAL, MEASURE, TRIGGER_TAG

    with pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        detection = again_when_lost(partial(detect_changes, engine, settings, Scope.ALL, dry_run=dry_run))
        held = detection.held if accept else ()
        found = tuple(sorted({*detection.changed, *held}, key=lambda stale: stale.day))
        if dry_run:
            return HealReport(detection, found, () if accept else detection.held, (), (), ())
        recorded = _record_computed_days(engine, show_progress=show_progress)
        underived = underived_days(engine)
        done: list[BackfillReport] = []
        healing = {TRIGGER_TAG: HEAL, AUTHOR_TAG: author}
        changed = [stale for stale in detection.changed if stale not in held]
        for some, tags in ((changed, healing), (held, accepted_tags(accept or "", author))):
            days = contiguous(stale.day for stale in some)
            done.append(materialize(engine, settings, days, tags, show_progress=show_progress))
        recomputed = {day for report in done for day in (*report.done, *report.failed)}
        measured = [due.day for due in underived if due.day not in recomputed]
        done.append(measure_again(settings, contiguous(measured), {TRIGGER_TAG: MEASURE, AUTHOR_TAG: author}))
        after = tuple(stale for stale in stale_days(engine) if stale.held_since)
    return HealReport(
        detection=detection,
        found=found,
        held=after,
        done=tuple(sorted(day for report in done for day in report.done)),
        failed=tuple(sorted(day for report in done for day in report.failed)),
        runs=tuple(run for report in done for run in report.runs),
        measured=tuple(measured),
        recorded=tuple(recorded),
        failed_steps=tuple(step for report in done for step in report.failed_steps),
    )


def _record_computed_days(engine: Engine, *, show_progress: bool) -> Sequence[date]:
    """Have Dagster know the days that are computed, also where the process that computed them was killed."""
    from eventflow_pipeline.defs.finish import unrecorded_days
    from eventflow_pipeline.defs.runs import report_dead_runs

    with dg.DagsterInstance.get() as instance:
        report_dead_runs(instance, engine)
        unrecorded = unrecorded_days(instance, engine, None)
        if unrecorded.days:
            with _bar(enabled=show_progress) as bar:
                span = DayRange(unrecorded.days[0], unrecorded.days[-1])
                task = bar.add_task(f"recording {span}", total=len(unrecorded.days))
                for event in unrecorded.events:
                    instance.report_runless_asset_event(event)
                    bar.advance(task, len(unrecorded.days) / len(unrecorded.events))
    return unrecorded.days


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What named the person, the days computed again without them, those that failed and those the guard holds.

    ``pruned``: days that lost facts and can no longer be computed.
    """

    traces: Traces
    done: tuple[date, ...] = ()
    failed: tuple[date, ...] = ()
    held: tuple[date, ...] = ()
    pruned: tuple[StaleDay, ...] = ()


def run_erase(
    settings: Settings, person: Person, *, reason: str, author: str, dry_run: bool = False, show_progress: bool = True
) -> ErasureReport:
    """Erase a person whose facts were deleted, then compute the days that lost them; see ``erase_traces``.

    Days that an earlier, interrupted erasure left are computed as well.
    """
    from eventflow_pipeline.defs.run_tags import ACCEPTED, AUTHOR_TAG, HEAL, REASON_TAG, TRIGGER_TAG

    with pipeline(settings) as engine:
        with connect(engine) as connection:
            require_build_settings(connection, settings)
        traces = erase_traces(engine, settings, person, dry_run=dry_run)
        if dry_run:
            return ErasureReport(traces)
        detection = again_when_lost(partial(detect_changes, engine, settings, Scope.ALL))
        own = erased_days(engine)
        held = {stale.day for stale in detection.held}
        passing = explained_days(engine, settings, own) & held
        changed = [stale.day for stale in detection.changed if stale.day in own or stale.cause is Cause.FACTS_DELETED]
        done, failed = set(), set()
        for days, trigger in ((changed, HEAL), (sorted(passing), ACCEPTED)):
            tags = {TRIGGER_TAG: trigger, AUTHOR_TAG: author, REASON_TAG: f"erasure: {reason}"}
            report = materialize(engine, settings, contiguous(days), tags, show_progress=show_progress)
            done |= set(report.done)
            failed |= set(report.failed)
        still_held = {stale.day for stale in stale_days(engine) if stale.held_since}
        erased_days(engine)
    return ErasureReport(
        traces,
        tuple(sorted(done)),
        tuple(sorted(failed - still_held)),
        tuple(sorted(still_held & (own.keys() | set(changed)))),
        tuple(stale for stale in detection.pruned if stale.cause is Cause.FACTS_DELETED),
    )


def materialize(
    engine: Engine,
    settings: Settings,
    ranges: Sequence[DayRange],
    tags: Mapping[str, str],
    *,
    show_progress: bool = True,
) -> BackfillReport:
    """Materialize the daily assets of every range in this process, as Dagster runs with ``tags``; newest first.

    Raises StoppedError, with what is done and how to go on.
    """
    from eventflow_pipeline.definitions import defs
    from eventflow_pipeline.defs.run_tags import ACCEPTED, TRIGGER_TAG

    with connect(engine) as connection:
        started = server_time(connection)
    days = [day for part in ranges for day in part]
    if not days:
        return BackfillReport((), (), ())
    span = DayRange(min(days), max(days))
    with (
        dg.DagsterInstance.get() as instance,
        day_progress(engine, span, started, expected=len(days), instance=instance, enabled=show_progress),
    ):
        job = defs.resolve_job_def("daily_buckets_job")
        results = []
        for part in _parts(ranges, settings):
            results.append(_run(job, instance, part, tags))
            if _was_stopped(results[-1]):
                # Dagster knows of nobody who asked for it, and calls the run failed.
                instance.report_run_canceled(results[-1].dagster_run, "Stopped from the command line.")
                # The last of them it had no time to record.
                _record_computed_days(engine, show_progress=False)
                left = [day for day in days if computed_days(engine, span).get(day, started) <= started]
                raise StoppedError(_how_to_go_on(days, left, tags))
    computed = computed_days(engine, span)
    done = {day for day in days if day in computed and computed[day] >= started}
    held = tuple(stale for stale in stale_days(engine) if stale.held_since and stale.day in set(days))
    # What was to be accepted and still is held has failed.
    kept = done | ({stale.day for stale in held} if tags.get(TRIGGER_TAG) != ACCEPTED else set())
    return BackfillReport(tuple(sorted(done)), tuple(sorted(set(days) - kept)), *_runs_and_failures(results), held=held)


def _was_stopped(result: dg.ExecuteInProcessResult) -> bool:
    """Did somebody press Ctrl-C?"""
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return any(error and error.cls_name == dg.DagsterExecutionInterruptedError.__name__ for error in errors)


def _how_to_go_on(days: Sequence[date], left: Sequence[date], tags: Mapping[str, str]) -> str:
    """What to say when somebody has stopped a command: what is done, and the command that does the rest."""
    from eventflow_pipeline.defs.run_tags import TRIGGER_TAG

    commands = [f"`eventflow backfill --from {part.first} --to {part.last}`" for part in contiguous(left)]
    if TRIGGER_TAG in tags or len(commands) > _MOST_COMMANDS:
        commands = ["the same command"]
    done = f"{len(days) - len(left)} of {len(days)} days are done and kept"
    return f"Stopped: {done}: go on with {' and '.join(commands)}." if left else f"Stopped: {done}."


def measure_again(settings: Settings, ranges: Sequence[DayRange], tags: Mapping[str, str]) -> BackfillReport:
    """Measure the indicators of every range in this process and evaluate its checks; no day is computed (``done``)."""
    if not ranges:
        return BackfillReport((), (), ())
    from eventflow_pipeline.definitions import defs
    from eventflow_pipeline.defs.finish import CHECKED, MEASURED

    job = defs.resolve_job_def("daily_buckets_job")
    part_of_it = job.get_subset(asset_selection=set(MEASURED), asset_check_selection=set(CHECKED))
    with dg.DagsterInstance.get() as instance:
        results = [_run(part_of_it, instance, part, tags) for part in _parts(ranges, settings)]
    return BackfillReport((), (), *_runs_and_failures(results))


def _parts(ranges: Sequence[DayRange], settings: Settings) -> list[DayRange]:
    """The ranges, cut into runs, newest first."""
    return sorted((part for days in ranges for part in days.chunks(settings.runs.max_days)), reverse=True)


def _run(
    job: dg.JobDefinition, instance: dg.DagsterInstance, days: DayRange, tags: Mapping[str, str]
) -> dg.ExecuteInProcessResult:
    from eventflow_pipeline.defs.runs import range_tags

    return job.execute_in_process(
        instance=instance,
        tags={**tags, **range_tags(days)},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def _runs_and_failures(
    results: Sequence[dg.ExecuteInProcessResult],
) -> tuple[tuple[str, ...], tuple[FailedStep, ...]]:
    failed = []
    for result in results:
        for event in result.all_events:
            if not event.is_step_failure:
                continue
            failure = event.step_failure_data
            said = failure.user_failure_data
            why = (said and said.description) or first_cause(failure.error)
            days = {day: str(entry.value) for day, entry in said.metadata.items()} if said else {}
            failed.append(FailedStep(result.run_id, str(event.step_key), why, days))
    return tuple(result.run_id for result in results), tuple(failed)


def forget_materializations(*, closings: bool) -> None:
    """Have Dagster forget every materialization of ours, after a rebuild: its partitions are as empty as the tables.

    Those of closed months, which know the chain's end, only with ``closings``: the chain itself was discarded.
    """
    from eventflow_pipeline.definitions import defs
    from eventflow_pipeline.defs.closings import KEY

    keys = [key for key in defs.resolve_asset_graph().materializable_asset_keys if closings or key != KEY]
    with dg.DagsterInstance.get() as instance:
        instance.wipe_assets(keys)


def _bar(*, enabled: bool = True) -> Progress:
    """A bar of days on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not enabled,
    )


@contextmanager
def day_progress(
    engine: Engine,
    days: DayRange,
    since: datetime,
    *,
    expected: int | None = None,
    instance: dg.DagsterInstance | None = None,
    enabled: bool = True,
) -> Iterator[None]:
    """A progress bar (stderr) of the days of the range computed since ``since``, while the block runs; then of those
    that ``instance`` knows of.

    ``expected``: how many days are to be done, when not all of the range.
    """
    if not enabled:
        yield
        return
    over, began = threading.Event(), datetime.now(UTC)
    total = expected or len(days)
    with _bar() as bar:
        task = bar.add_task(f"computing {days}", total=total)

        def follow() -> None:
            while True:
                last = over.wait(0.3)
                with suppress(SQLAlchemyError, UserError):  # whether the server is away others say
                    done, phase = sum(at >= since for at in computed_days(engine, days).values()), "computing"
                    if done >= total:
                        phase = "checking"
                        if instance and (recorded := _recorded(instance, days, began)) < total:
                            done, phase = recorded, "recording"
                    bar.update(task, completed=done, description=f"{phase} {days}")
                if last:
                    return

        follower = threading.Thread(target=follow, name="progress")
        follower.start()
        try:
            yield
        finally:
            over.set()
            follower.join()


def _recorded(instance: dg.DagsterInstance, days: DayRange, since: datetime) -> int:
    """How many of the days this process has recorded since ``since``: a day's last asset is recorded last."""
    from eventflow_pipeline.defs.buckets import ASSET_KEYS
    from eventflow_pipeline.defs.dagster_internals.private import last_recorded

    known = last_recorded(instance, ASSET_KEYS[-1], [day.isoformat() for day in days])
    return sum(at >= since for _, at in known.values())
