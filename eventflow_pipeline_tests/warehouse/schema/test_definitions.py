"""sql/schema: applied whole, as it is now, beside people who read and people whose objects use ours."""

import shutil
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import sql_root
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate, migrate_back
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.repetitions import some
from eventflow_pipeline_tests.warehouse.schema.test_migrations import NEWEST, VERSIONS, objects

#: The version after the newest one.
NEXT = f"{int(NEWEST) + 1:04}"
SHARE = "create or replace function stats.share(p_part numeric, p_whole numeric) returns numeric"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A copy of ``sql/``: another checkout."""
    return shutil.copytree(sql_root(), tmp_path / "sql")


def _edit(root: Path, file: str, before: str, after: str) -> None:
    path = root / file
    content = path.read_text(encoding="utf-8")
    assert before in content
    path.write_text(content.replace(before, after), encoding="utf-8")


def _comments(database: Database) -> set[tuple[object, ...]]:
    with connect(database.owner) as connection:
        rows = connection.execute(
            text(
                "select i.identity, d.objsubid, d.description from pg_description d "
                "cross join lateral pg_identify_object(d.classoid, d.objoid, 0) i "
                "where i.identity ~ '^(stats|stats_api|public)\\M' or i.schema in ('stats', 'stats_api', 'public')"
            )
        )
        return {tuple(row) for row in rows}


def test_plain_sql_makes_what_migrate_makes(empty_database: Database, database: Database) -> None:
    """As Supabase or psql apply it: every version in its order, then the definitions, in one transaction."""
    create_source(empty_database.owner)
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        for file in sorted((sql_root() / "migrations").glob("*.sql")):
            connection.execute(file.read_bytes())
        for _ in range(2):
            with connection.transaction():
                for file in sorted((sql_root() / "schema").glob("*.sql")):
                    connection.execute(file.read_bytes())
    # Which versions are applied is noted by `migrate` alone.
    assert objects(empty_database) == {row for row in objects(database) if "schema_migration" not in str(row[1])}
    assert _comments(empty_database) == {row for row in _comments(database) if row[0] != "stats.schema_migration"}
    assert len(migrate(empty_database.owner, empty_database.settings).applied) == len(VERSIONS)
    assert objects(empty_database) == objects(database)


def test_plain_sql_has_a_way_back(empty_database: Database) -> None:
    create_source(empty_database.owner)
    before = objects(empty_database)
    down = sql_root() / "migrations" / "down"
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        for folder in ("migrations", "schema"):
            for file in sorted((sql_root() / folder).glob("*.sql")):
                connection.execute(file.read_bytes())
        for file in (down / "schema.sql", *sorted(down.glob("0*.sql"), reverse=True)):
            connection.execute(file.read_bytes())
        connection.execute("drop schema stats")
    assert objects(empty_database) == before


def test_a_definition_rolls_back_and_forward_with_its_checkout(database: Database, other: Path) -> None:
    """Another body, another shape, one function that is no more and one that is not yet, all by `migrate` alone."""
    today = objects(database)
    _edit(
        other,
        "schema/08_screens.sql",
        "returns numeric\nlanguage sql immutable",
        "returns text\nlanguage sql immutable",
    )
    _edit(other, "schema/08_screens.sql", "return round(p_part / nullif(p_whole, 0), 4);", "return 'older';")
    _edit(
        other,
        "schema/07_ranges.sql",
        "create or replace function stats.today()",
        "create or replace function stats.now_day()",
    )
    for before, after in (("'today()'", "'now_day()'"), ("function stats.today() is", "function stats.now_day() is")):
        _edit(other, "schema/07_ranges.sql", before, after)
    share = "select stats.share(1, 2)::text as share, to_regprocedure('stats.today()') is null as is_older"
    with connect(database.owner) as connection:
        migrate(database.owner, database.settings, other)
        assert connection.execute(text(share)).one() == ("older", True)
        migrate(database.owner, database.settings)
        assert connection.execute(text(share)).one() == ("0.5000", False)
    assert objects(database) == today


def test_versions_of_a_newer_checkout_are_undone_by_it_first(database: Database, other: Path) -> None:
    (other / "migrations" / f"{NEXT}_more.sql").write_text("create table stats.more ();")
    (other / "migrations" / "down" / f"{NEXT}_more.sql").write_text("drop table stats.more;")
    assert migrate(database.owner, database.settings, other).applied == (NEXT,)
    with pytest.raises(UserError, match=rf"at version {NEXT}, which .* `eventflow migrate --to {NEWEST}`, then repeat"):
        migrate(database.owner, database.settings)
    migrate_back(database.owner, NEWEST, other)
    assert migrate(database.owner, database.settings).applied == ()


def test_a_version_that_stops_says_where_and_why(database: Database, other: Path) -> None:
    (other / "migrations" / f"{NEXT}_more.sql").write_text("create table stats.more (); select 1 / 0;")
    with pytest.raises(
        UserError,
        match=rf"stopped after version {NEWEST} and .*division by zero.*: put that right and run the command again",
    ):
        migrate(database.owner, database.settings, other)
    assert migrate(database.owner, database.settings).applied == ()


def test_a_file_that_cannot_be_applied_is_named_and_nothing_changes(database: Database, other: Path) -> None:
    before = objects(database)
    _edit(other, "schema/08_screens.sql", "return round(", "return nothing_of_this_name(")
    with pytest.raises(UserError, match=r"Nothing of sql/schema was applied because 08_screens.sql cannot be \("):
        migrate(database.owner, database.settings, other)
    assert objects(database) == before


@pytest.mark.parametrize("with_version", some([True, False], 1))
@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("schema/08_screens.sql", SHARE, SHARE.replace("p_part", "p_of").replace("returns numeric", "returns float")),
        ("schema/08_screens.sql", SHARE, SHARE.replace("(p_part numeric", "(p_extra text, p_part numeric")),
    ],
    ids=["another shape", "gone"],
)
def test_somebody_elses_object_is_named_before_anything_is_touched(
    database: Database, other: Path, file: str, before: str, after: str, with_version: bool
) -> None:
    for command in ("create schema theirs", "create view theirs.half as select stats.share(1, 2) as share"):
        database.execute(command)
    if with_version:
        (other / "migrations" / f"{NEXT}_more.sql").write_text("create table stats.more ();")
    _edit(other, file, before, after)
    if "p_extra" in after:
        _edit(
            other, file, "function stats.share(numeric, numeric) is", "function stats.share(text, numeric, numeric) is"
        )
        _edit(other, file, "'stats.share(numeric, numeric)'", "'stats.share(text, numeric, numeric)'")
    else:
        _edit(other, file, "return round(p_part / nullif(p_whole, 0), 4);", "return 0.5;")
    there = objects(database)
    with pytest.raises(
        UserError,
        match=r"Nothing was migrated because view theirs\.half uses function stats\.share\(.*: drop that, migrate",
    ):
        migrate(database.owner, database.settings, other)
    assert objects(database) == there
    # What can be replaced is, with whatever uses it.
    migrate(database.owner, database.settings)
    database.execute("drop view theirs.half")
    migrate(database.owner, database.settings, other)
    assert objects(database) != there


@pytest.mark.parametrize("used", ["stats.share(1, 2)", "(select count(*) from stats.incident)"])
def test_going_back_names_who_uses_what_would_go(database: Database, used: str) -> None:
    database.execute(f"create view public.uses_it as select {used} as x")
    before = objects(database)
    with pytest.raises(
        UserError, match=r"Nothing was undone because view (public\.)?uses_it depends on .*: drop that first"
    ):
        migrate_back(database.owner, "0006")
    assert objects(database) == before
    database.execute("drop view public.uses_it")
    migrate_back(database.owner, "0006")
    migrate(database.owner, database.settings)
    assert objects(database) == before


@pytest.mark.parametrize("schema", ["stats", "stats_api"])
def test_what_is_in_the_schema_and_not_ours_survives(database: Database, schema: str) -> None:
    database.execute(f"create view {schema}.theirs as select 1 as one")
    migrate(database.owner, database.settings)
    with pytest.raises(UserError, match=rf"view {schema}\.theirs is in the schema {schema} and not this project's"):
        migrate_back(database.owner, "base")
    kept = "select relnamespace::regnamespace::text as place from pg_class where relname = 'theirs'"
    assert database.rows(kept) == [{"place": schema}]


def test_rights_that_are_not_ours_to_give_are_taken_back(database: Database) -> None:
    before = objects(database)
    for command in (
        "grant delete on stats.partition_state to authenticated",
        "grant execute on function stats.range_rows(text, date, date, uuid, uuid[]) to service_role",
        "grant select on public.event_survey_entries to eventflow_capture_owner",
    ):
        database.execute(command)
    assert objects(database) != before
    migrate(database.owner, database.settings)
    assert objects(database) == before
    (row,) = database.rows(
        "select has_table_privilege('eventflow_capture_owner', 'public.event_survey_entries', 'select') as may"
    )
    assert row == {"may": False}


def test_a_long_read_makes_nobody_queue_behind_the_migration(database: Database) -> None:
    """It holds a table for minutes; the migration tries, lets those behind it by, and is done when the read is."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            migrate(database.owner, database.settings)
        except BaseException as problem:
            failed.append(problem)

    with psycopg.connect(database.url) as reading, psycopg.connect(database.url, autocommit=True) as others:
        reading.execute("select from stats.partition_state")
        migrating = threading.Thread(target=run)
        migrating.start()
        waits = "select count(*) from pg_locks where not granted and relation = 'stats.partition_state'::regclass"
        while others.execute(waits).fetchone() == (0,):  # until it stands in the queue
            assert migrating.is_alive(), failed
        others.execute("select from stats.partition_state")  # would wait for the read otherwise, which does not end
        assert migrating.is_alive()
        reading.rollback()
        migrating.join()
    assert failed == []


def test_tables_that_do_not_come_free_are_said_with_who_uses_them(database: Database) -> None:
    before = objects(database)
    with psycopg.connect(database.url) as reading:
        reading.execute("select from stats.partition_state")
        with pytest.raises(
            UserError, match=rf"not free for 1 s.*process {reading.info.backend_pid} has used them since"
        ):
            migrate(database.owner, database.settings, wait_seconds=1)
        with pytest.raises(UserError, match="not free for 1 s"):
            migrate_back(database.owner, "base", wait_seconds=1)
    assert objects(database) == before
