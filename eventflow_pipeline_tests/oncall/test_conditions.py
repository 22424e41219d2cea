"""Stale and held days, late detection, personal data in members: each found when it is there and only then."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, day_window, today
from eventflow_pipeline.oncall import conditions
from eventflow_pipeline.oncall.conditions import (
    SOURCES,
    detection_late,
    missing,
    owner_login,
    personal_data,
    poll,
    stale,
    underived,
)
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.db.login import unverified
from eventflow_pipeline.warehouse.quality.day_checks import Checks, checkable, note_checked
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.oncall_facts import CLIENT, OTHER_CAMPAIGN, clients, entries, visits

NOW = datetime.now(UTC)
#: What Dagster knows, by sensors of its own.
OF_DAGSTER = {"run_failed", "tick_failed", "check_failed"}


def _mark(database: Database, day: date, minutes: int, held: bool = False) -> None:
    database.replace(day)
    database.execute(
        "update stats.partition_state set stale_since = :at, stale_cause = 'facts_added', "
        "held_since = :held, held_reason = :why, due = :due where bucket_date = :day",
        at=NOW - timedelta(minutes=minutes),
        held=NOW if held else None,
        why="mass loss" if held else None,
        due=not held,
        day=day,
    )


def test_stale_days_are_one_condition_that_names_the_range(database: Database) -> None:
    for day, minutes in ((date(2024, 3, 1), 12), (date(2024, 3, 2), 11), (date(2024, 3, 9), 15), (date(2024, 3, 5), 9)):
        _mark(database, day, minutes)
    (found,) = stale.conditions(database.pipeline, database.settings, NOW)
    assert (found.severity, found.days) == (Severity.WARN, DayRange(date(2024, 3, 1), date(2024, 3, 9)))
    assert found.summary == "3 days stale for 15 min: 2024-03-01..2024-03-02, 2024-03-09"
    assert found.since == NOW - timedelta(minutes=15)
    (later,) = stale.conditions(database.pipeline, database.settings, NOW + timedelta(minutes=15))
    assert later.severity is Severity.ERROR


def test_fresh_and_held_days_are_not_stale(database: Database) -> None:
    _mark(database, date(2024, 3, 1), 9)
    _mark(database, date(2024, 3, 2), 90, held=True)
    assert stale.conditions(database.pipeline, database.settings, NOW) == []
    (held,) = poll(database.pipeline, database.settings, NOW)["heal_held"]
    assert (held.name, held.severity, held.runbook) == ("heal_held", Severity.ERROR, "heal-held")


def test_days_never_computed_are_one_condition_with_its_command(database: Database) -> None:
    """From the first partition to today, which has ten minutes to be opened; marked ones compute themselves."""
    database.execute("update stats.build_settings set first_partition = '2024-03-01'")
    noon = datetime(2024, 3, 6, 3, tzinfo=UTC)

    def found(at: datetime = noon) -> list[Condition]:
        return missing.conditions(database.pipeline, database.settings, at)

    (nothing,) = found()
    assert nothing.summary == "6 days were never computed: 2024-03-01..2024-03-06"
    database.replace(date(2024, 3, 1), date(2024, 3, 2), date(2024, 3, 5))
    (some,) = found()
    assert some.summary == "3 days were never computed: 2024-03-03..2024-03-04, 2024-03-06"
    assert some.command == "eventflow backfill --from 2024-03-03 --to 2024-03-04"
    midnight = datetime(2024, 3, 5, 15, tzinfo=UTC)
    (opening,) = found(midnight + timedelta(minutes=9))
    assert "2024-03-06" not in opening.summary
    visits(database, 1, datetime(2024, 3, 3, 3, tzinfo=UTC), 1)
    detect_changes(database.pipeline, database.settings, Scope.NAMED, [date(2024, 3, 3)])
    database.replace(date(2024, 3, 4), date(2024, 3, 6))
    assert found() == []


def test_days_that_are_not_measured_are_a_condition_until_they_are(database: Database) -> None:
    day = date(2024, 3, 1)
    database.replace(day)

    def found(minutes: int) -> list[str]:
        seen = underived.conditions(
            database.pipeline, database.settings, datetime.now(UTC) + timedelta(minutes=minutes)
        )
        return [condition.summary for condition in seen]

    assert found(9) == []
    assert found(12) == ["1 day computed, but not measured and checked for 12 min: 2024-03-01"]
    database.merge_pending()
    measure(database.pipeline, database.settings, DayRange(day, day))
    assert found(12), "measured, not checked"
    for kind in Checks:
        note_checked(database.pipeline, checkable(database.pipeline, [day], kind), kind)
    assert found(12) == []
    visits(database, 1, datetime(2024, 3, 1, 3, tzinfo=UTC), 1)
    database.replace(day)
    assert found(12), "of the day before, not of this one"


@pytest.mark.parametrize(("minutes", "severity"), [(9, None), (11, Severity.WARN), (31, Severity.ERROR)])
def test_no_detection(database: Database, minutes: int, severity: Severity | None) -> None:
    def found() -> list[Severity]:
        return [c.severity for c in detection_late.conditions(database.pipeline, database.settings, NOW)]

    at = NOW - timedelta(minutes=minutes)
    database.execute("update stats.build_settings set created_at = :at", at=at)
    assert found() == ([severity] if severity else []), "there never was a pass"
    database.execute("update stats.build_settings set created_at = :at", at=NOW - timedelta(days=90))
    database.execute("insert into stats.detection_pass values (:at, :at, 'lookback', 4, 0)", at=at)
    assert found() == ([severity] if severity else [])


def test_personal_data_in_utm_is_told_by_its_share_and_never_shown(database: Database) -> None:
    """Of a client's hits and of its entries, in whichever UTM; by the client's own threshold, from the volume on."""
    day = today(database.settings.zone, NOW - timedelta(hours=30))
    noon = day_window(day, database.settings.zone).start + timedelta(hours=12)
    clients(database)

    def found() -> list[tuple[UUID | None, Severity, str]]:
        database.replace(day)
        seen = personal_data.conditions(database.pipeline, database.settings, NOW)
        assert not re.search("kim|5678", repr(seen))
        return [(c.client_id, c.severity, c.summary) for c in seen]

    visits(database, 29, noon, 60, utm_source="Kim@Example.com")
    assert found() == [], "too few to be judged"
    visits(database, 400, noon, 60, OTHER_CAMPAIGN, utm_source="naver")
    visits(database, 2, noon, 60, OTHER_CAMPAIGN, utm_campaign="010-1234-5678", utm_medium="kim%40example.com")
    assert found() == [], "a few of many"
    visits(database, 71, noon, 60)
    entries(database, 30, noon, 60)
    ((client, severity, summary),) = found()
    assert (client, severity) == (CLIENT, Severity.ERROR)
    assert summary == "29.0% of the hits of client Acme Events came with personal data in a UTM value"
    entries(database, 30, noon, 60, utm_campaign="tel 02-123-4567")
    ((_, _, summary),) = found()
    assert summary.startswith("50.0% of the entries")
    database.execute(
        "insert into stats.threshold_override (client_id, name, warn, error, reason, author) "
        "values (:client, 'redacted', 0.2, 0.6, 'test', 'test')",
        client=CLIENT,
    )
    assert [severity for _, severity, _ in found()] == [Severity.WARN]


def test_a_login_that_could_become_the_owner_is_one(database: Database) -> None:
    def found() -> list[Condition]:
        database.close()  # the setting is a new connection's
        return owner_login.conditions(database.pipeline, database.settings, NOW)

    assert found() == [], "the project's own server has one user"
    database.execute(f'alter database "{database.name}" set eventflow.embedded = off')
    (condition,) = found()
    assert "the login postgres could become the owner" in condition.summary


@pytest.mark.parametrize(
    ("host", "address", "sslmode", "warned"),
    [
        ("/var/run/postgresql", "", "prefer", False),
        ("localhost", "127.0.0.1", "prefer", False),
        ("localhost", "::1", "disable", False),
        ("db.example", "203.0.113.7", "prefer", True),
        ("db.example", "203.0.113.7", "require", True),
        ("db.example", "203.0.113.7", "verify-ca", True),
        ("db.example", "2001:db8::7", "verify-full", False),
        ("localhost", "203.0.113.7", "disable", True),
        ("db.example", "", "prefer", True),
    ],
)
def test_a_server_over_the_network_is_to_be_verified(host: str, address: str, sslmode: str, warned: bool) -> None:
    assert unverified(host, address, sslmode) == (sslmode if warned else None)


def test_nothing_is_wrong_with_an_empty_day(database: Database) -> None:
    seen = poll(database.pipeline, database.settings, NOW)
    assert set(seen) == {name for source in SOURCES for name in (source.name, f"{source.name}:failing")}
    assert [c for found in seen.values() for c in found if c.name not in ("detection_late", "missing")] == []


def test_a_condition_stands_in_its_file_with_everything_that_is_said_of_it() -> None:
    """Wording, severity, runbook, command and fix together: one alert, one file."""
    files = [file for file in Path(conditions.__file__).parent.glob("*.py") if file.stem != "__init__"]
    assert {file.stem for file in files} == {source.name for source in SOURCES} | OF_DAGSTER
    for file in files:
        source = file.read_text()
        for part in ("Condition(", "severity=", "summary=", "runbook=", "command=", "fix="):
            assert source.count(f" {part}") == 1, (file.stem, part)
