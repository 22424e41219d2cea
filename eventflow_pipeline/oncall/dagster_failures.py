"""What Dagster itself knows to be wrong: failed runs, failed ticks, failed checks."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.domain.partition_tags import PARTITION, RANGE_END, RANGE_START
from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts import failed_checks as check_store
from eventflow_pipeline.warehouse.alerts.failed_checks import FailedCheck

_LOOK_BACK = timedelta(days=7)
_MOST_RUNS = 500
_TICKS = 3
_MOST_DETAIL = 240
#: A sensor or schedule that no longer exists keeps its last tick for ever.
_FORGOTTEN = timedelta(days=8)
#: Where the runbook explains a check that fails; the rest dispute a number.
_CHECK_RUNBOOK = {
    "linkage": "linkage-drop",
    "sessionless": "linkage-drop",
    "utm_fill": "utm-lost",
    "unknown_utm": "utm-lost",
    "unknown_link": "utm-lost",
    "unresolved_link": "utm-lost",
    "cid_hygiene": "utm-lost",
    "deficit": "visits-zero-or-low",
    "silence": "visits-zero-or-low",
    "unknown_client": "visits-zero-or-low",
    "unknown_entity": "visits-zero-or-low",
}
_FIX = "Compare with the facts; days that differ are rebuilt by themselves, once."
#: What puts a failing check right, by the section of the runbook it points to; for the rest ``_FIX``.
_CHECK_FIX = {
    "linkage-drop": "Find the pages or routes that store entries without the session of their visit.",
    "utm-lost": "Find where UTM, cid or link get lost: the entry page, a redirect, or a missing link row.",
    "visits-zero-or-low": "Find out why visits or their campaign rows are missing; what was not stored cannot be "
    "recomputed, what a missing row hides is recomputed once it is back.",
}
#: The job as which runs that only evaluate checks are told of, whichever job they belong to.
_CHECKS = "checks"
#: What evaluates again what a failed run was to evaluate; of the others days are computed again.
_VERIFYING = frozenset({_CHECKS, "verify_days_job"})
_CLIENT = re.compile(r"client_id ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
#: Checks of today that conditions of their own tell within the minute.
_TOLD_LIVE = frozenset({"deficit", "silence"})


def run_days(tags: Mapping[str, str]) -> DayRange | None:
    """Days a run is about, from its partition or range tags; None when it has none that are dates."""
    first, last = tags.get(RANGE_START) or tags.get(PARTITION), tags.get(RANGE_END) or tags.get(PARTITION)
    try:
        return DayRange(date.fromisoformat(first), date.fromisoformat(last)) if first and last else None
    except ValueError:
        return None


def only_checks(run: dg.DagsterRun) -> bool:
    """Whether the run evaluates checks and materializes nothing: *Execute all*, in Dagster."""
    return bool(run.asset_check_selection) and not run.asset_selection


def failed_runs(instance: dg.DagsterInstance, now: datetime) -> list[Condition]:
    """``run_failed`` per job: days (or whole runs) whose last run within a week failed and no later run made good."""
    since = now - _LOOK_BACK
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS], updated_after=since),
        limit=_MOST_RUNS,
        ascending=False,
    )
    failed_days: dict[str, dict[date | None, dg.RunRecord]] = defaultdict(dict)
    for record in reversed(records):  # oldest first: the last word on each day counts
        run = record.dagster_run
        job = _CHECKS if only_checks(run) else run.job_name
        days: Iterable[date | None] = run_days(run.tags) or [None]
        if run.status is dg.DagsterRunStatus.SUCCESS:
            # None: of a run that failed before it knew its days.
            for day in [*days, None]:
                failed_days[job].pop(day, None)
        elif run.tags.get("dagster/will_retry") != "true":
            for day in days:
                failed_days[job].setdefault(day, record)
    return [_failed_run(job, failures) for job, failures in failed_days.items() if failures]


def _failed_run(job: str, failures: Mapping[date | None, dg.RunRecord]) -> Condition:
    ranges = contiguous(day for day in failures if day)
    newest = max(failures.values(), key=lambda record: record.update_timestamp)
    oldest = min(record.update_timestamp for record in failures.values())
    runs = {record.dagster_run.run_id for record in failures.values()}
    about = f" for {_ranges(ranges)}" if ranges else ""
    title = "assets materialized by hand or by a backfill" if job.startswith("__") else job
    again = f"eventflow {'verify' if job in _VERIFYING else 'backfill'}"
    return Condition(
        name="run_failed",
        subject=job,
        severity=Severity.ERROR,
        since=_utc(oldest),
        summary=f"{len(runs)} failed {'run' if len(runs) == 1 else 'runs'} of {title}{about}",
        runbook="job-failed",
        command=f"{again} --from {ranges[0].first} --to {ranges[-1].last}" if ranges else "eventflow doctor",
        fix="Read the error of the newest run in Dagster, put it right, run the days again.",
        days=DayRange(ranges[0].first, ranges[-1].last) if ranges else None,
        numbers={"runs": len(runs), "days": sum(map(len, ranges)), "newest_run": newest.dagster_run.run_id},
    )


def failed_ticks(instance: dg.DagsterInstance, now: datetime) -> list[Condition]:
    """``tick_failed`` per schedule or sensor whose newest tick failed: a warning, after three in a row an error."""
    found: list[Condition] = []
    for state in instance.all_instigator_state():
        if not state.is_running:
            continue
        ticks = [
            tick
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=_TICKS + 1)
            if tick.is_completed
        ]
        if not ticks or now.timestamp() - ticks[0].timestamp > _FORGOTTEN.total_seconds():
            continue
        failing = 0
        while failing < len(ticks) and ticks[failing].is_failure:
            failing += 1
        if not failing:
            continue
        oldest = datetime.fromtimestamp(ticks[failing - 1].timestamp, UTC)
        found.append(
            Condition(
                name="tick_failed",
                subject=state.instigator_name,
                severity=Severity.ERROR if failing >= _TICKS else Severity.WARN,
                since=min(oldest, now),
                summary=f"{state.instigator_type.value.lower()} {state.instigator_name} fails: "
                f"its last {failing} {'tick' if failing == 1 else 'ticks'}",
                runbook="job-failed",
                command="eventflow doctor",
                fix="Read the tick's error in Dagster's Automation tab.",
                numbers={"ticks": failing},
            )
        )
    return found


def read_check_events(instance: dg.DagsterInstance, engine: Engine, cursor: int | None, most: int = 500) -> int | None:
    """Note failed checks and forget those that pass now, from the events after ``cursor``; returns the new cursor.

    Without a cursor history is not replayed: it begins at the newest event. The rows are committed before the
    caller can store the cursor, so a crash reads events twice and loses none.
    """
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    if cursor is None:
        newest = instance.get_event_records(dg.EventRecordsFilter(kind), limit=1)
        return newest[0].storage_id if newest else 0
    records = instance.get_event_records(dg.EventRecordsFilter(kind, after_cursor=cursor), limit=most, ascending=True)
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is not None and isinstance(event.event_specific_data, dg.AssetCheckEvaluation):
            _note(instance, engine, record.run_id, event.event_specific_data, record.timestamp)
    return records[-1].storage_id if records else cursor


def _note(
    instance: dg.DagsterInstance, engine: Engine, run_id: str, result: dg.AssetCheckEvaluation, at: float
) -> None:
    """Keep ``stats.failed_check`` as the newest evaluation says.

    A range run reports each failing day by itself, of the passing ones perhaps some, and then a summary without a
    partition: what it did not report as failing passes.
    """
    asset, check = result.asset_key.to_user_string(), result.check_name
    run = instance.get_run_by_id(run_id) if result.partition is None else None
    days = run_days(run.tags) if run else None
    if days is not None:
        check_store.passed(engine, asset, check, [day.isoformat() for day in days], run_id)
    elif result.passed:
        check_store.passed(engine, asset, check, [result.partition or ""], "")
    else:
        severity = Severity.WARN if result.severity is dg.AssetCheckSeverity.WARN else Severity.ERROR
        detail = redact((result.description or "")[:_MOST_DETAIL])
        failed_at = datetime.fromtimestamp(at, UTC)
        failure = FailedCheck(asset, check, result.partition or "", severity, run_id, failed_at, detail)
        check_store.failed(engine, failure)


def failing_checks(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``check_failed`` per check: everything it fails for now as one condition that names the range."""
    today = now.astimezone(settings.zone).date().isoformat()
    by_check: dict[str, list[FailedCheck]] = defaultdict(list)
    for failure in check_store.failing(engine):
        if not (failure.check_name in _TOLD_LIVE and failure.partition == today):
            by_check[failure.check_name].append(failure)
    return [_failing_check(check, failures) for check, failures in by_check.items()]


