"""The rule of missing visits (Q6) and what explains them, without a server."""

import pytest

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.deficit import DeficitRule, cause_of_deficit

#: A client whose entries go on and whose visits do not, while everybody else's do.
EVIDENCE = {
    "entries": 20,
    "entries_with_session": 0,
    "all_hits": 100,
    "client_hits": 0,
    "sessionless_hits": 0,
    "excluded_hits": 0,
    "hits_of_missing_campaigns": 0,
    "misdated_hits": 0,
}


@pytest.mark.parametrize(
    ("seen", "entered", "severity"),
    [
        (10, 546, Severity.ERROR),  # the incident
        (0, 5, Severity.ERROR),
        (0, 4, None),
        (54, 546, Severity.ERROR),
        (55, 546, Severity.WARN),
        (1, 10, Severity.WARN),
        (272, 546, Severity.WARN),
        (273, 546, None),
        (5, 10, None),
        (0, 0, None),
    ],
)
def test_rule(seen: int, entered: int, severity: Severity | None) -> None:
    assert DeficitRule().judge(seen, entered) is severity


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({}, "session_and_visit_lost"),
        ({"entries_with_session": 3}, "visit_call_lost"),
        ({"all_hits": 0, "entries_with_session": 3}, "capture_down"),
        ({"client_hits": 2}, "few_visits"),
        ({"client_hits": 2, "sessionless_hits": 1}, "few_visits"),
        ({"client_hits": 2, "sessionless_hits": 2}, "session_lost"),
        ({"misdated_hits": 1, "client_hits": 2}, "misdated"),
        ({"excluded_hits": 1, "misdated_hits": 1}, "excluded"),
        ({"hits_of_missing_campaigns": 1, "excluded_hits": 1}, "campaign_row_missing"),
    ],
)
def test_the_most_specific_cause_is_named(found: dict[str, int], cause: str) -> None:
    explained = cause_of_deficit(EVIDENCE | found)
    assert explained.name == cause
    assert "{" not in explained.meaning + explained.fix
