"""Whom a run replaces days for, and whether it passes the guard."""

import dagster as dg
import pytest

from eventflow_pipeline.defs.run_tags import AUTHOR_TAG, REASON_TAG, TRIGGER_TAG, request_of


@pytest.mark.parametrize(
    ("tags", "reason", "author", "accepted"),
    [
        ({}, "backfill", "eventflow_pipeline", False),
        ({"user": "ann", REASON_TAG: "T-1"}, "backfill: T-1", "ann", False),
        ({TRIGGER_TAG: "heal"}, "heal", "eventflow_pipeline", False),
        ({TRIGGER_TAG: "schedule"}, "schedule", "eventflow_pipeline", False),
        ({TRIGGER_TAG: "accepted", REASON_TAG: "they left", AUTHOR_TAG: "bob"}, "accepted: they left", "bob", True),
        ({TRIGGER_TAG: "accepted", AUTHOR_TAG: "bob"}, "accepted", "bob", False),
    ],
)
def test_only_what_somebody_accepts_with_a_reason_passes_the_guard(
    tags: dict[str, str], reason: str, author: str, accepted: bool
) -> None:
    run = dg.DagsterRun(job_name="daily_buckets_job", tags=tags)
    request = request_of(run)
    assert (request.run_id, request.reason, request.author, request.accepted) == (run.run_id, reason, author, accepted)
