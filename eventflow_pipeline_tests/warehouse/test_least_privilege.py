"""The pipeline's role sees the allowed columns through views and nothing else (source-contract.md)."""

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.warehouse.engine import PIPELINE_ROLE, connect
from eventflow_pipeline.warehouse.migrations import create_source, migrate
from eventflow_pipeline_tests.databases import Database

FORBIDDEN = {
    "name", "company", "phone_norm", "code6", "survey_no", "consent_data", "registration_data", "user_agent",
    "referrer", "utm_referrer", "email",
}  # fmt: skip


def test_every_pipeline_connection_runs_as_the_role(database: Database) -> None:
    assert database.rows("select current_user::text as who") == [{"who": PIPELINE_ROLE}]


@pytest.mark.parametrize("table", [*(t.name for t in SOURCE_TABLES), "webinar_live_presence", "webinar_access_logs"])
@pytest.mark.parametrize("command", ["select from public.{}", "delete from public.{}", "truncate public.{}"])
def test_base_tables_are_out_of_reach(database: Database, table: str, command: str) -> None:
    with connect(database.pipeline) as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(command.format(table)))


def test_fact_views_show_no_forbidden_column(database: Database) -> None:
    columns = database.rows(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'stats' and table_name in ('visit_facts', 'entry_facts')"
    )
    assert columns
    assert not {c["column_name"] for c in columns} & FORBIDDEN


def test_views_see_through_row_level_security(database: Database) -> None:
    """The founding incident: a role with a grant but no policy sees zero rows."""
    database.execute("insert into clients (id, name) values (gen_random_uuid(), 'c')")
    database.execute(
        "insert into event_survey_campaigns (client_id, title) select id, 't' from clients",
    )
    database.execute(
        "insert into event_survey_entries (campaign_id, client_id, registration_data) "
        'select id, client_id, \'{"cid": " ab ", "phone": "x"}\' from event_survey_campaigns'
    )
    assert database.rows("select relrowsecurity from pg_class where relname = 'event_survey_entries'") == [
        {"relrowsecurity": True}
    ]
    assert database.rows("select cid from stats.entry_facts") == [{"cid": "AB"}]
    assert len(database.rows("select * from stats.campaigns")) == 1


def test_referrer_is_reduced_to_its_host(database: Database) -> None:
    for referrer in (
        "https://user:secret@Search.Example/path?mail=a@b.example",
        "android-app://com.example/x",
        "junk",
        None,
    ):
        database.execute(
            "insert into event_access_logs (campaign_id, session_id, referrer) values (gen_random_uuid(), 's', :r)",
            r=referrer,
        )
    hosts = {row["referrer_host"] for row in database.rows("select referrer_host from stats.visit_facts")}
    assert hosts == {"search.example", "com.example", None}


def test_the_role_owns_nothing_and_cannot_log_in(database: Database) -> None:
    role = database.rows("select * from pg_roles where rolname = :r", r=PIPELINE_ROLE)[0]
    assert not any(role[right] for right in ("rolcanlogin", "rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb"))
    owned = "select relname from pg_class where relowner = cast(:r as regrole)"
    assert database.rows(owned, r=PIPELINE_ROLE) == []


def test_row_level_security_is_on_for_everything_this_project_owns(database: Database) -> None:
    unprotected = database.rows(
        "select relname from pg_class where relnamespace = 'stats'::regnamespace and relkind in ('r', 'p') "
        "and not relrowsecurity and relname <> 'schema_migration'"
    )
    assert unprotected == []


def test_migrating_and_running_as_an_ordinary_owner(database: Database, empty_database: Database) -> None:
    """As on Supabase: the tables' owner is no superuser, may create roles, and steps down to the pipeline's role.

    ``database`` only makes sure that the role, which belongs to the whole server, exists.
    """
    create_source(empty_database.owner)
    name = make_url(empty_database.url).database
    for command in (
        "create role ordinary_owner login createrole",
        f'grant create, connect, temporary on database "{name}" to ordinary_owner',
        "grant eventflow_pipeline to ordinary_owner with admin option",
        "grant eventflow_capture to ordinary_owner with admin option",
        "grant usage, create on schema public to ordinary_owner",
        *(f"alter table public.{t.name} owner to ordinary_owner" for t in SOURCE_TABLES),
    ):
        empty_database.execute(command)
    url = make_url(empty_database.url).set(username="ordinary_owner").render_as_string(hide_password=False)
    ordinary = Database(empty_database.settings.model_copy(update={"database_url": SecretStr(url)}))
    try:
        assert migrate(ordinary.owner, ordinary.settings).applied
        ordinary.execute("insert into clients (id, name) values (gen_random_uuid(), 'c')")
        assert len(ordinary.rows("select * from stats.clients")) == 1
        with psycopg.connect(url) as connection:
            connection.execute("set role eventflow_pipeline")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select from public.clients")
    finally:
        ordinary.close()
