"""Whom a run replaces days for, and whether the guard watches it."""

import dagster as dg
import pytest

from eventflow_pipeline.defs.run_tags import AUTHOR_TAG, REASON_TAG, TRIGGER_TAG, request_of


@pytest.mark.parametrize(
    ("tags", "reason", "author", "guarded"),
    [
        ({}, "backfill", "eventflow_pipeline", False),
        ({"user": "ann", REASON_TAG: "T-1"}, "backfill: T-1", "ann", False),
        ({TRIGGER_TAG: "heal"}, "heal", "eventflow_pipeline", True),
        ({TRIGGER_TAG: "schedule"}, "schedule", "eventflow_pipeline", True),
        ({TRIGGER_TAG: "accepted", REASON_TAG: "they left", AUTHOR_TAG: "bob"}, "accepted: they left", "bob", False),
    ],
)
def test_what_starts_by_itself_is_guarded(tags: dict[str, str], reason: str, author: str, guarded: bool) -> None:
    run = dg.DagsterRun(job_name="daily_buckets_job", tags=tags)
    request = request_of(run)
    assert (request.run_id, request.reason, request.author, request.guarded) == (run.run_id, reason, author, guarded)
