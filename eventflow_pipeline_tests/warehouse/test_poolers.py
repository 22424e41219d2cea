"""A pooler before the server: in session mode everything works, in transaction mode everything is refused."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from click.testing import Result
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from eventflow_pipeline.cli import app, as_refusal
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.capture.store import AWAY, CaptureStore
from eventflow_pipeline_tests.capture.serving import KEYS, capture_settings
from eventflow_pipeline_tests.databases import Database, settings_for
from eventflow_pipeline_tests.servers import pgbouncer

REFUSED = "EVENTFLOW_DATABASE_URL leads through a transaction pooler"
CAMPAIGN = UUID(int=0xC1)


class Pooled:
    """A database behind a pooler, and the commands against it (in this process: they are many)."""

    def __init__(self, database: Database, url: str) -> None:
        self.database, self.url = database, url
        self.settings: Settings = settings_for(url)

    def eventflow(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    def connected(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, autocommit=True)


@pytest.fixture(params=["session", "transaction"])
def pooled(
    request: pytest.FixtureRequest,
    database: Database,
    dagster_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pooled]:
    direct = make_url(database.url)
    with pgbouncer(direct, request.param) as pooler:
        url = pooler.render_as_string(False)
        first = str(today(database.settings.zone) - timedelta(days=2))
        for name, value in {
            "EVENTFLOW_DATABASE_URL": url,
            "DAGSTER_POSTGRES_URL": dagster_database,
            "EVENTFLOW_HOME": str(tmp_path),
            "EVENTFLOW_CAPTURE_KEYS": KEYS,
            "EVENTFLOW_START_DATE": first,
            "EVENTFLOW_TIMEZONE": database.settings.timezone,
            "DAGSTER_HOME": "",
        }.items():
            monkeypatch.setenv(name, value)
        database.execute("update stats.build_settings set first_partition = cast(:first as date)", first=first)
        yield Pooled(database, url)
        database.close()


def _events() -> list[tuple[str, str]]:
    return [("visit", json.dumps({"campaign_id": str(CAMPAIGN), "session_id": "s"}))]


async def _store(settings: Settings) -> list[dict[str, Any]]:
    store = CaptureStore(settings)
    await store.open()
    try:
        return await store.store(_events())
    finally:
        await store.close()


@pytest.mark.parametrize("pooled", ["session"], indirect=True)
def test_everything_works_through_a_pooler_that_lends_sessions(pooled: Pooled) -> None:
    now = datetime.now(UTC)
    pooled.database.insert(
        "event_access_logs",
        [{"campaign_id": CAMPAIGN, "session_id": "s", "accessed_at": now, "created_at": now}],
    )
    day = str(today(pooled.database.settings.zone))
    span = ("--from", day, "--to", day)
    for command in (
        ("migrate",),
        ("backfill", *span),
        ("heal",),
        ("verify", *span),
        ("letters", "replay"),
        ("views", "refresh"),
    ):
        done = pooled.eventflow(*command)
        assert done.exit_code == 0, (command, done.output, repr(done.exception))
    assert asyncio.run(_store(capture_settings(pooled.settings)))[0]["status"] == "stored"
    assert json.loads(pooled.eventflow("heal", "--json").stdout)["done"] == [day]
    hits = pooled.database.rows("select hits from stats.platform_daily where bucket_date = :day", day=day)
    assert hits == [{"hits": 2}]


@pytest.mark.parametrize("pooled", ["transaction"], indirect=True)
def test_nothing_is_done_through_a_pooler_that_lends_transactions(pooled: Pooled) -> None:
    day = str(today(pooled.database.settings.zone))
    span = ("--from", day, "--to", day)
    commands = (
        ("migrate",), ("backfill", *span), ("heal",), ("verify", *span), ("letters", "replay"), ("views", "refresh"),
        ("webinar", "sample"), ("rebuild", "--yes"), ("capture", "serve", "--port", "1"),
    )  # fmt: skip
    for command in commands:
        done = pooled.eventflow(*command)
        assert isinstance(done.exception, Exception), (command, done.output)
        assert REFUSED in str(as_refusal(done.exception)), (command, repr(done.exception))
    for command in (("doctor",), ("probe",)):
        done = pooled.eventflow(*command)
        assert REFUSED in done.output + str(done.exception), command
    # Nothing was set on a process that others get next.
    with pooled.connected() as other:
        assert other.execute("select current_user = session_user").fetchone() == (True,)
        assert other.execute("select current_setting('search_path')").fetchone() != ("pg_catalog, pg_temp",)


@pytest.mark.parametrize("pooled", ["statement"], indirect=True)
def test_one_that_lends_statements_is_refused_too(pooled: Pooled) -> None:
    done = pooled.eventflow("letters", "replay")
    assert isinstance(done.exception, Exception)
    assert REFUSED in str(as_refusal(done.exception)), repr(done.exception)


@pytest.mark.parametrize("pooled", ["transaction"], indirect=True)
def test_a_pooler_whose_processes_are_busy_is_recognized_too(pooled: Pooled) -> None:
    with pooled.connected() as one, pooled.connected() as two, one.transaction():
        one.execute("select 1")
        with two.transaction():
            two.execute("select 1")
            done = pooled.eventflow("letters", "replay")
    assert REFUSED in str(done.exception)


@pytest.mark.parametrize("pooled", ["transaction"], indirect=True)
def test_capture_keeps_what_it_took_when_such_a_pooler_comes_between_later(pooled: Pooled) -> None:
    with pytest.raises(AWAY):
        asyncio.run(_store(capture_settings(pooled.settings)))
    assert pooled.database.rows("select count(*) from stats.visit_facts") == [{"count": 0}]
