"""The roles people and processes log in as: what each can do, and that none can do what is another's."""

import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from eventflow_pipeline.cli import app
from eventflow_pipeline.warehouse.db.sql import sql_text
from eventflow_pipeline.warehouse.schema.migrations import migrate, migrate_back
from eventflow_pipeline_tests.capture.serving import KEYS
from eventflow_pipeline_tests.databases import FIRST_DAY, Database

LOGINS = {
    "eventflow_pipeline_login": "eventflow_pipeline",
    "eventflow_capture_login": "eventflow_capture",
    "eventflow_serve_login": "authenticated",
    "eventflow_bi_login": "eventflow_bi",
}
AT = datetime(2024, 1, 1, 3, tzinfo=UTC)
CLIENT, CAMPAIGN, VISIT = (uuid.UUID(int=n) for n in (0xA1, 0xC1, 0xE1))


@pytest.fixture
def logins(database: Database) -> Iterator[Database]:
    """A database with a fact of each kind, a dead letter, and the logins."""
    database.execute(sql_text("application/logins"))
    database.execute(sql_text("application/logins"))
    database.insert("clients", [{"id": CLIENT, "name": "c"}])
    database.insert("event_survey_campaigns", [{"id": CAMPAIGN, "client_id": CLIENT, "title": "t"}])
    entry = {"campaign_id": CAMPAIGN, "client_id": CLIENT, "phone_norm": "01099998888", "created_at": AT}
    visit = {"id": VISIT, "campaign_id": CAMPAIGN, "session_id": "secret", "accessed_at": AT}
    database.insert("event_survey_entries", [entry])
    database.insert("event_access_logs", [visit])
    with psycopg.connect(database.url) as connection:
        letter = Jsonb({"event_id": "x", "campaign_id": str(uuid.uuid4()), "phone_norm": "01099998888"})
        connection.execute("select stats.capture_entry(%s)", [letter])
    database.replace(FIRST_DAY)
    yield database
    database.close()
    database.execute(sql_text("application/down/logins"))


def connected(database: Database, login: str, **more: Any) -> psycopg.Connection[Any]:
    address = make_url(database.url).set(username=login).render_as_string(False)
    return psycopg.connect(address, autocommit=True, **more)


@pytest.mark.parametrize("login", LOGINS)
def test_no_login_can_become_more_than_it_is(logins: Database, login: str) -> None:
    every = "select rolname from pg_roles where rolname !~ '^pg_'"
    with connected(logins, login) as connection:
        for (role,) in connection.execute(every).fetchall():
            if role in (login, LOGINS[login]):
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"set role {role}".encode())
        for command in (
            "set session authorization postgres",
            "create table stats.mine ()",
            "create table public.mine ()",
            "create schema mine",
            "alter table stats.bucket_daily disable row level security",
            "grant eventflow_capture_owner to current_user",
            "drop function stats.capture_visit(jsonb)",
            "alter function stats.caller_sees_all() security invoker",
            "drop table stats.day_ledger",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(command.encode())
        connection.execute(f"set role {LOGINS[login]}".encode())


#: What the role of capture's application could do while it owned capture's functions.
_ATTACKS = (
    "select phone_norm from public.event_survey_entries",
    "select session_id from public.event_access_logs",
    "select payload from stats.dead_letter",
    "update public.event_access_logs set entry_id = null",
    "update public.event_access_logs set entry_id = null, converted_at = null where id is not null",
    "insert into public.event_access_logs (session_id) values ('s')",
    "drop function stats.capture_visit(jsonb)",
    "create or replace function stats.capture_visit(p_event jsonb) returns jsonb language sql as $$ select p_event $$",
    "select * from stats.replay_dead_letters(10, '1 hour', '90 days', true)",
    "select stats.discard_dead_letters('{}', 'x', 'x')",
    "select * from stats.dead_letter_contents(gen_random_uuid())",
    "select * from stats.link_entries(1)",
    "select stats.capture_fact('entry', '{}')",
    "select stats.capture_insert('event_survey_entries', '{}')",
    "select * from stats.links",
    "select * from stats.campaigns",
    "select session_id from stats.fact_surface",
    "select * from stats.client_daily",
    "select stats.record_presence(gen_random_uuid(), gen_random_uuid(), now())",
    "set role authenticated",
)


@pytest.mark.parametrize("stepped_down", [False, True])
@pytest.mark.parametrize("inherits", [False, True])
def test_who_captures_may_call_three_functions_and_do_nothing_else(
    logins: Database, stepped_down: bool, inherits: bool
) -> None:
    logins.execute(f"alter role eventflow_capture_login {'' if inherits else 'no'}inherit")
    if inherits:  # since Postgres 16 it is the membership's
        logins.execute("grant eventflow_capture to eventflow_capture_login" + _with_inherit(logins))
    with connected(logins, "eventflow_capture_login") as connection:
        if stepped_down:
            connection.execute("set role eventflow_capture")
        for attack in _ATTACKS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attack.encode())
        event = Jsonb([{"fact": "visit", "event": {"campaign_id": str(CAMPAIGN), "session_id": "s"}}])
        calls: tuple[tuple[str, list[Any]], ...] = (
            ("select stats.capture_events(%s) #>> '{0,status}'", [event]),
            ("select stats.link_target('AB')", []),
            ("select stats.capture_presence(%s, %s)", [uuid.uuid4(), uuid.uuid4()]),
        )
        for (call, arguments), answer in zip(calls, ("stored", None, True), strict=True):
            if stepped_down or inherits:
                assert connection.execute(call.encode(), arguments).fetchone() == (answer,)
    callable_ = logins.rows(
        "select p.proname from pg_proc p where p.pronamespace = 'stats'::regnamespace "
        "and has_function_privilege('eventflow_capture', p.oid, 'execute') order by 1"
    )
    assert [row["proname"] for row in callable_] == ["capture_events", "capture_presence", "link_target"]


