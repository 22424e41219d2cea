"""Everything, on a server laid out as Supabase's own migrations do, by logins none of which can become the owner.

Its ``postgres`` is an ordinary role: ``supabase_admin`` is the superuser. PostgREST logs in as ``authenticator`` and
becomes ``anon``, ``authenticated`` or ``service_role`` for each request.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from eventflow_pipeline.cli import app, as_refusal
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.schema.migrations import create_source
from eventflow_pipeline_tests.capture.serving import Serving, capture_settings
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.servers import fresh_server
from eventflow_pipeline_tests.web.test_tokens import FUTURE, SECRET, token

CLIENT, OTHER, CAMPAIGN, FOREIGN, LINK, WEBINAR, USER = (
    UUID(int=n) for n in (0xA1, 0xA2, 0xC1, 0xC2, 0xD1, 0xE1, 0xF1)
)
#: Roles and default privileges of a project: what the initial schema, the schema auth and postgres' demotion leave.
_ROLES = """
    create role postgres nosuperuser createdb createrole login replication bypassrls;
    create role anon nologin;
    create role authenticated nologin;
    create role service_role nologin bypassrls;
    create role authenticator login noinherit;
    create role supabase_auth_admin login noinherit createrole;
    create role dagster login;
    grant anon, authenticated, service_role to authenticator;
    grant anon, authenticated, service_role to postgres with admin option;
    alter role anon set statement_timeout = '3s';
    alter role authenticated set statement_timeout = '8s';
    alter role authenticator set lock_timeout = '8s';
    alter role postgres set search_path = "$user", public, extensions;
"""
_DATABASE = """
    create schema extensions;
    grant all on schema extensions to postgres;
    create schema auth authorization supabase_auth_admin;
    grant usage on schema auth to anon, authenticated, service_role, postgres;
    create table auth.users (id uuid primary key, email text, is_super_admin boolean);
    alter table auth.users owner to supabase_auth_admin;
    create function auth.uid() returns uuid language sql stable as $$
        select nullif(current_setting('request.jwt.claims', true)::jsonb ->> 'sub', '')::uuid $$;
    create function auth.jwt() returns jsonb language sql stable as $$
        select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
    grant usage on schema public to postgres, anon, authenticated, service_role;
    grant create on schema public to postgres;
    alter default privileges in schema public grant all on tables to postgres, anon, authenticated, service_role;
    alter default privileges for role postgres in schema public
        grant all on tables to postgres, anon, authenticated, service_role;
    alter default privileges for role postgres in schema public
        grant all on functions to postgres, anon, authenticated, service_role;
    alter default privileges for role postgres in schema public
        grant all on sequences to postgres, anon, authenticated, service_role;
    -- The recipe for exposing another schema, before it is there: for all of them.
    alter default privileges for role postgres grant all on tables to anon, authenticated, service_role;
    alter default privileges for role postgres grant all on routines to anon, authenticated, service_role;
    alter default privileges for role postgres grant usage on schemas to anon, authenticated, service_role;
"""


def _run(server: URL, user: str, database: str, command: str) -> None:
    address = server.set(username=user, database=database).render_as_string(False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(command.encode())


@pytest.fixture
def supabase() -> Iterator[URL]:
    """A server as a project gets it; its database is ``eventflow``."""
    with fresh_server("embedded") as server:
        _run(server, "postgres", "postgres", "create role setup superuser login")
        _run(server, "setup", "postgres", "alter role postgres rename to supabase_admin")
        _run(server, "supabase_admin", "postgres", "drop role setup")
        _run(server, "supabase_admin", "postgres", _ROLES)
        _run(server, "supabase_admin", "postgres", "create database eventflow owner postgres")
        _run(server, "supabase_admin", "postgres", "create database dagster owner dagster")
        _run(server, "supabase_admin", "postgres", "alter system set eventflow.embedded = off")
        _run(server, "supabase_admin", "postgres", "select pg_reload_conf()")
        _run(server, "supabase_admin", "eventflow", _DATABASE)
        yield server


def _facts(database: Database) -> None:
    now = datetime.now(UTC)
    database.insert("clients", [{"id": CLIENT, "name": "Acme"}, {"id": OTHER, "name": "Beta"}])
    database.insert("client_members", [{"client_id": CLIENT, "user_id": USER, "role": "member"}])
    database.insert(
        "event_survey_campaigns",
        [
            {"id": CAMPAIGN, "client_id": CLIENT, "title": "Spring", "public_path": "/spring"},
            {"id": FOREIGN, "client_id": OTHER, "title": "secret launch"},
        ],
    )
    database.insert("webinars", [{"id": WEBINAR, "client_id": CLIENT, "title": "w"}])
    link = {"id": LINK, "client_id": CLIENT, "name": "l", "cid": "AB12CD34"}
    database.insert("campaign_link_meta", [{**link, "target_type": "campaign", "target_campaign_id": CAMPAIGN}])
    visit = {"session_id": "s", "accessed_at": now, "created_at": now}
    database.insert("event_access_logs", [{**visit, "campaign_id": c} for c in (CAMPAIGN, FOREIGN)])


@contextmanager
def _request(server: URL, login: str, role: str, claims: dict[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    """One request, as PostgREST does it: a transaction that becomes ``role`` with the token's claims."""
    address = server.set(username=login, database="eventflow").render_as_string(False)
    with psycopg.connect(address) as connection:
        connection.execute("select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
                           [role, json.dumps({**claims, "role": role})])  # fmt: skip
        yield connection
        connection.rollback()


