"""The ping of live pages (P3): one's own row, at most once in the minimum interval, whatever the webinar id."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from eventflow_pipeline.warehouse.schema.migrations import migrate
from eventflow_pipeline_tests.databases import Database

WEBINAR, VIEWER, OTHER = UUID(int=0xA), UUID(int=0xB1), UUID(int=0xB2)
Ping = Callable[..., bool]


@pytest.fixture
def ping(database: Database) -> Ping:
    """Call the function as PostgREST does: a role, and the token's claims."""
    database.insert("webinars", [{"id": WEBINAR, "client_id": uuid4(), "title": "w"}])

    def call(viewer: UUID | None = VIEWER, webinar: UUID | None = WEBINAR, role: str = "authenticated") -> bool:
        with psycopg.connect(database.url) as connection:
            connection.execute(f"set local role {role}".encode())
            claims = {"sub": str(viewer)} if viewer else {}
            connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
            row = connection.execute("select public.webinar_presence_ping(%s)", [webinar]).fetchone()
            assert row
            return bool(row[0])

    return call


def _presence(database: Database) -> dict[UUID, tuple[datetime, datetime]]:
    with psycopg.connect(database.url) as connection:
        rows = connection.execute("select user_id, joined_at, last_seen_at from webinar_live_presence")
        return {row[0]: (row[1], row[2]) for row in rows}


def _ago(database: Database, seconds: int) -> None:
    database.execute(
        "update webinar_live_presence set last_seen_at = now() - make_interval(secs => :s), "
        "joined_at = joined_at - interval '1 hour'",
        s=seconds,
    )


def test_first_ping_joins_and_the_next_is_ignored_within_the_interval(ping: Ping, database: Database) -> None:
    assert ping()
    joined = _presence(database)
    assert list(joined) == [VIEWER]
    assert not ping()
    assert _presence(database) == joined
    _ago(database, 61)
    before = _presence(database)[VIEWER]
    began = datetime.now(UTC)
    assert ping()
    after = _presence(database)[VIEWER]
    assert after[0] == before[0], "the time of joining stays"
    assert began <= after[1] <= datetime.now(UTC)


def test_the_interval_is_what_migrate_was_told(ping: Ping, database: Database) -> None:
    migrate(database.owner, database.settings.changed(webinar={"presence_min_seconds": 30}))
    assert ping()
    assert not ping()
    _ago(database, 31)
    assert ping()


def test_a_viewer_cannot_write_anothers_row(ping: Ping, database: Database) -> None:
    assert ping(OTHER)
    _ago(database, 3600)
    before = _presence(database)[OTHER]
    assert ping(VIEWER)
    assert _presence(database)[OTHER] == before


@pytest.mark.parametrize(
    ("viewer", "role"),
    [(None, "authenticated"), (VIEWER, "anon"), (VIEWER, "service_role"), (VIEWER, "eventflow_pipeline")],
)
def test_only_signed_in_viewers_may_ping(ping: Ping, viewer: UUID | None, role: str, database: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ping(viewer, role=role)
    assert _presence(database) == {}


def test_a_webinar_without_a_row_is_kept_apart_one_row_a_viewer(ping: Ping, database: Database) -> None:
    """C2: nothing breaks and it is counted; but made-up ids cannot fill the database."""
    assert ping(webinar=uuid4())
    assert not ping(webinar=uuid4()), "the interval holds for all unknown webinars together"
    assert _presence(database) == {}
    database.execute("update stats.webinar_stray_ping set last_seen_at = now() - interval '2 minutes'")
    latest = uuid4()
    assert ping(webinar=latest)
    assert [row["webinar_id"] for row in database.rows("select * from stats.webinar_presence")] == [latest]
    assert ping(), "the unknown webinar does not hold up a known one"


def test_null_is_ignored(ping: Ping) -> None:
    assert not ping(webinar=None)


def test_after_the_clock_was_put_back_presence_follows_it(ping: Ping, database: Database) -> None:
    assert ping()
    _ago(database, -3600)
    began = datetime.now(UTC)
    assert ping()
    assert began <= _presence(database)[VIEWER][1] <= datetime.now(UTC)


def test_a_ping_does_not_wait_for_the_disk_and_nothing_else_is_affected(ping: Ping, database: Database) -> None:
    setting = "select current_setting('synchronous_commit')"
    with psycopg.connect(database.url) as connection:
        connection.execute("set synchronous_commit = on")
        connection.commit()
        connection.execute("set local role authenticated")
        connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": str(VIEWER)})])
        connection.execute("select public.webinar_presence_ping(%s)", [WEBINAR])
        assert connection.execute(setting).fetchone() == ("off",)
        connection.commit()
        assert connection.execute(setting).fetchone() == ("on",)


def test_the_pipeline_does_not_see_who_is_present(database: Database) -> None:
    columns = {r["column_name"] for r in database.rows(
        "select column_name from information_schema.columns where table_name = 'webinar_presence'")}  # fmt: skip
    assert columns == {"webinar_id", "joined_at", "last_seen_at"}
    for table in ("public.webinar_live_presence", "stats.webinar_stray_ping"):
        with pytest.raises(Exception, match="permission denied"):
            database.rows(f"select * from {table}")
