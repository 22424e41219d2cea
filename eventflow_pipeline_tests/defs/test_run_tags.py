"""Whom a run replaces days for, and whether it passes the guard."""

import dagster as dg
import pytest

from eventflow_pipeline.defs.run_tags import AUTHOR_TAG, REASON_TAG, TRIGGER_TAG, ReplaceDaysConfig, request_of

ACCEPTED = {TRIGGER_TAG: "accepted", AUTHOR_TAG: "bob"}


@pytest.mark.parametrize(
    ("tags", "config", "reason", "author", "accepted"),
    [
        ({}, {}, "backfill", "eventflow_pipeline", False),
        ({"user": "ann", REASON_TAG: "T-1"}, {}, "backfill: T-1", "ann", False),
        ({"user": "ann"}, {"reason": "T-2"}, "backfill: T-2", "ann", False),
        ({TRIGGER_TAG: "heal"}, {}, "heal", "eventflow_pipeline", False),
        ({TRIGGER_TAG: "schedule"}, {}, "schedule", "eventflow_pipeline", False),
        (ACCEPTED | {REASON_TAG: "they left"}, {}, "accepted: they left", "bob", True),
        ({AUTHOR_TAG: "bob"}, {"accept": True, "reason": "they left"}, "accepted: they left", "bob", True),
    ],
)
def test_a_run_says_why_it_replaces_days_and_for_whom(
    tags: dict[str, str], config: dict[str, object], reason: str, author: str, accepted: bool
) -> None:
    run = dg.DagsterRun(job_name="daily_buckets_job", tags=tags)
    request = request_of(run, ReplaceDaysConfig(**config))  # type: ignore[arg-type]
    assert (request.run_id, request.reason, request.author, request.accepted) == (run.run_id, reason, author, accepted)


@pytest.mark.parametrize(("tags", "accept"), [(ACCEPTED, False), ({}, True)])
def test_nothing_is_accepted_without_a_reason(tags: dict[str, str], accept: bool) -> None:
    with pytest.raises(dg.Failure, match="Nothing is accepted without a reason"):
        request_of(dg.DagsterRun(job_name="daily_buckets_job", tags=tags), ReplaceDaysConfig(accept=accept))
