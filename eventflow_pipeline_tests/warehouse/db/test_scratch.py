"""Scratch tables are created once a connection, and again on the next one."""

from contextlib import suppress

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline_tests.databases import FIRST_DAY, Database

_NAME = "storage/changes/create_day_counts"


def _created(engine: Engine) -> list[str]:
    found: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _seen(_1: object, _2: object, sql: str, *_3: object) -> None:
        if "create temporary table if not exists" in sql:
            found.append(sql)

    return found


def _create(connection: Connection) -> int:
    """Create and fill it; which backend that was."""
    create_scratch(connection, _NAME)
    connection.execute(text("select count(*) from day_counts"))
    return int(connection.execute(text("select pg_backend_pid()")).scalar_one())


def test_a_connection_is_asked_once(database: Database) -> None:
    created = _created(database.pipeline)
    for _ in range(3):
        with connect(database.pipeline) as connection:
            _create(connection)
    assert len(created) == 1


def test_the_connection_after_a_lost_one_is_asked_again(database: Database) -> None:
    created = _created(database.pipeline)
    with suppress(OperationalError), connect(database.pipeline) as connection:
        pid = _create(connection)
        with connect(database.owner) as other:
            other.execute(text(f"select pg_terminate_backend({pid}, 60000)"))
        connection.execute(text("select 1"))
    with connect(database.pipeline) as connection:
        assert _create(connection) != pid
    assert len(created) == 2


def test_a_second_day_creates_nothing(database: Database) -> None:
    database.replace(FIRST_DAY)
    created = _created(database.pipeline)
    database.replace(FIRST_DAY)
    assert not created
