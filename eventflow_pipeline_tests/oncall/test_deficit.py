"""Visits missing while entries go on (Q6), and what the facts say about why."""

from datetime import UTC, datetime, timedelta

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.deficit import cause_of_deficit
from eventflow_pipeline.oncall.conditions import deficit
from eventflow_pipeline.warehouse.quality.deficit import deficit_evidence
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.oncall_facts import CAMPAIGN, CLIENT, OTHER_CAMPAIGN, clients, entries, visits

#: Afternoon in Seoul.
NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)


def _found(database: Database, now: datetime = NOW) -> dict[str, tuple[Severity, int, int]]:
    return {
        c.name: (c.severity, int(c.numbers["visits"] or 0), int(c.numbers["entries"] or 0))
        for c in deficit.conditions(database.pipeline, database.settings, now)
        if c.subject == str(CLIENT)
    }


def test_the_incident_is_an_error_within_the_hour_and_names_the_client(database: Database) -> None:
    clients(database)
    visits(database, 10, NOW, 50)
    entries(database, 546, NOW, 50)
    hour, day = deficit.conditions(database.pipeline, database.settings, NOW)
    assert (hour.name, hour.severity, hour.subject) == ("deficit", Severity.ERROR, str(CLIENT))
    assert hour.summary == "client Acme Events: 10 visits against 546 entries in the hour 14:30-15:30 KST"
    assert (day.name, day.severity) == ("deficit_day", Severity.ERROR)
    assert hour.numbers == {"visits": 10, "hits": 10, "entries": 546}


def test_the_hour_is_judged_although_the_day_is_fine_and_the_day_although_the_hour_is(database: Database) -> None:
    clients(database)
    visits(database, 200, NOW - timedelta(hours=2), 60)
    entries(database, 20, NOW, 50)
    assert _found(database) == {"deficit": (Severity.ERROR, 0, 20)}
    assert _found(database, NOW + timedelta(hours=2)) == {}
    entries(database, 3000, NOW - timedelta(hours=2), 60)
    visits(database, 30, NOW, 50)
    assert _found(database) == {"deficit_day": (Severity.ERROR, 230, 3020)}


def test_since_is_the_last_visit(database: Database) -> None:
    clients(database)
    visits(database, 1, NOW - timedelta(minutes=120), 1)
    entries(database, 9, NOW, 30)
    (found,) = [c for c in deficit.conditions(database.pipeline, database.settings, NOW) if c.name == "deficit"]
    assert found.since == NOW - timedelta(minutes=120, seconds=30)


def test_entries_of_another_time_do_not_count(database: Database) -> None:
    clients(database)
    entries(database, 50, NOW - timedelta(days=3), 60)  # back-dated: imported now, happened then
    entries(database, 50, NOW + timedelta(hours=5), 60)
    assert _found(database) == {}


def test_excluded_campaigns_do_not_count(database: Database) -> None:
    clients(database)
    entries(database, 50, NOW, 50)
    assert _found(database)
    database.execute("insert into stats.exclusion values (:c, 'test clone', 'ops')", c=CAMPAIGN)
    assert _found(database) == {}


def test_another_clients_visits_do_not_help(database: Database) -> None:
    clients(database)
    visits(database, 100, NOW, 50, OTHER_CAMPAIGN)
    entries(database, 50, NOW, 50)
    assert _found(database)["deficit"] == (Severity.ERROR, 0, 50)


def test_the_alert_goes_by_a_clients_own_share(database: Database) -> None:
    clients(database)
    visits(database, 5, NOW, 50)
    entries(database, 20, NOW, 50)
    assert _found(database)["deficit"] == (Severity.WARN, 5, 20)
    database.execute(
        "insert into stats.threshold_override (client_id, name, warn, error, reason, author) "
        "values (:c, 'deficit', 0.05, 0.01, 'a form that is linked from elsewhere', 'me')",
        c=CLIENT,
    )
    assert _found(database) == {}


def _cause(database: Database) -> str:
    evidence = deficit_evidence(database.pipeline, CLIENT, NOW - timedelta(hours=1), NOW)
    return cause_of_deficit(evidence).name


def test_causes(database: Database) -> None:
    clients(database)
    entries(database, 10, NOW, 50)
    assert _cause(database) == "capture_down"
    visits(database, 10, NOW, 50, OTHER_CAMPAIGN)
    assert _cause(database) == "session_and_visit_lost"
    entries(database, 10, NOW, 50, session_id="s1")
    assert _cause(database) == "visit_call_lost"
    visits(database, 2, NOW, 50, session_id="  ")
    assert _cause(database) == "session_lost"
    visits(database, 1, NOW, 50)
    assert _cause(database) == "few_visits"
    visits(database, 1, NOW - timedelta(days=300), 50, created_at=NOW - timedelta(minutes=5))
    assert _cause(database) == "misdated"
    database.execute("delete from event_survey_campaigns where id = :c", c=CAMPAIGN)
    assert _cause(database) == "campaign_row_missing"


def test_cause_excluded(database: Database) -> None:
    clients(database)
    entries(database, 10, NOW, 50)
    visits(database, 10, NOW, 50)
    database.execute("insert into stats.exclusion values (:c, 'test clone', 'ops')", c=CAMPAIGN)
    assert _cause(database) == "excluded"
