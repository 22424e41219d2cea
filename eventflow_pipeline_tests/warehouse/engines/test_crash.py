"""The day's connection is lost before any statement of it, by either engine: the day is the old one, or the new one."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import Engine, event

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.db.engine import pipeline_engine
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.engines.damaged_days import DAYS, fill, published
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.small_world import Mirror

pytest.importorskip("pysail", reason="the extra spark is not installed (make engines)")
pytest.importorskip("pyspark", reason="the extra spark is not installed (make engines)")
files = pytest.importorskip("eventflow_pipeline.warehouse.engines.files")

#: Asked while the cluster computes, nobody knows how often: the first of a day counts.
_POLL = "pg_sleep"


class Lost:
    """Ends the server's process of a connection before its nth statement or COPY, counted from 0."""

    def __init__(self, database: Database, nth: int) -> None:
        self._database, self._left = database, nth
        self.at = ""
        self._polled = False

    def before(self, connection: Any, what: str) -> None:
        """``connection`` is about to be asked ``what``."""
        if _POLL in what:
            if self._polled:
                return
            self._polled = True
        if self._left == 0:
            self.at = what
            pid = connection.connection.driver_connection.info.backend_pid
            self._database.execute("select pg_terminate_backend(:pid)", pid=pid)
        self._left -= 1


@contextmanager
def losing(lost: Lost, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine for one replacement."""
    engine = pipeline_engine(database.settings)

    @event.listens_for(engine, "before_cursor_execute")
    def _statement(connection: Any, _cursor: object, statement: str, *_rest: object) -> None:
        lost.before(connection, statement)

    cursor = files._cursor

    def copying(connection: Any) -> Any:
        lost.before(connection, "copy")
        return cursor(connection)

    with monkeypatch.context() as patched:
        patched.setattr(files, "_cursor", copying)
        yield engine
    engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["postgres", "spark"])
def test_at_every_statement(
    mirror: Mirror, database: Database, by_spark: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings = by_spark if name == "spark" else database.settings
    database.define(hourly_campaigns=[small.CAMPAIGN])
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=6)
    day = DAYS[0]
    replace_day(database.pipeline, day, database.settings, Request(accepted=True))
    before = published(database)
    fill(mirror, ZoneInfo("Asia/Seoul"), seed=7)
    lost_at: list[str] = []
    found: list[dict[str, list[str]]] = []
    for nth in itertools.count():
        lost = Lost(database, nth)
        with losing(lost, database, monkeypatch) as engine:
            problem: BaseException | None = None
            try:
                replace_day(engine, day, settings, Request(accepted=True))
            except Exception as raised:
                problem = raised
        assert problem is None or _is_loss(problem), (nth, lost.at, problem)
        if not lost.at:
            break
        lost_at.append(lost.at)
        found.append(published(database))
    assert "commit" in lost_at
    assert any("partition_state" in statement for statement in lost_at)
    assert ("copy" in lost_at) is (name == "spark")
    after = published(database)
    assert after != before
    new = found.index(after) if after in found else len(found)
    assert lost_at[new - 1] == "commit"
    assert found == [before] * new + [after] * (len(found) - new)
    replace_day(database.pipeline, day, settings, Request(accepted=True, from_scratch=True))
    assert published(database) == after


def _is_loss(problem: BaseException | None) -> bool:
    while problem:
        if isinstance(problem, psycopg.OperationalError):
            return True
        problem = problem.__cause__ or problem.__context__
    return False
