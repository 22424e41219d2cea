"""Loading into a real Postgres."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from eventflow_pipeline.dev.sample import SampleRefused, generate, load
from eventflow_pipeline_tests.databases import Databases
from eventflow_pipeline_tests.dev.sample.samples import OPTIONS, reader

SOURCE = Path(__file__).resolve().parents[3] / "sql" / "source"


@pytest.fixture(scope="module")
def prepared(databases: Databases) -> Iterator[str]:
    """Address of a database with the source tables."""
    name = databases.create()
    with psycopg.connect(databases.url(name), autocommit=True) as connection:
        for file in sorted(SOURCE.glob("*.sql")):
            connection.execute(file.read_text())
    yield databases.url(name)
    databases.drop(name)


@pytest.fixture
def connection(prepared):
    """A connection to empty source tables."""
    with psycopg.connect(prepared, autocommit=True) as connection:
        names = ", ".join(f"public.{table}" for table, _, _ in reader("smallest").sample.tables())
        connection.execute(f"truncate {names}")
        yield connection


def count(connection, table):
    return connection.execute(f"select count(*) from public.{table}").fetchone()[0]


def test_counts_are_those_of_the_tables(connection):
    seen = []
    sample = reader("until_now").sample
    counts = load(connection, sample, progress=lambda table, rows: seen.append((table, rows)))
    assert counts == {table: len(rows) for table, _, rows in sample.tables()}
    assert counts == {table: count(connection, table) for table in counts}
    assert seen == list(counts.items())
    assert min(counts.values()) > 0


def test_values_arrive_as_generated(connection):
    sample = reader("smallest").sample
    load(connection, sample)
    for id in sample.traps["padded_sessions"] + sample.traps["blank_sessions"] + sample.traps["raw_cids"]:
        row = reader("smallest").visits[id]
        found = connection.execute(
            "select session_id, cid, accessed_at, created_at from public.event_access_logs where id = %s",
            [id],
        ).fetchone()
        assert found == (row.session_id, row.cid, row.accessed_at, row.created_at)
    for id in sample.traps["entry_cids"] + sample.traps["sessionless_entries"]:
        entry = reader("smallest").entries[id]
        found = connection.execute(
            "select session_id, registration_data, created_at from public.event_survey_entries where id = %s",
            [id],
        ).fetchone()
        assert found == (entry.session_id, entry.registration_data, entry.created_at)


def test_loading_over_existing_rows_is_refused_and_changes_nothing(connection):
    load(connection, reader("smallest").sample)
    before = count(connection, "event_access_logs")
    with pytest.raises(ValueError, match="already holds rows: use an empty database, or"):
        load(connection, generate(replace(OPTIONS["smallest"], seed=99)))
    assert count(connection, "event_access_logs") == before


def test_one_foreign_fact_is_enough_to_refuse(connection):
    connection.execute("insert into public.event_access_logs (campaign_id, session_id) values (gen_random_uuid(), 's')")
    with pytest.raises(SampleRefused, match=r"public\.event_access_logs"):
        load(connection, reader("smallest").sample)
    assert count(connection, "clients") == 0


def test_replace_empties_the_tables_first(connection):
    load(connection, reader("smallest").sample)
    other = generate(replace(OPTIONS["smallest"], seed=99))
    counts = load(connection, other, replace=True)
    assert counts == {table: count(connection, table) for table in counts}
    clients = {row[0] for row in connection.execute("select id from public.clients")}
    assert clients == {row.id for row in other.clients}


def test_a_failing_load_leaves_nothing(connection):
    sample = generate(OPTIONS["smallest"])
    sample.presence.append(sample.presence[0])
    with pytest.raises(psycopg.errors.UniqueViolation):
        load(connection, sample)
    assert count(connection, "event_access_logs") == 0
