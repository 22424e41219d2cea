"""Migrations: repeatable, reversible step by step, careful about what they find."""

import threading

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db import engine as engine_module
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import sql_root
from eventflow_pipeline.warehouse.schema.build_settings import stored_build_settings
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate, migrate_back, rebuild
from eventflow_pipeline.warehouse.schema.preconditions import PUBLIC_FUNCTIONS
from eventflow_pipeline_tests.databases import Database

#: All versions there are, and the newest of them.
VERSIONS = sorted(file.name[:4] for file in (sql_root() / "migrations").glob("*.sql"))
NEWEST = VERSIONS[-1]
_OBJECTS = """
    select c.relkind::text, c.relname, pg_get_userbyid(c.relowner), coalesce(c.relacl::text, ''), c.relrowsecurity
    from pg_class c where c.relnamespace = to_regnamespace('stats') and c.relname <> 'schema_migration'
    union all
    select 'f', p.oid::regprocedure::text, case when p.prokind = 'a' then '' else pg_get_functiondef(p.oid) end,
           coalesce(p.proacl::text, ''), false
    from pg_proc p
    where p.pronamespace in (to_regnamespace('stats'), to_regnamespace('stats_api'), to_regnamespace('public'))
    union all
    select 'n', nspname, nspowner::regrole::text, coalesce(nspacl::text, ''), false
    from pg_namespace where nspname = 'stats_api'
    union all
    select 'k', conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid), '', convalidated
    from pg_constraint where connamespace = to_regnamespace('stats')
    union all
    select 'i', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), '', i.indisvalid
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where c.relnamespace in (to_regnamespace('stats'), to_regnamespace('public'))
    union all
    select 'e', enumtypid::regtype::text, string_agg(enumlabel, ',' order by enumsortorder), '', false
    from pg_enum join pg_type t on t.oid = enumtypid
    where t.typnamespace = to_regnamespace('stats') group by enumtypid
    union all
    select 'p', tablename || policyname, concat(cmd, qual, with_check), roles::text, false
    from pg_policies where schemaname in ('stats', 'public')
    union all
    select 'c', attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod), '', attnotnull
    from pg_attribute join pg_class c on c.oid = attrelid
    where c.relnamespace = to_regnamespace('stats') and attnum > 0 and not attisdropped
"""


def objects(database: Database) -> set[tuple[object, ...]]:
    """All there is in ``stats``, and functions, indexes and policies in ``public``, with owners, bodies and rights."""
    with connect(database.owner) as connection:
        return {tuple(row) for row in connection.execute(text(_OBJECTS))}


def test_migrating_again_changes_nothing(database: Database) -> None:
    before = objects(database)
    report = migrate(database.owner, database.settings)
    assert report.applied == ()
    assert objects(database) == before


@pytest.mark.parametrize("each", [False, pytest.param(True, marks=pytest.mark.long)])
def test_every_step_has_a_way_back_that_leaves_what_was_there(empty_database: Database, each: bool) -> None:
    create_source(empty_database.owner)
    steps = migrate(empty_database.owner, empty_database.settings).applied
    assert len(steps) == len(_version_files())
    full = objects(empty_database)
    # Down, and each time up again: nothing may be left over or missing.
    for below in (*reversed(steps[:-1]), "base") if each else (steps[-2], "base"):
        migrate_back(empty_database.owner, below)
        assert migrate(empty_database.owner, empty_database.settings).applied
        assert objects(empty_database) == full, below
    migrate_back(empty_database.owner, "base")
    with connect(empty_database.owner) as connection:
        assert connection.execute(text("select to_regnamespace('stats')")).scalar() is None


def _version_files() -> list[str]:
    return [file.name for file in (sql_root() / "migrations").glob("*.sql")]


def test_plain_postgres_without_identity_schema_or_supabase_roles(empty_database: Database) -> None:
    create_source(empty_database.owner)
    empty_database.execute("drop schema auth cascade")
    assert migrate(empty_database.owner, empty_database.settings).applied


