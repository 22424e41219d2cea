"""Running jobs in the test's process, and parts of jobs for tests that are about something else than the rest."""

from datetime import date

import dagster as dg

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.partition_tags import PARTITION, RANGE_END, RANGE_START


def run_days(job: dg.JobDefinition, instance: dg.DagsterInstance, days: DayRange | date) -> dg.ExecuteInProcessResult:
    """Run a job for an inclusive range, or for one day as its partition; a failing run is returned, not raised."""
    if isinstance(days, DayRange):
        tags = {RANGE_START: days.first.isoformat(), RANGE_END: days.last.isoformat()}
    else:
        tags = {PARTITION: days.isoformat()}
    return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def buckets_alone(defs: dg.Definitions) -> dg.JobDefinition:
    """The job that replaces days, without the checks and indicators that follow in the same run."""
    from eventflow_pipeline.defs.buckets import ASSET_KEYS

    job = defs.resolve_job_def("daily_buckets_job")
    return job.get_subset(asset_selection=set(ASSET_KEYS), asset_check_selection=set())
