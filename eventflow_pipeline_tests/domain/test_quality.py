"""Judging indicators (Q1-Q7), as tables of counted rows: no server, no settings."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from eventflow_pipeline.domain.checks import CHECKS
from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.deficit import DeficitRule
from eventflow_pipeline.domain.quality import (
    DEFAULT_THRESHOLDS,
    Judge,
    Threshold,
    standing_severity,
)

ERROR, WARN = Severity.ERROR, Severity.WARN
CLIENT = UUID(int=1)
DAY = date(2024, 3, 2)
#: A client's day without anything to find.
GOOD: dict[str, Any] = {
    "scope": "client", "client_id": CLIENT, "bucket_date": DAY,
    "hits": 100, "visits": 80, "entries": 40, "linked_entries": 40,
    "unresolved_link_hits": 0, "unresolved_link_entries": 0, "unknown_link_hits": 0, "unknown_link_entries": 0,
    "utm_hits": 100, "utm_entries": 40, "captured_utm_hits": 100, "captured_utm_entries": 40,
    "sessionless_hits": 0, "sessionless_entries": 0,
    "malformed_cid_hits": 0, "malformed_cid_entries": 0, "supplied_cid_hits": 50, "supplied_cid_entries": 40,
    "foreign_entries": 0, "suspected_clones": [], "busiest_sessions": [],
    "unknown_client_hits": 0, "unknown_client_entries": 0, "unknown_entity_hits": 0, "unknown_entity_entries": 0,
    "median_unknown_link_hits": None, "median_unknown_link_entries": None,
}  # fmt: skip
PLATFORM = {"scope": "platform", "client_id": None}


def _judge(**overrides: Threshold) -> Judge:
    own = {(CLIENT, name): threshold for name, threshold in overrides.items()}
    return Judge(DEFAULT_THRESHOLDS, own, minimum_volume=30, deficit_rule=DeficitRule())


@pytest.mark.parametrize(
    ("threshold", "value", "below", "severity"),
    [
        (Threshold(0.5, 0.8), 0.5, False, None),
        (Threshold(0.5, 0.8), 0.51, False, WARN),
        (Threshold(0.5, 0.8), 0.81, False, ERROR),
        (Threshold(0.5, None), 1.0, False, WARN),
        (Threshold(None, 0), 1, False, ERROR),
        (Threshold(None, 0), 0, False, None),
        (Threshold(), 99, False, None),
        (Threshold(0.7, 0.3), 0.7, True, None),
        (Threshold(0.7, 0.3), 0.69, True, WARN),
        (Threshold(0.7, 0.3), 0.29, True, ERROR),
    ],
)
def test_threshold(threshold: Threshold, value: float, below: bool, severity: Severity | None) -> None:
    passed = threshold.severity(value, below=below)
    assert (passed[0] if passed else None) is severity


def test_a_client_overrides_the_bounds_it_names() -> None:
    assert Threshold(0.5, 0.8).overridden(None) == Threshold(0.5, 0.8)
    assert Threshold(0.5, 0.8).overridden(Threshold(warn=0.6)) == Threshold(0.6, 0.8)
    assert Threshold(0.5, 0.8).overridden(Threshold(error=0)) == Threshold(0.5, 0)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"linked_entries": 27}, [("linkage", WARN, 0.675)]),
        ({"linked_entries": 11}, [("linkage", ERROR, 0.275)]),
        ({"linked_entries": None}, []),  # not measured yet
        ({"entries": 29, "linked_entries": 0, "captured_utm_entries": 29, "utm_entries": 29}, []),  # too few to judge
        ({"unresolved_link_hits": 11}, [("unresolved_link", WARN, 0.11)]),
        ({"unknown_link_hits": 51}, [("unknown_link", WARN, 0.51)]),
        ({"utm_hits": 59}, [("unknown_utm", WARN, 0.41)]),
        ({"captured_utm_hits": 29}, [("utm_fill", ERROR, 0.29)]),
        ({"sessionless_hits": 6}, [("sessionless", WARN, 0.06)]),
        ({"malformed_cid_hits": 6}, [("cid_hygiene", WARN, 0.12)]),
        ({"malformed_cid_hits": 6, "supplied_cid_hits": 29}, []),
        ({"foreign_entries": 1}, [("tenant_consistency", ERROR, 1)]),  # counts are judged at any volume
        ({"suspected_clones": [{}]}, [("clones", WARN, 1)]),
        ({"busiest_sessions": [{"measure": "hits", "number": 200, "session": "ab"}]}, []),
        ({"busiest_sessions": [{"measure": "hits", "number": 201, "session": "ab"}]}, [("crowded_session", WARN, 201)]),
        (
            {"busiest_sessions": [{"measure": "entities", "number": 51, "session": "ab"}]},
            [("crowded_session", ERROR, 51)],
        ),
        ({"visits": 19}, [("deficit", WARN, 0.475)]),
        ({"visits": 0}, [("deficit", ERROR, 0)]),
        ({"unknown_link_hits": 20, "median_unknown_link_hits": 0.1}, []),
        ({"unknown_link_hits": 21, "median_unknown_link_hits": 0.1}, [("unknown_link", ERROR, 0.21)]),
        ({"client_id": None, "sessionless_hits": 100}, []),  # the unknown client is a finding of its own
        ({**PLATFORM, "visits": 0}, []),  # the deficit is judged by client
        ({**PLATFORM, "unknown_client_hits": 1}, [("unknown_client", ERROR, 1)]),
        ({**PLATFORM, "unknown_entity_entries": 2}, [("unknown_entity", WARN, 2)]),
        ({"unknown_client_hits": 1}, []),
    ],
)
def test_what_is_past_a_threshold(changed: dict[str, Any], found: list[tuple[str, Severity, float]]) -> None:
    judged = _judge().findings([GOOD | changed])
    assert [(f.check, f.severity, round(f.value, 3)) for f in judged] == found
    assert {f.check for f in judged} <= set(CHECKS)


@pytest.mark.parametrize(
    ("overrides", "severity"),
    [({}, WARN), ({"sessionless": Threshold(warn=0.1)}, None), ({"sessionless": Threshold(error=0.05)}, ERROR)],
)
def test_an_override_is_the_clients_alone(overrides: dict[str, Threshold], severity: Severity | None) -> None:
    rows = [GOOD | {"sessionless_hits": 6}, GOOD | PLATFORM | {"sessionless_hits": 6}]
    found = {f.client_id: f.severity for f in _judge(**overrides).findings(rows)}
    assert found == ({CLIENT: severity} if severity else {}) | {None: WARN}


@pytest.mark.parametrize(
    ("own", "severity", "limit"),
    [
        (None, WARN, 0.5),
        (Threshold(warn=0.3), None, None),
        (Threshold(error=0.45), ERROR, 0.45),
        (Threshold(warn=0.9), WARN, 0.9),
    ],
)
def test_a_clients_own_share_of_visits(own: Threshold | None, severity: Severity | None, limit: float | None) -> None:
    found = _judge(**({"deficit": own} if own else {})).deficit(DAY, CLIENT, 16, 40, "on the day")
    assert [(f.severity, f.limit, f.what) for f in found] == (
        [(severity, limit, "16 visits against 40 entries on the day")] if severity else []
    )


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_what_nobody_can_put_right_any_more_is_a_warning(check: str) -> None:
    yesterday = DAY.replace(day=1)
    assert standing_severity(check, ERROR, DAY, recent_from=DAY) is ERROR
    assert standing_severity(check, ERROR, yesterday, recent_from=DAY) is (
        WARN if CHECKS[check].lost_for_good else ERROR
    )