def test_everything_by_logins_that_cannot_become_the_owner(
    supabase: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def url(user: str, database: str = "eventflow") -> str:
        return supabase.set(username=user, database=database).render_as_string(False)

    zone = Settings().zone  # type: ignore[call-arg]
    first, last = str(today(zone) - timedelta(days=2)), str(today(zone))
    owner = Database(Settings(database={"url": url("postgres")}, start_date=today(zone) - timedelta(days=2)))  # type: ignore[call-arg]
    create_source(owner.owner)
    _facts(owner)
    for name, value in {
        "EVENTFLOW_OWNER_URL": url("postgres"),
        "EVENTFLOW_DATABASE_URL": url("eventflow_pipeline_login"),
        "DAGSTER_POSTGRES_URL": url("dagster", "dagster"),
        "EVENTFLOW_HOME": str(tmp_path),
        "EVENTFLOW_START_DATE": first,
        "DAGSTER_HOME": "",
    }.items():
        monkeypatch.setenv(name, value)

    def eventflow(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == status, f"{arguments}: {done.output}{done.exception!r}"
        return done.stdout

    eventflow("migrate")
    _run(supabase, "postgres", "eventflow", eventflow("migrate", "--print-logins"))
    owner.close()

    # From here on nobody is the owner.
    monkeypatch.delenv("EVENTFLOW_OWNER_URL")
    monkeypatch.delenv("EVENTFLOW_START_DATE")
    eventflow("backfill", "--from", first)
    settings = Settings(database={"url": url("eventflow_capture_login")})  # type: ignore[call-arg]
    capturing = capture_settings(settings, jwt_secret=SecretStr(SECRET))
    with Serving(capturing) as serving, serving.client() as browser:
        for path, event in (("/visit", {}), ("/entry", {"phone_norm": "0101"})):
            assert browser.post(path, json={"campaign_id": str(CAMPAIGN), **event}).json()["status"] == "stored"
        assert browser.get("/l/AB12CD34", follow_redirects=False).headers["location"].startswith("/spring?")
        bearer = {"authorization": f"Bearer {token(sub=str(USER), exp=FUTURE)}"}
        assert browser.post("/presence", json={"webinar_id": str(WEBINAR)}, headers=bearer).json()["accepted"]
    eventflow("letters", "replay")
    eventflow("webinar", "sample")
    assert json.loads(eventflow("heal", "--json"))["done"] == [last]
    eventflow("verify", "--from", first, "--to", last)
    eventflow("exclude", "add", str(FOREIGN), "--reason", "a test clone")
    eventflow("heal")
    eventflow("explain", "--client", "Acme", "--date", last)
    eventflow("report", "--client", "Acme", "--from", first, "--to", last, "--out", str(tmp_path / "r.html"))
    findings = {f["name"] for f in json.loads(eventflow("doctor", "--json", status=1))["findings"]}
    assert "owner_login" not in findings
    assert "source_failed" not in findings
    for command in (("migrate",), ("views", "drop"), ("rebuild", "--yes")):
        refused = CliRunner().invoke(app, command).exception
        assert isinstance(refused, Exception)
        assert as_refusal(refused) is not None, (command, repr(refused))
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", url("postgres"))
    assert "owner_login" in {f["name"] for f in json.loads(eventflow("doctor", "--json", status=1))["findings"]}

    overview = "select stats_api.get_client_overview(%s, %s, %s)"
    for login in ("authenticator", "eventflow_serve_login"):
        with _request(supabase, login, "authenticated", {"sub": str(USER)}) as request:
            ((screen,),) = request.execute(overview.encode(), [CLIENT, first, last]).fetchall()
            assert (screen["totals"]["hits"], screen["totals"]["conversions"]) == (2, 1)
            assert [campaign["title"] for campaign in screen["campaigns"]] == ["Spring"]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                request.execute(overview.encode(), [OTHER, first, last])
    attacks = (
        "select * from stats.visit_facts",
        "select * from stats.clients",
        "select stats.capture_events('[]')",
        "select payload from stats.dead_letter",
    )
    for attack in attacks:
        for role in ("anon", "authenticated", "service_role"):
            with (
                _request(supabase, "authenticator", role, {"sub": str(USER)}) as request,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                request.execute(attack.encode())
    with _request(supabase, "authenticator", "anon", {}) as request:
        left = request.execute(
            "select oid::regprocedure::text from pg_proc "
            "where pronamespace in ('stats'::regnamespace, 'stats_api'::regnamespace) "
            "and has_function_privilege('anon', oid, 'execute')"
        )
        assert left.fetchall() == [], "of what default privileges gave, also to what migrate makes last"
    with _request(supabase, "authenticator", "anon", {}) as request, pytest.raises(psycopg.Error, match="denied"):
        request.execute(overview.encode(), [CLIENT, first, last])
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        _request(supabase, "eventflow_serve_login", "service_role", {}),
    ):
        pass
    with psycopg.connect(url("eventflow_bi_login")) as analyst:
        assert analyst.execute("select sum(hits) from stats.platform_daily").fetchone() == (2,)
        assert analyst.execute("select hits from stats.range_summary('client', %s, %s)", [first, last]).fetchall() == [
            (2,)
        ]