def test_two_at_once_migrate_once(empty_database: Database) -> None:
    create_source(empty_database.owner)
    applied: list[int] = []

    def run() -> None:
        applied.append(len(migrate(empty_database.owner, empty_database.settings).applied))

    workers = [threading.Thread(target=run) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(applied) == [0, len(_version_files())]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("drop table event_survey_entries", "event_survey_entries is missing"),
        ("alter table event_access_logs drop column accessed_at", "event_access_logs.accessed_at is missing"),
        (
            "alter table event_access_logs alter accessed_at type text",
            "event_access_logs.accessed_at is text, not",
        ),
    ],
)
def test_a_missing_or_wrong_source_column_is_named_and_nothing_is_written(
    empty_database: Database, change: str, named: str
) -> None:
    create_source(empty_database.owner)
    empty_database.execute(change)
    with pytest.raises(UserError, match=named):
        migrate(empty_database.owner, empty_database.settings)
    with connect(empty_database.owner) as connection:
        assert connection.execute(text("select to_regnamespace('stats')")).scalar() is None


def test_late_columns_may_be_missing_and_are_picked_up_when_they_appear(empty_database: Database) -> None:
    create_source(empty_database.owner)
    empty_database.execute("alter table event_access_logs drop column webinar_id cascade, drop column cid")
    empty_database.execute("alter table event_survey_entries drop column session_id")
    migrate(empty_database.owner, empty_database.settings)
    empty_database.execute("insert into event_access_logs (campaign_id, session_id) values (gen_random_uuid(), ' s ')")
    assert empty_database.rows("select webinar_id, cid, session_id from stats.visit_facts") == [
        {"webinar_id": None, "cid": None, "session_id": "s"}
    ]
    empty_database.execute("alter table event_access_logs add column webinar_id uuid, add column cid text default ' x'")
    migrate(empty_database.owner, empty_database.settings)
    assert empty_database.rows("select cid from stats.visit_facts") == [{"cid": "X"}]


def test_another_zone_or_first_partition_is_refused_until_rebuilt(database: Database) -> None:
    other = database.settings.changed(timezone="Europe/Berlin")
    with pytest.raises(
        UserError, match="EVENTFLOW_TIMEZONE is Europe/Berlin but the buckets were built with Asia/Seoul"
    ):
        migrate(database.owner, other)
    rebuild(database.owner, other)
    assert migrate(database.owner, other).applied == ()
    with connect(database.owner) as connection:
        assert stored_build_settings(connection) == ("Europe/Berlin", other.start_date)


