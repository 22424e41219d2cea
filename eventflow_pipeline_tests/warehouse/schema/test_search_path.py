"""Names in our SQL mean pg_catalog's and our own, whatever a caller or somebody with rights on ``public`` planted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import event, text

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import sql_root
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate, migrate_back
from eventflow_pipeline_tests.databases import FIRST_DAY, Database, executable_functions

CLIENT = UUID(int=1)

#: Functions whose names are looked up when they run, in a path the caller chose. A body in the form of the SQL standard
#: (RETURN, BEGIN ATOMIC) is parsed once, when it is created; an aggregate only names a function.
_UNFIXED = """
    select p.oid::regprocedure::text
    from pg_proc p
    where p.prokind <> 'a'
      and p.prosqlbody is null
      and not coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']
      and (p.pronamespace in ('stats'::regnamespace, 'stats_api'::regnamespace)
           or (p.pronamespace = 'public'::regnamespace
               and obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%'))
    order by 1
"""


def test_every_function_looks_names_up_in_a_path_of_its_own(database: Database) -> None:
    with connect(database.owner) as connection:
        assert connection.execute(text(_UNFIXED)).scalars().all() == []


#: What a caller may plant: types of these names are looked up in pg_temp first, unless the path says otherwise.
_PLANTED = ("name", "uuid", "text", "jsonb", "date", "timestamptz", "int4", "numeric", "bool", "regclass")
_ARGUMENTS: dict[str, Any] = {
    "uuid": CLIENT, "date": FIRST_DAY, "text": "client", "jsonb": Jsonb({"session_id": "s"}), "integer": 10,
    "interval": timedelta(hours=1), "timestamp with time zone": datetime(2024, 1, 1, tzinfo=UTC), "uuid[]": [CLIENT],
    "numeric": 1, "bigint": 1, "boolean": True, "text[]": ["client"],
}  # fmt: skip
_PARTICULAR: dict[str, list[Any]] = {
    "get_webinar_stats": [CLIENT, FIRST_DAY, FIRST_DAY, "5m"],
    "stats.capture_events": [Jsonb([{"fact": "visit", "event": {"campaign_id": str(CLIENT), "session_id": "s"}}])],
    "stats_api.get_webinar_stats": [CLIENT, FIRST_DAY, FIRST_DAY, "5m"],
    "stats_api.get_series": [CLIENT, FIRST_DAY, FIRST_DAY, "week"],
    "stats.series_by": [CLIENT, FIRST_DAY, FIRST_DAY, "week"],
    "stats.agency_clients": [FIRST_DAY, FIRST_DAY, None, 10],
    "stats_api.get_agency_overview": [FIRST_DAY, FIRST_DAY, None, 10],
    "stats.readable_owner": ["campaign", CLIENT],
    "stats.capture_insert": ["event_access_logs", Jsonb({"campaign_id": str(CLIENT), "session_id": "s"})],
}
#: Presence is a signed-in viewer's.
_REFUSED = {("service_role", "webinar_presence_ping"), ("eventflow_bi", "webinar_presence_ping")}
_READABLE = """
    select c.oid::regclass::text, array(
        select quote_ident(a.attname) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and has_column_privilege(%s, c.oid, a.attnum, 'select'))
    from pg_class c
    where c.relnamespace = 'stats'::regnamespace and c.relkind in ('r', 'p', 'v')
      and has_any_column_privilege(%s, c.oid, 'select')
    order by 1
"""


@pytest.mark.parametrize(
    "role",
    [
        "authenticated",
        "service_role",
        "eventflow_pipeline",
        "eventflow_capture",
        "eventflow_capture_owner",
        "eventflow_bi",
    ],
)
def test_types_planted_by_a_caller_are_not_used(database: Database, role: str) -> None:
    """A temporary domain's CHECK runs as whoever casts to it: in a SECURITY DEFINER function that is the owner."""
    database.insert("clients", [{"id": CLIENT, "name": "c"}])
    database.insert("event_survey_campaigns", [{"id": CLIENT, "client_id": CLIENT, "title": "c"}])
    database.insert("webinars", [{"id": CLIENT, "client_id": CLIENT, "title": "w"}])
    database.insert("client_members", [{"client_id": CLIENT, "user_id": CLIENT, "role": "owner"}])
    database.define(hourly_clients=[CLIENT])
    database.replace(FIRST_DAY)
    database.execute(
        "create function public.careless() returns text language sql security definer as $$ select 'x'::name::text $$"
    )
    run_as: list[str] = []
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: run_as.append(notice.message_primary or ""))
        functions = executable_functions(connection, role)
        relations = connection.execute(_READABLE, [role, role]).fetchall()
        connection.execute(f"set role {role}".encode())
        connection.execute("select pg_catalog.set_config('request.jwt.claims', %s, false)", [f'{{"sub": "{CLIENT}"}}'])
        for planted in _PLANTED:
            connection.execute(
                f"create function pg_temp.checked(value pg_catalog.{planted}) returns pg_catalog.bool "
                f"language plpgsql as $$ begin raise notice 'run as %', current_user; return true; end $$".encode()
            )
            connection.execute(
                f"create domain pg_temp.{planted} as pg_catalog.{planted} check (pg_temp.checked(value))".encode()
            )
        connection.execute("select public.careless()")
        assert set(run_as) == {"run as postgres"}, "the trap works"
        run_as.clear()
        for name, types, _ in functions:
            arguments = _PARTICULAR.get(name) or [_ARGUMENTS[kind] for kind in types]
            call = f"select from {name}({', '.join(['%s'] * len(types))})".encode()
            if (role, name) in _REFUSED:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(call, arguments)
            else:
                connection.execute(call, arguments)
        for name, columns in relations:
            connection.execute(f"select {', '.join(columns)} from {name}".encode())
    assert run_as == []


class _Mallory:
    """Somebody who may create in ``public`` (clusters upgraded from Postgres 14 let everybody), and what was run."""

    _BODY = """
        language plpgsql as $$
        begin
            if current_user <> 'mallory' then
                raise notice 'run as %', current_user;
            end if;
            return null;
        end $$
    """
    #: Better matches than the server's own, which take "any" or wider types.
    _FUNCTIONS = (
        *(f"format({', '.join(['text'] * n)}) returns text" for n in range(1, 6)),
        *(f"format(text, {', '.join([kind] * n)}) returns text" for kind in ("name", "regclass") for n in (1, 2)),
        "jsonb_build_object(text, uuid) returns jsonb",
        "concat_ws(text, text, text) returns text",
        "joined(name, text) returns text",
        "joined(text, name) returns text",
    )
    _OPERATORS = (
        "public.|| (leftarg = name, rightarg = text, function = public.joined)",
        "public.|| (leftarg = text, rightarg = name, function = public.joined)",
    )

    def __init__(self, database: Database) -> None:
        self.run: list[str] = []
        with connect(database.owner) as connection:
            if not connection.execute(text("select 1 from pg_roles where rolname = 'mallory'")).first():
                connection.execute(text("create role mallory"))
        database.execute("grant create, usage on schema public to mallory")
        with psycopg.connect(database.url) as connection:
            connection.execute("set role mallory")
            for function in self._FUNCTIONS:
                connection.execute(f"create function public.{function} {self._BODY}".encode())
            for operator in self._OPERATORS:
                connection.execute(f"create operator {operator}".encode())
        event.listen(database.owner, "connect", self._listen)
        database.owner.dispose()

    def _listen(self, raw: psycopg.Connection[Any], _record: object) -> None:
        raw.add_notice_handler(self._note)

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        if (notice.message_primary or "").startswith("run as"):
            self.run.append(notice.message_primary or "")


def test_what_somebody_planted_in_public_is_not_run_by_migrations(empty_database: Database) -> None:
    create_source(empty_database.owner)
    mallory = _Mallory(empty_database)
    with connect(empty_database.owner) as connection:
        connection.execute(text("select format('%s %s', cast('a' as text), cast('b' as text))"))
        connection.execute(text("select relname || cast('x' as text) from pg_class limit 1"))
    assert len(mallory.run) == 2, "the trap works"
    mallory.run.clear()
    migrate(empty_database.owner, empty_database.settings)
    migrate(empty_database.owner, empty_database.settings)
    migrate_back(empty_database.owner, "base")
    assert mallory.run == []


def test_the_files_by_themselves_set_the_path(empty_database: Database) -> None:
    """As Supabase runs them, each in a transaction, whatever the session's own path is."""
    create_source(empty_database.owner)
    mallory = _Mallory(empty_database)
    root = sql_root()
    migrations, down = root / "migrations", root / "migrations" / "down"
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        connection.add_notice_handler(mallory._note)
        for file in (
            *sorted(migrations.glob("*.sql")),
            *sorted((root / "schema").glob("*.sql")),
            down / "schema.sql",
            *(down / file.name for file in sorted(migrations.glob("*.sql"), reverse=True)),
        ):
            connection.execute(file.read_bytes())
    assert mallory.run == []


def test_what_is_planted_as_somebodys_own_function_runs_as_theirs(empty_database: Database) -> None:
    """A function that is set aside and comes back, whose default runs code when it is read; one with our comment."""
    create_source(empty_database.owner)
    mallory = _Mallory(empty_database)
    with psycopg.connect(empty_database.url) as connection:
        connection.execute("set session authorization mallory")
        for command in (
            "create function public.ran(text) returns boolean language plpgsql as $$ begin "
            "raise notice 'run as %', current_user; begin reset role; exception when others then null; end; "
            "raise notice 'run as %', current_user; return true; end $$",
            "create domain public.trap as text check (public.ran(value))",
            "create function public.get_link_stats(uuid, date, date, a int = array_length('{x}'::public.trap[], 1)) "
            "returns jsonb return null::jsonb",
            "create function public.ours() returns int return 1",
            "revoke all on function public.ours() from public",
            "comment on function public.ours() is 'eventflow_pipeline: x [readers]'",
        ):
            connection.execute(command.encode())
    migrate(empty_database.owner, empty_database.settings)
    (row,) = empty_database.rows("select proacl::text as rights from pg_proc where proname = 'ours'")
    assert row["rights"] == "{mallory=X/mallory}", "theirs to grant, whatever they say of it"
    empty_database.execute("drop function public.ours()")
    mallory.run.clear()
    migrate_back(empty_database.owner, "base")
    assert set(mallory.run) == {"run as mallory"}
    (row,) = empty_database.rows("select proowner::regrole::text as who from pg_proc where proname = 'get_link_stats'")
    assert row["who"] == "mallory"
    assert empty_database.rows("select has_schema_privilege('mallory', 'public', 'create') as may") == [{"may": True}]


def test_what_is_planted_under_our_names_is_not_taken_for_ours(empty_database: Database) -> None:
    """By somebody who may create: a function with our comment, to alter later; a schema, to replace what is in it."""
    create_source(empty_database.owner)
    _Mallory(empty_database)
    signature = "public.get_link_stats(uuid, date, date)"
    with psycopg.connect(empty_database.url) as connection:
        connection.execute(f'grant create on database "{empty_database.name}" to mallory')
        connection.execute("set role mallory")
        connection.execute(f"create function {signature} returns jsonb return null::jsonb")
        connection.execute(f"comment on function {signature} is 'eventflow_pipeline: mine [readers]'")
        for schema in ("stats", "stats_api", "stats_kept"):
            connection.execute(f"create schema {schema}")
    for schema in ("stats", "stats_api", "stats_kept"):
        with pytest.raises(UserError, match=f"the schema {schema} belongs to mallory, who could replace"):
            migrate(empty_database.owner, empty_database.settings)
        empty_database.execute(f"drop schema {schema}")
    migrate(empty_database.owner, empty_database.settings)
    (row,) = empty_database.rows(
        f"select pg_get_userbyid(proowner) as name from pg_proc where oid = '{signature}'::regprocedure"
    )
    assert row["name"] == empty_database.owner.url.username
