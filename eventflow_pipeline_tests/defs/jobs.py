"""Parts of jobs, for tests that are about something else than the rest."""

import dagster as dg


def buckets_alone(defs: dg.Definitions) -> dg.JobDefinition:
    """The job that replaces days, without the checks and indicators that follow in the same run."""
    from eventflow_pipeline.defs.marketing import ASSET_KEYS

    job = defs.resolve_job_def("daily_buckets")
    return job.get_subset(asset_selection=set(ASSET_KEYS), asset_check_selection=set())
