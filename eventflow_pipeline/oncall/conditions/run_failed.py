"""Runs that failed and that no later run made good, as Dagster records them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.domain.partition_tags import tagged_days
from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.oncall.messages import first_cause, in_words

_LOOK_BACK = timedelta(days=7)
_MOST_RUNS = 500
#: The job under which runs that only evaluate checks are reported, whichever job they belong to.
_CHECKS = "checks"
#: What evaluates again what a failed run was to evaluate; of the others days are computed again.
_VERIFYING = frozenset({_CHECKS, "verify_days_job"})
_BUCKETS = "daily_buckets_job"
#: Of each job that computes days, the table by which its runs are known that were launched by hand or by a backfill.
_COMPUTING = {_BUCKETS: "client_daily", "webinar_stats_job": "webinar_stats_daily"}
#: Launched by a person, whom it has answered: what it could not do is nobody else's incident.
_ANSWERING = "answer_incident_job"


def only_checks(run: dg.DagsterRun) -> bool:
    """Whether the run evaluates checks and materializes nothing: *Execute all*, in Dagster."""
    return bool(run.asset_check_selection) and not run.asset_selection


def conditions(instance: dg.DagsterInstance, now: datetime) -> list[Condition]:
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
        if (job := _job_of(run)) == _ANSWERING:
            continue
        days: Iterable[date | None] = tagged_days(run.tags) or [None]
        if run.status is dg.DagsterRunStatus.SUCCESS:
            # None: of a run that failed before it knew its days.
            for day in [*days, None]:
                failed_days[job].pop(day, None)
        elif run.tags.get("dagster/will_retry") != "true":
            for day in days:
                failed_days[job].setdefault(day, record)
    return [_failed_run(job, failures, _why(instance, failures)) for job, failures in failed_days.items() if failures]


def _job_of(run: dg.DagsterRun) -> str:
    """Whose failure, or success, the run is: of assets that one job computes, that job's, whoever launched it."""
    if only_checks(run):
        return _CHECKS
    if run.job_name.startswith("__"):
        chosen = {key.path[-1] for key in run.asset_selection or ()}
        computing = [job for job, table in _COMPUTING.items() if table in chosen]
        if len(computing) == 1:
            return computing[0]
    return run.job_name


def _newest(failures: Mapping[date | None, dg.RunRecord]) -> dg.RunRecord:
    return max(failures.values(), key=lambda record: record.update_timestamp)


def _why(instance: dg.DagsterInstance, failures: Mapping[date | None, dg.RunRecord]) -> str:
    """What the newest run says: why its step failed, else why it did."""
    run_id = _newest(failures).dagster_run.run_id
    for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
        for record in instance.get_records_for_run(run_id, of_type=kind, limit=1).records:
            event = record.event_log_entry.dagster_event
            if event is not None:
                told = event.step_failure_data if event.is_step_failure else event.job_failure_data
                # Nothing but a message of a run that did not fail itself: its worker died, or it took too long.
                if told is not None and told.error:
                    return first_cause(told.error)
                return redact((event.message or "").split("\n")[0])
    return ""


def _failed_run(job: str, failures: Mapping[date | None, dg.RunRecord], why: str) -> Condition:
    ranges = contiguous(day for day in failures if day)
    newest = _newest(failures)
    oldest = min(record.update_timestamp for record in failures.values())
    runs = {record.dagster_run.run_id for record in failures.values()}
    about = f" for {in_words(ranges)}" if ranges else ""
    title = "assets materialized by hand or by a backfill" if job.startswith("__") else job
    if ranges:
        span = f"--from {ranges[0].first} --to {ranges[-1].last}"
        command = f"eventflow dagster job backfill -j {job} {span} --noprompt"
        if job in _VERIFYING:
            command = f"eventflow verify {span}"
        elif job == _BUCKETS or job.startswith("__"):
            command = f"eventflow backfill {span}"
    elif job == _CHECKS or job.startswith("__"):  # no job that has a name; the page of the run has all of it
        command = "eventflow doctor"
    else:
        command = f"eventflow dagster job launch -j {job}"
    return Condition(
        name="run_failed",
        subject=job,
        severity=Severity.ERROR,
        since=_utc(oldest),
        summary=f"{len(runs)} failed {'run' if len(runs) == 1 else 'runs'} of {title}{about}"
        + (f": {why}" if why else ""),
        runbook="job-failed",
        command=command,
        fix="Put right what the error of the newest run says (Dagster has all of it), then run it again.",
        days=DayRange(ranges[0].first, ranges[-1].last) if ranges else None,
        own_days=frozenset(day for day in failures if day),
        narrowed=lambda some: _failed_run(job, {day: run for day, run in failures.items() if day in some}, why),
        page=f"runs/{newest.dagster_run.run_id}",
        numbers={"runs": len(runs), "days": sum(map(len, ranges)), "newest_run": newest.dagster_run.run_id},
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