def _with_inherit(database: Database) -> str:
    (row,) = database.rows("select current_setting('server_version_num')::integer >= 160000 as since_16")
    return " with inherit true" if row["since_16"] else ""


def test_whoever_owns_captures_functions_cannot_log_in_and_has_no_member_but_the_owner(logins: Database) -> None:
    (role,) = logins.rows("select * from pg_roles where rolname = 'eventflow_capture_owner'")
    assert not any(role[right] for right in ("rolcanlogin", "rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb"))
    members = logins.rows(
        "select m.member::regrole::text as name from pg_auth_members m "
        "where m.roleid = 'eventflow_capture_owner'::regrole and m.member <> "
        "(select nspowner from pg_namespace where nspname = 'stats')"
    )
    assert members == []


def test_analysts_read_the_numbers_of_all_and_nobodys_facts(logins: Database) -> None:
    with connected(logins, "eventflow_bi_login") as connection:
        for readable in (
            "select count(*) from stats.client_daily",
            "select count(*) from stats.range_summary('platform', %s, %s)",
            "select public.get_client_overview(null, %s, %s)",
        ):
            assert connection.execute(readable.encode(), [FIRST_DAY] * readable.count("%s")).fetchone()
        assert connection.execute("select name from stats.clients").fetchall() == [("c",)]
        assert connection.execute("select count(*) from stats.partition_state").fetchone() == (1,)
        for refused in (
            "select * from stats.visit_facts",
            "select * from stats.entry_facts",
            "select * from stats.session_days",
            "select * from public.event_survey_entries",
            "select * from stats.dead_letter",
            "delete from stats.client_daily",
            "delete from stats.day_ledger",
            "select public.capture_visit('{}')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused.encode())


def test_a_login_that_merely_inherits_authenticated_sees_nothing(logins: Database) -> None:
    logins.execute("grant authenticated to eventflow_serve_login" + _with_inherit(logins))
    with connected(logins, "eventflow_serve_login") as connection:
        connection.execute(
            "select set_config('request.jwt.claims', '{\"app_metadata\": {\"is_super_admin\": true}}', false)"
        )
        assert connection.execute("select count(*) from stats.client_daily").fetchone() == (0,)
        connection.execute("set role authenticated")
        assert connection.execute("select count(*) from stats.client_daily").fetchone() != (0,)


@pytest.mark.parametrize("inherits", [False, True])
def test_whether_a_login_inherits_makes_no_difference_to_the_pipeline(
    logins: Database, inherits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zone and first day are not set, so they are read before anything else is."""
    logins.execute("revoke eventflow_pipeline from eventflow_pipeline_login")
    logins.execute(f"alter role eventflow_pipeline_login {'' if inherits else 'no'}inherit")
    logins.execute("grant eventflow_pipeline to eventflow_pipeline_login")
    address = make_url(logins.url).set(username="eventflow_pipeline_login").render_as_string(False)
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", address)
    for command in (("verify", "--from", str(FIRST_DAY), "--to", str(FIRST_DAY)), ("exclude", "list")):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (command, done.output, repr(done.exception))


@pytest.mark.parametrize(("login", "warned"), [("postgres", True), ("eventflow_capture_login", False)])
def test_capture_says_so_when_it_could_become_the_owner(
    logins: Database, login: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins.execute(f'alter database "{logins.name}" set eventflow.embedded = off')
    address = make_url(logins.url).set(username=login).render_as_string(False)
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", address)
    monkeypatch.setenv("EVENTFLOW_CAPTURE_KEYS", KEYS)
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends at once
        done = CliRunner().invoke(app, ["capture", "serve", "--port", str(taken.getsockname()[1])])
    assert ('"event": "owner_login"' in done.output) == warned


def test_default_privileges_give_nothing_of_ours_away(database: Database) -> None:
    """Supabase's recipe for exposing a schema, and what some do to everybody; then everything is made anew."""
    migrate_back(database.owner, "base")
    database.execute("create schema stats")
    for where in ("", "in schema public ", "in schema stats "):
        for kind in ("tables", "sequences", "routines"):
            database.execute(
                f"alter default privileges {where}grant all on {kind} to anon, authenticated, service_role, public"
            )
    database.execute("alter default privileges grant all on schemas to anon, authenticated, service_role, public")
    before = _rights_of(database, "authenticated", "service_role")
    migrate(database.owner, database.settings)
    database.execute("select stats.refresh_source_views()")
    database.execute("select stats.add_grain('campaign_source', '{client_id,entity_type,entity_id,utm_source}')")
    assert _rights_of(database, "anon", "public") == []
    assert before == []
    shown = _rights_of(database, "authenticated", "service_role")
    assert not [
        r for r in shown if r[2] in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES", "CREATE")
    ]
    kept = {name for role, name, _ in shown if role == "authenticated"}
    assert not kept & {
        "visit_facts",
        "entry_facts",
        "clients",
        "links",
        "session_days",
        "capture_events",
        "dead_letter",
    }
    assert {"client_daily", "campaign_source_daily", "range_summary", "get_client_overview"} <= kept


def _rights_of(database: Database, *roles: str) -> list[tuple[str, str, str]]:
    """What the roles were granted of ours: role, object, right."""
    with psycopg.connect(database.url) as connection:
        return connection.execute(
            """
            select coalesce(r.rolname, 'public'), o.name, a.privilege_type
            from (
                select c.relname::text as name, c.relacl as acl from pg_class c
                where c.relnamespace = to_regnamespace('stats')
                union all
                select p.proname, coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p
                where p.pronamespace in (to_regnamespace('stats'), to_regnamespace('stats_api'))
                   or obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%%'
                union all
                select n.nspname, n.nspacl from pg_namespace n where n.nspname in ('stats', 'stats_api')
            ) o
            cross join aclexplode(o.acl) a
            left join pg_roles r on r.oid = a.grantee
            where coalesce(r.rolname, 'public') = any (%s)
            order by 1, 2, 3
            """,
            [list(roles)],
        ).fetchall()


def test_what_the_pipeline_may_delete_of_capture_is_old(logins: Database) -> None:
    """Its login asks for everything at once, and gets what the settings' least values would give it."""
    at = "insert into stats.fact_surface (fact, fact_id, captured_at) values ('visit', gen_random_uuid(), now() - :age)"
    for age in (timedelta(days=30), timedelta(days=32)):
        logins.execute(at, age=age)
    with connected(logins, "eventflow_pipeline_login") as connection:
        connection.execute("set role eventflow_pipeline")
        for retention in ("0", "-1 year"):
            connection.execute("select * from stats.replay_dead_letters(0, '0', %s, true)", [retention])
        assert connection.execute("select stats.prune_surfaces('0')").fetchone() == (1,)
    with psycopg.connect(logins.url) as owner:
        assert owner.execute("select count(*) from stats.dead_letter where payload is not null").fetchone() == (1,)