def test_a_server_that_is_too_old_is_named(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest supported version is raised above this server's: only the comparison is moved, the server is real."""
    monkeypatch.setattr(engine_module, "OLDEST_SERVER", 990000)
    with pytest.raises(UserError, match=r"is Postgres \d+: version 15 or later is needed"):
        migrate(database.owner, database.settings)


def test_an_index_that_failed_half_way_is_built_anew(database: Database) -> None:
    """CREATE INDEX CONCURRENTLY leaves an invalid index when it fails; IF NOT EXISTS would take it for a good one."""
    index = "event_access_logs_accessed_at_stats_idx"
    migrate_back(database.owner, "0009")
    for _ in range(2):
        database.execute(
            "insert into event_access_logs (campaign_id, session_id, accessed_at) "
            "values (gen_random_uuid(), 's', '2024-03-01')"
        )
    with pytest.raises(IntegrityError):
        database.execute(f"create unique index concurrently {index} on event_access_logs (accessed_at)")
    valid = "select indisvalid, indisunique from pg_index where indexrelid = cast(:name as regclass)"
    assert database.rows(valid, name=f"public.{index}") == [{"indisvalid": False, "indisunique": True}]
    migrate(database.owner, database.settings)
    assert database.rows(valid, name=f"public.{index}") == [{"indisvalid": True, "indisunique": False}]


_PUBLIC = """
    select p.oid::regprocedure::text, pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner),
           obj_description(p.oid, 'pg_proc'),
           (select string_agg(a.grantee::text || a.privilege_type, ' ' order by a.grantee)
            from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a)
    from pg_proc p where p.pronamespace = 'public'::regnamespace order by 1
"""


def _public_functions(database: Database) -> list[tuple[object, ...]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(_PUBLIC).fetchall()


def test_what_is_made_outside_the_schema_is_what_is_listed(database: Database) -> None:
    made = "select to_regprocedure(p) from unnest(%s::text[]) p order by 1"
    with psycopg.connect(database.url) as connection:
        listed = connection.execute(made, [list(PUBLIC_FUNCTIONS)]).fetchall()
        ours = connection.execute(
            "select oid::regprocedure from pg_proc where pronamespace = 'public'::regnamespace order by 1"
        ).fetchall()
        indexes = connection.execute(
            "select count(*) from pg_class where relname like '%\\_stats\\_idx' and relkind = 'i' "
            "and relnamespace = 'public'::regnamespace"
        ).fetchone()
        policies = connection.execute(
            "select count(*) from pg_policies where schemaname = 'public' and policyname like 'eventflow\\_capture%'"
        ).fetchone()
    assert (listed, indexes, policies) == (ours, (5,), (5,)), "docs/running.md says what there is"


def test_functions_under_our_names_come_back_as_they_were(empty_database: Database) -> None:
    """Their names are looked up when they run, in the caller's path; a body that did so is kept as it is."""
    create_source(empty_database.owner)
    for signature in PUBLIC_FUNCTIONS:
        empty_database.execute(
            f"create function {signature} returns bigint language sql stable as 'select count(*) from clients'"
        )
        empty_database.execute(f"comment on function {signature} is 'Theirs: it''s {signature}'")
    for command in (
        f"revoke execute on function {PUBLIC_FUNCTIONS[0]} from public",
        f"grant execute on function {PUBLIC_FUNCTIONS[0]} to authenticated",
        f"comment on function {PUBLIC_FUNCTIONS[1]} is null",
        # Other arguments: another function.
        "create function public.get_link_stats(uuid) returns text language sql as $$ select 'theirs' $$",
        "create view public.uses_it as select public.get_link_stats(null::uuid)",
    ):
        empty_database.execute(command)
    before = _public_functions(empty_database)
    migrate(empty_database.owner, empty_database.settings)
    migrated = _public_functions(empty_database)
    assert {row[0] for row in before} == {row[0] for row in migrated}
    assert set(before) & set(migrated) == {row for row in before if row[0] == "get_link_stats(uuid)"}
    migrate_back(empty_database.owner, "base")
    assert _public_functions(empty_database) == before


@pytest.mark.parametrize(
    ("found", "cause", "remedy"),
    [
        ("create schema stats create table stats.theirs ()", "table stats.theirs", "rename that schema"),
        ("create schema stats_api create table stats_api.theirs ()", "table stats_api.theirs", "rename that schema"),
        (
            "create function public.get_link_stats(uuid, date, date) returns text language sql return 'x'; "
            "create view public.uses_it as select public.get_link_stats(null, null, null)",
            "rule _RETURN on view public.uses_it uses it",
            "drop that, migrate, and create it again",
        ),
        (
            "drop table public.webinar_live_presence; create table public.webinar_live_presence (webinar_id uuid, "
            "user_id uuid, joined_at timestamptz, last_seen_at timestamptz, created_at timestamptz, "
            "updated_at timestamptz) partition by hash (webinar_id)",
            "public.webinar_live_presence is partitioned",
            "make it a plain table",
        ),
    ],
)
def test_what_would_stop_a_later_step_is_said_before_the_first(
    empty_database: Database, found: str, cause: str, remedy: str
) -> None:
    create_source(empty_database.owner)
    for command in found.split("; "):
        empty_database.execute(command)
    before = objects(empty_database)
    with pytest.raises(UserError, match="Nothing was migrated because ") as refused:
        migrate(empty_database.owner, empty_database.settings)
    assert cause in str(refused.value)
    assert remedy in str(refused.value)
    assert objects(empty_database) == before


@pytest.mark.parametrize("version", ["nonsense", "0099"])
def test_a_way_back_to_nowhere_is_refused(database: Database, version: str) -> None:
    with pytest.raises(
        UserError, match=f"There is no way back to .{version}.: name base or an applied version, such as {NEWEST}"
    ):
        migrate_back(database.owner, version)


def test_an_invalid_index_of_somebody_else_is_left_alone(database: Database) -> None:
    """Being built concurrently it is invalid for as long as that takes, whatever its name."""
    migrate_back(database.owner, "0009")
    database.execute("create index theirs_stats_idx on public.clients (name)")
    database.execute("update pg_index set indisvalid = false where indexrelid = 'public.theirs_stats_idx'::regclass")
    migrate(database.owner, database.settings)
    assert database.rows("select to_regclass('public.theirs_stats_idx') is not null as kept") == [{"kept": True}]