def _failing_check(check: str, failures: Sequence[FailedCheck]) -> Condition:
    ranges = contiguous(failure.day for failure in failures if failure.day)
    assets = sorted({failure.asset for failure in failures})
    days = DayRange(ranges[0].first, ranges[-1].last) if ranges else None
    worst = Severity.ERROR if any(f.severity is Severity.ERROR for f in failures) else Severity.WARN
    newest = max(failures, key=lambda failure: (failure.severity is worst, failure.partition))
    where = assets[0] if len(assets) == 1 else f"{assets[0]} and {len(assets) - 1} more assets"
    runbook = _CHECK_RUNBOOK.get(check, "number-disputed")
    return Condition(
        name="check_failed",
        subject=check,
        severity=worst,
        since=min(failure.failed_at for failure in failures),
        summary=f"check {check} fails" + (f" for {_ranges(ranges)}" if ranges else "") + f" of {where}",
        runbook=runbook,
        command=_command(check, newest, days),
        fix=_CHECK_FIX.get(runbook, _FIX),
        days=days,
        numbers={"days": sum(map(len, ranges)), "assets": len(assets), "newest": newest.detail or None},
    )


def _command(check: str, newest: FailedCheck, days: DayRange | None) -> str:
    """What to run: parity is compared again over all days; of the others the newest client's day is explained."""
    if days is None:
        return "eventflow doctor"
    if check not in _CHECK_RUNBOOK:
        return f"eventflow verify --from {days.first} --to {days.last}"
    named = _CLIENT.search(newest.detail or "")
    client = named[1] if named else "unknown" if check == "unknown_client" else None
    return (
        f"eventflow explain --client {client} --date {newest.partition or days.last}" if client else "eventflow doctor"
    )


def _ranges(ranges: Sequence[DayRange], most: int = 3) -> str:
    days = sum(map(len, ranges))
    more = f" and {len(ranges) - most} more ranges" if len(ranges) > most else ""
    return ", ".join(map(str, ranges[:most])) + more + (f" ({days} days)" if days > 1 else "")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
