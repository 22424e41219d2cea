"""Which runs to ask for when days have changed: one per contiguous range, or several when it is long; none twice, a
failing one ever later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from eventflow_pipeline.domain.days import DayRange, contiguous


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A day whose buckets no longer answer for its facts: since when, and when it was last computed."""

    day: date
    since: datetime
    computed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunningRange:
    """A run that waits (``waiting``) or works on ``days``, and has replaced those in ``done``.

    ``automatic``: asked for by a schedule, a sensor or a heal.
    """

    run_id: str
    days: DayRange
    waiting: bool
    automatic: bool
    done: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class FailedRange:
    """An automatic run over ``days`` that failed or was cancelled."""

    days: DayRange
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """``recent_from``: days from here on are never kept waiting behind somebody's queued backfill. ``retry``: pause
    after a first failure, doubled by each further one. ``attempts``: failures within a day after which a range is
    left alone until older failures are a day old. ``days_per_run``: most days of a run. ``at_once``: automatic runs in
    work or waiting at once."""

    recent_from: date
    retry: timedelta
    attempts: int
    days_per_run: int
    at_once: int = 10


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run to ask for. Equal keys are the same request: Dagster answers them with one run."""

    days: DayRange
    key: str


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Runs to ask for, newest days first, and why changed days are not among them."""

    runs: tuple[PlannedRun, ...]
    reasons: tuple[str, ...]


def plan_runs(
    changed: Iterable[ChangedDay],
    running: Sequence[RunningRange],
    failed: Sequence[FailedRange],
    now: datetime,
    limits: PlanLimits,
) -> RunPlan:
    """Runs for the changed days, except those some run will still compute and those that failed a moment ago."""
    due: dict[date, str] = {}
    kept: dict[str, list[date]] = {}
    for day in changed:
        if run := _will_compute(day, running, limits):
            kept.setdefault(f"run {run.run_id[:8]} {'waits for' if run.waiting else 'is computing'} them", []).append(
                day.day
            )
            continue
        failures = [f for f in failed if _failed_on(f, day)]
        wait = _pause(failures, limits)
        if failures and (wait is None or now < max(f.ended for f in failures) + wait):
            until = "somebody has looked" if wait is None else f"{max(f.ended for f in failures) + wait:%H:%M:%S} UTC"
            kept.setdefault(f"{len(failures)} runs failed, not again until {until}", []).append(day.day)
            continue
        due[day.day] = f"{day.since.isoformat()}/{len(failures)}"
    ranges = [part for days in contiguous(due) for part in days.chunks(limits.days_per_run)][::-1]
    room = max(0, limits.at_once - sum(run.automatic for run in running))
    if later := ranges[room:]:
        kept[f"{limits.at_once} automatic runs are enough at once"] = [day for days in later for day in days]
    return RunPlan(
        tuple(PlannedRun(days, f"{days}@{max(due[day] for day in days)}") for days in ranges[:room]),
        tuple(f"{', '.join(map(str, contiguous(days)))}: {reason}" for reason, days in kept.items()),
    )


def _will_compute(day: ChangedDay, running: Iterable[RunningRange], limits: PlanLimits) -> RunningRange | None:
    """A run that has the day still before it. Its snapshot will be later than now, so it sees what has changed."""
    for run in running:
        if day.day not in run.days or day.day in run.done:
            continue  # a run replaces a day once; what changed after that is not its business
        if run.waiting and not run.automatic and day.day >= limits.recent_from:
            continue  # somebody's long backfill may wait for hours
        return run
    return None


def _failed_on(failure: FailedRange, day: ChangedDay) -> bool:
    """Did the run fail on this very day, rather than on another of its range?"""
    return day.day in failure.days and (day.computed_at is None or day.computed_at < failure.began)


def _pause(failures: Sequence[FailedRange], limits: PlanLimits) -> timedelta | None:
    """How long to wait after that many failures; None when there were too many."""
    if len(failures) >= limits.attempts:
        return None
    doublings = max(0, len(failures) - 1)
    return limits.retry * (1 << doublings)
