"""What loading the sample leaves alone: everything but EventFlow's tables, and those when they hold rows."""

import psycopg
import pytest

from eventflow_pipeline.dev.sample import SampleRefused
from eventflow_pipeline.dev.sample.load import load_sample
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.schema.migrations import create_source
from eventflow_pipeline_tests.databases import Database

DAYS = 8
_OUTSIDE = """
    select p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proacl::text from pg_proc p
    where p.pronamespace in (to_regnamespace('auth'), 'public'::regnamespace)
    union all
    select c.oid::regclass::text, c.relrowsecurity::text, c.relacl::text from pg_class c
    where c.relnamespace in (to_regnamespace('auth'), 'public'::regnamespace) and c.relkind in ('r', 'v', 'S')
    union all
    select nspname, '', nspacl::text from pg_namespace where nspname in ('auth', 'public')
    order by 1
"""


def _outside(database: Database) -> list[tuple[str, ...]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(_OUTSIDE).fetchall()


@pytest.fixture
def production(empty_database: Database) -> Database:
    """EventFlow's tables with rights of their own, identity functions of another make, and a table that is no one's."""
    create_source(empty_database.owner)
    for command in (
        "create or replace function auth.uid() returns uuid language sql stable as 'select null::uuid'",
        "drop function auth.jwt()",
        "create table public.secrets (secret text)",
        "revoke all on public.event_access_logs, public.secrets, public.clients from anon, authenticated, service_role",
        "alter table public.event_survey_entries disable row level security",
    ):
        empty_database.execute(command)
    return empty_database


def test_a_refusal_changes_nothing(production: Database) -> None:
    production.execute(
        "insert into public.webinar_access_logs (webinar_id, time_bucket) values (gen_random_uuid(), now())"
    )
    before = _outside(production)
    with pytest.raises(SampleRefused, match=r"public\.webinar_access_logs already holds rows, so nothing was changed"):
        load_sample(production.owner, production.settings, days=DAYS)
    assert _outside(production) == before


@pytest.mark.parametrize("replace", [False, True])
def test_loading_changes_rows_and_nothing_else(production: Database, replace: bool) -> None:
    if replace:
        production.execute("insert into public.clients (name) values ('to be replaced')")
    before = _outside(production)
    counts = load_sample(production.owner, production.settings, days=DAYS, visits_per_day=5, replace=replace)
    assert counts["event_access_logs"] > 0
    assert _outside(production) == before


def test_a_database_with_some_of_the_tables_is_not_completed(empty_database: Database) -> None:
    empty_database.execute("create table public.clients (id uuid)")
    before = _outside(empty_database)
    with pytest.raises(UserError, match=r"EventFlow's tables are there but for public\.event_access_logs"):
        load_sample(empty_database.owner, empty_database.settings, days=DAYS)
    assert _outside(empty_database) == before


def test_rights_are_given_on_the_new_tables_only(empty_database: Database) -> None:
    empty_database.execute("create table public.secrets (secret text)")
    create_source(empty_database.owner)
    with psycopg.connect(empty_database.url) as connection:
        granted = connection.execute(
            "select has_table_privilege('anon', 'public.secrets', 'select'), "
            "has_table_privilege('anon', 'public.event_access_logs', 'select')"
        ).fetchone()
    assert granted == (False, True)
