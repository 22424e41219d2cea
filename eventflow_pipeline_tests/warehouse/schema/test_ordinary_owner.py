"""An owner as managed services give it (Supabase's ``postgres``, RDS, Cloud SQL): no superuser, may create roles.

Since Postgres 16 who creates a role may administer it, but may neither step down to it nor act with its rights.
"""

import asyncio
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from typer.testing import CliRunner

from eventflow_pipeline.cli import app
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings, project_root
from eventflow_pipeline.warehouse.capture.store import CaptureStore
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate, migrate_back
from eventflow_pipeline_tests.capture.serving import Serving, capture_settings
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.servers import fresh_server

CLIENT, CAMPAIGN, CLONE = UUID(int=0xA1), UUID(int=0xC1), UUID(int=0xC2)
_numbers = itertools.count()
MEMBERS = json.loads((project_root() / "conformance" / "members.json").read_text(encoding="utf-8"))
OURS = ("eventflow_pipeline", "eventflow_capture", "eventflow_capture_owner", "eventflow_bi")


@dataclass
class Managed:
    """A server and what its service does for a customer: an owner, and databases of theirs. Nothing else."""

    server: URL

    def admin(self, command: str, database: str = "postgres") -> None:
        address = self.server.set(database=database).render_as_string(False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(command.encode())

    def owner(self, name: str) -> str:
        self.admin(f"create role {name} login createrole nosuperuser")
        return name

    def database(self, owner: str, name: str) -> Database:
        self.admin(f"create database {name} owner {owner}")
        return self.connected(owner, name)

    def connected(self, user: str, name: str) -> Database:
        url = self.server.set(username=user, database=name).render_as_string(False)
        first = today(Settings().zone) - timedelta(days=2)  # type: ignore[call-arg]
        return Database(Settings(database={"url": url}, start_date=first))  # type: ignore[call-arg]

    def version(self) -> int:
        with psycopg.connect(self.server.render_as_string(False)) as connection:
            return connection.info.server_version

    def roles(self) -> set[str]:
        with psycopg.connect(self.server.render_as_string(False)) as connection:
            rows = connection.execute("select rolname from pg_roles where rolname = any (%s)", [list(OURS)]).fetchall()
        return {row[0] for row in rows}


@pytest.fixture(scope="module", params=[pytest.param("embedded", marks=pytest.mark.long), "15"])
def managed(request: pytest.FixtureRequest) -> Iterator[Managed]:
    """A fresh server of the oldest version, before a release of the newest, too; all other tests run on that one."""
    with fresh_server(request.param) as url:
        yield Managed(url)


def test_everything_works_for_an_ordinary_owner(
    managed: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first migration to the last way back, by the commands of docs/running.md (in this process: many)."""
    owner = managed.owner("customer")
    database = managed.database(owner, "eventflow")
    for name, value in {
        "EVENTFLOW_DATABASE_URL": database.url,
        "DAGSTER_POSTGRES_URL": managed.database(owner, "dagster").url,
        "EVENTFLOW_HOME": str(tmp_path),
        "EVENTFLOW_TIMEZONE": database.settings.timezone,
        "EVENTFLOW_START_DATE": str(database.settings.start_date),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", "")  # the first command sets it; put back afterwards

    def eventflow(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == status, f"{arguments}: {done.output}{done.exception!r}"
        return done.stdout

    create_source(database.owner)
    _facts(database)
    first, last = str(database.settings.start_date), str(today(database.settings.zone))
    assert json.loads(eventflow("migrate", "--json"))["applied"]
    assert json.loads(eventflow("migrate", "--json"))["applied"] == []
    eventflow("backfill", "--from", first)
    assert database.summary("platform", today(database.settings.zone))[0]["hits"] == 2
    # Its engine of regular expressions reads the one pattern as the newest and Python's do (A5).
    wanted = {case["value"]: case["member"] for case in MEMBERS["cases"]}
    normalized = "select value, stats.normalize_utm(value) as member from unnest(cast(:values as text[])) as value"
    assert {r["value"]: r["member"] for r in database.rows(normalized, values=list(wanted))} == wanted
    with Serving(capture_settings(database.settings)) as serving, serving.client() as browser:
        for path, event in (("/visit", {}), ("/entry", {"phone_norm": "0101"})):
            answer = browser.post(path, json={"campaign_id": str(CAMPAIGN), **event}).json()
            assert answer["status"] == "stored"
    assert asyncio.run(_present(database.settings))
    eventflow("letters", "replay")
    assert json.loads(eventflow("heal", "--json"))["done"] == [last]
    eventflow("verify", "--from", first, "--to", last)
    eventflow("exclude", "add", str(CLONE), "--reason", "a test clone")
    eventflow("heal")
    assert database.summary("platform", today(database.settings.zone))[0]["hits"] == 2
    eventflow("explain", "--client", str(CLIENT), "--date", last)
    eventflow("report", "--client", str(CLIENT), "--from", first, "--to", last, "--out", str(tmp_path / "r.html"))
    assert "permission denied" not in eventflow("doctor", status=1)
    database.close()
    eventflow("migrate", "--to", "base", "--yes")
    with connect(database.owner) as connection:
        left = connection.execute(text("select to_regnamespace('stats') is null")).scalar()
        public = connection.execute(text("select count(*) from pg_proc where pronamespace = 'public'::regnamespace"))
        assert (left, public.scalar(), managed.roles()) == (True, 0, set())
    eventflow("migrate")
    eventflow("migrate", "--to", "base", "--yes")
    database.close()


def _facts(database: Database) -> None:
    now = datetime.now(UTC)
    database.insert("clients", [{"id": CLIENT, "name": "c"}])
    database.insert(
        "event_survey_campaigns",
        [{"id": c, "client_id": CLIENT, "title": str(c), "public_path": "/spring"} for c in (CAMPAIGN, CLONE)],
    )
    database.insert(
        "event_access_logs",
        [{"campaign_id": c, "session_id": "s", "accessed_at": now, "created_at": now} for c in (CAMPAIGN, CLONE)],
    )


async def _present(settings: Settings) -> bool:
    store = CaptureStore(settings)
    await store.open()
    try:
        return await store.presence_ping(str(UUID(int=1)), str(UUID(int=2)))
    finally:
        await store.close()


def test_databases_of_one_owner_share_the_roles(managed: Managed) -> None:
    owner = managed.owner("sharing")
    one, two = (managed.database(owner, f"shared_{number}") for number in (1, 2))
    for database in (one, two):
        create_source(database.owner)
        migrate(database.owner, database.settings)
    migrate_back(one.owner, "base")
    assert managed.roles() == set(OURS)
    assert two.rows("select current_user::text as me") == [{"me": "eventflow_pipeline"}]
    migrate_back(two.owner, "base")
    assert managed.roles() == set()
    for database in (one, two):
        database.close()


def test_roles_that_another_owner_made_are_asked_for_by_name(managed: Managed) -> None:
    first, second = (managed.database(managed.owner(f"owner_{n}"), f"of_{n}") for n in ("first", "second"))
    for database in (first, second):
        create_source(database.owner)
    migrate(first.owner, first.settings)
    # Before Postgres 16 who may create roles may also grant those of others.
    asked = _migrate_with_help(managed, second)
    since_16 = managed.version() >= 160000
    assert asked == ([f"grant {role} to owner_second" for role in sorted(OURS[:3])] if since_16 else [])
    assert second.rows("select count(*) from stats.clients") == [{"count": 0}]
    for database in (second, first):
        migrate_back(database.owner, "base")
        database.close()
    assert managed.roles() == set()


def test_a_deployer_without_any_of_the_rights_gets_by_with_what_is_asked_for(managed: Managed) -> None:
    """Neither owner of the database nor allowed to create roles; the tables belong to a role the deployer is in."""
    managed.admin("create role deployer login")
    managed.admin("create role application")
    managed.admin("grant application to deployer")
    managed.admin("create database deployed")
    superuser = managed.connected("postgres", "deployed")
    create_source(superuser.owner)
    superuser.close()
    for table in SOURCE_TABLES:
        managed.admin(f"alter table public.{table.name} owner to application", "deployed")
    database = managed.connected("deployer", "deployed")
    assert _migrate_with_help(managed, database) == [
        "grant create on database deployed to deployer",
        "grant create on schema public to deployer",
        *(f"create role {role} nologin noinherit; grant {role} to deployer" for role in sorted(OURS)),
    ]
    with connect(database.owner) as connection:
        owners = "select distinct viewowner from pg_views where schemaname = 'stats' and viewname !~ '^named_'"
        assert connection.execute(text(owners)).scalars().all() == ["application"]
        may_create = "select has_schema_privilege('application', 'stats', 'create')"
        assert connection.execute(text(may_create)).scalar() is False
    managed.admin(f"insert into public.clients (id, name) values ('{CLIENT}', 'c')", "deployed")
    assert database.rows("select count(*) from stats.clients") == [{"count": 1}]
    migrate_back(database.owner, "base")
    database.close()
    for role in OURS:
        managed.admin(f"drop role if exists {role}")


@pytest.mark.parametrize(
    ("found", "cause", "remedy"),
    [
        ("alter table public.clients owner to postgres", "public.clients belongs to postgres", "as postgres"),
        (
            "alter table public.event_survey_entries force row level security",
            "public.event_survey_entries hides its rows from its own owner",
            "`alter table public.event_survey_entries no force row level security`",
        ),
        ("create schema stats", "the schema stats belongs to postgres", "as postgres"),
        (
            "create function public.get_link_stats(uuid, date, date) returns int language sql return 1",
            "public.get_link_stats(uuid, date, date) is in the way and belongs to postgres",
            "have postgres drop or rename it",
        ),
    ],
)
def test_what_belongs_to_somebody_else_is_said_before_the_first_step(
    managed: Managed, found: str, cause: str, remedy: str
) -> None:
    name = f"foreign_{next(_numbers)}"
    database = managed.database(managed.owner(f"owner_of_{name}"), name)
    create_source(database.owner)
    managed.admin(found, name)
    with pytest.raises(UserError, match="Nothing was migrated because ") as refused:
        migrate(database.owner, database.settings)
    assert cause in str(refused.value)
    assert remedy in str(refused.value)
    with connect(database.owner) as connection:
        assert connection.execute(text("select 1 from pg_class where relname = 'schema_migration'")).scalar() is None
    assert managed.roles() == set()
    database.close()


def test_who_may_not_step_down_is_told_what_to_ask_for(managed: Managed) -> None:
    database = managed.database(managed.owner("granting"), "granting")
    create_source(database.owner)
    migrate(database.owner, database.settings)
    managed.admin("create role visiting login")
    visitor = managed.connected("visiting", "granting")
    with pytest.raises(UserError, match=r"may not step down.* run `grant eventflow_pipeline to` that user"):
        visitor.rows("select 1")
    database.execute("grant eventflow_pipeline to visiting")
    assert visitor.rows("select count(*) from stats.clients") == [{"count": 0}]
    visitor.close()
    migrate_back(database.owner, "base")
    with pytest.raises(UserError, match=r"eventflow_pipeline cannot be used .*does not exist"):
        visitor.rows("select 1")
    for closing in (visitor, database):
        closing.close()


def _migrate_with_help(managed: Managed, database: Database) -> list[str]:
    """Migrate; let an administrator run whatever command a refusal names, and go on. Returns those commands."""
    asked: list[str] = []
    while True:
        try:
            migrate(database.owner, database.settings)
        except UserError as refused:
            (command,) = re.findall("`([^`]+)`", str(refused))
            assert command not in asked
            asked.append(command)
            managed.admin(command, str(make_url(database.url).database))
        else:
            return asked
