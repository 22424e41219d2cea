"""``eventflow views``: EventFlow changes its own tables, and what it adds later is noticed and read."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from eventflow_pipeline.cli import app, as_refusal
from eventflow_pipeline.oncall.conditions import source_columns
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes, stale_days
from eventflow_pipeline.warehouse.schema.source_views import NAMED_VIEWS, SOURCE_VIEWS
from eventflow_pipeline_tests.databases import FIRST_DAY, Database

WEBINAR, CLIENT = UUID(int=0xB), UUID(int=1)
Views = Callable[[str], str]


@pytest.fixture
def views(database: Database, monkeypatch: pytest.MonkeyPatch) -> Views:
    """The command, in this process; what it says, also when it refuses."""
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", database.url)
    monkeypatch.setenv("EVENTFLOW_TIMEZONE", "Asia/Seoul")
    monkeypatch.setenv("EVENTFLOW_START_DATE", str(FIRST_DAY))

    def run(command: str) -> str:
        done = CliRunner().invoke(app, ["views", command])
        if isinstance(done.exception, Exception):
            return str(as_refusal(done.exception))
        return done.stdout

    return run


def _rights(database: Database) -> list[dict[str, object]]:
    return database.rows(
        "select relname, relowner::regrole::text, relacl::text from pg_class "
        "where relnamespace = 'stats'::regnamespace and relkind = 'v' order by 1"
    )


def test_eventflow_changes_its_own_tables_between_drop_and_refresh(database: Database, views: Views) -> None:
    before = _rights(database)
    assert [row["relname"] for row in before] == sorted([*SOURCE_VIEWS, *NAMED_VIEWS])
    changes = (
        "alter table event_access_logs alter column utm_source type varchar(500)",
        "alter table event_access_logs drop column cid",
        "alter table webinar_live_presence alter column joined_at type timestamptz(3)",
        "alter table event_survey_campaigns alter column title type varchar",
    )
    for change in changes:
        with pytest.raises(DBAPIError):
            database.execute(change)
    assert views("drop").startswith(f"{len(SOURCE_VIEWS)} views dropped")
    (condition,) = source_columns.conditions(database.pipeline, database.settings, datetime.now(UTC))
    assert condition.severity == "error"
    assert views("drop").startswith("0 views dropped")
    for change in changes:
        database.execute(change)
    assert views("refresh") == "The views read every column there is.\n"
    assert _rights(database) == before
    assert source_columns.conditions(database.pipeline, database.settings, datetime.now(UTC)) == []
    assert database.replace(FIRST_DAY)
    assert views("refresh") == "The views read every column there is.\n"


def test_a_column_that_comes_later_is_noticed_and_read(database: Database, views: Views) -> None:
    views("drop")
    database.execute("alter table event_access_logs drop column webinar_id")
    views("refresh")
    database.insert("webinars", [{"id": WEBINAR, "client_id": CLIENT, "title": "w"}])
    at = datetime(2024, 1, 1, 3, tzinfo=UTC)
    database.insert("event_access_logs", [{"session_id": "s", "accessed_at": at, "created_at": at}])
    database.replace(FIRST_DAY)
    assert source_columns.conditions(database.pipeline, database.settings, datetime.now(UTC)) == []
    database.execute("alter table event_access_logs add column webinar_id uuid")
    database.execute("update event_access_logs set webinar_id = :w", w=WEBINAR)
    (condition,) = source_columns.conditions(database.pipeline, database.settings, datetime.now(UTC))
    assert condition.summary == "columns of EventFlow's tables are not read: event_access_logs.webinar_id"
    assert condition.command == "eventflow views refresh"
    assert "New: event_access_logs.webinar_id." in views("refresh")
    assert source_columns.conditions(database.pipeline, database.settings, datetime.now(UTC)) == []
    detect_changes(database.pipeline, database.settings, Scope.ALL)
    assert [stale.day for stale in stale_days(database.pipeline)] == [FIRST_DAY]


def test_somebody_elses_view_is_named_and_nothing_dropped(database: Database, views: Views) -> None:
    database.execute("create view public.theirs as select title from stats.campaigns")
    assert views("drop").startswith("No view was dropped because view ")
    assert [row["relname"] for row in _rights(database)] == sorted([*SOURCE_VIEWS, *NAMED_VIEWS])


def test_a_column_that_is_needed_and_gone_is_named(database: Database, views: Views) -> None:
    views("drop")
    database.execute("alter table webinars drop column title")
    assert "because the source column public.webinars.title is missing" in views("refresh")
