"""Asynchronous access of the capture application to the database, as the role eventflow_capture."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import APPLICATION
from eventflow_pipeline.warehouse.db.server_process import database_address
from eventflow_pipeline.warehouse.db.session import require_session

CAPTURE_ROLE = "eventflow_capture"
#: What "the database is away" looks like; anything else is about the statement itself.
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError, OSError)
_STATEMENT_SECONDS = 10
_CONNECTION_SECONDS = 2


class CaptureStore:
    """Stores events, resolves short links, passes presence pings on. Every method raises one of ``AWAY`` at worst."""

    def __init__(self, settings: Settings) -> None:
        # The writer's own: what is slow to answer must not hold up the facts.
        self._writer = self._connections(settings, 1)
        self._readers = self._connections(settings, 3)

    @staticmethod
    def _connections(settings: Settings, most: int) -> "AsyncConnectionPool[psycopg.AsyncConnection[Any]]":
        return AsyncConnectionPool(
            database_address(settings),
            kwargs={
                "autocommit": True,
                "application_name": f"{APPLICATION}_capture",
                "connect_timeout": 3,
                "prepare_threshold": None,
            },
            configure=_become_capture,
            min_size=1,
            max_size=most,
            timeout=_CONNECTION_SECONDS,
            # Give up soon: the next caller starts over, instead of all waiting out a growing pause.
            reconnect_timeout=1,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting, without waiting: the application comes up while the database is away."""
        await self._writer.open(wait=False)
        await self._readers.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.close(timeout=2)
        await self._readers.close(timeout=2)

    async def store(self, events: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Answers to facts and their events (JSON), in their order; all committed, or none when it raises."""

        def listed() -> list[str]:
            parts = (f'{{"fact":{json.dumps(fact)},"event":{event}}}' for fact, event in events)
            return [f"[{','.join(parts)}]"]

        answers: list[dict[str, Any]] = await self._one("select stats.capture_events(%s::jsonb)", listed, self._writer)
        return answers

    async def link_target(self, key: str, client_id: str | None) -> dict[str, Any] | None:
        """Where the link of this id or cid leads, or None."""
        found: dict[str, Any] | None = await self._one(
            "select stats.link_target(%s, %s::uuid)", lambda: [key, client_id]
        )
        return found

    async def presence_ping(self, webinar_id: str, user_id: str) -> bool:
        """Pass a viewer's ping on (``user_id``: of the verified token); False when the database takes none (P3)."""
        try:
            await self._one("select stats.capture_presence(%s::uuid, %s::uuid)", lambda: [webinar_id, user_id])
        except psycopg.errors.UndefinedFunction:
            return False
        return True

    async def _one(
        self,
        query: str,
        parameters: Callable[[], Sequence[Any]],
        pool: "AsyncConnectionPool[psycopg.AsyncConnection[Any]] | None" = None,
    ) -> Any:
        async def ask() -> Any:
            async with (pool or self._readers).connection() as connection:
                # Only now: a megabyte that no connection takes would be kept by each exception that says so.
                row = await (await connection.execute(query.encode(), parameters())).fetchone()
                return row[0] if row else None

        # The server's own limit does not help against one that has vanished without a word.
        return await asyncio.wait_for(ask(), _STATEMENT_SECONDS + _CONNECTION_SECONDS + 1)


async def _become_capture(connection: psycopg.AsyncConnection[Any]) -> None:
    # A pooler may come between while this runs: then events wait here, instead of being refused one by one.
    row = await (await connection.execute("select pg_catalog.pg_backend_pid()")).fetchone()
    if not row or row[0] != connection.info.backend_pid:
        await asyncio.to_thread(_require_session, connection.info.dsn, connection.info.password)
    await connection.execute(f"set role {CAPTURE_ROLE}".encode())
    await connection.execute("set search_path = pg_catalog, pg_temp")
    await connection.execute("select set_config('statement_timeout', %s, false)", [f"{_STATEMENT_SECONDS}s"])
    await connection.execute("select set_config('jit', 'off', false)")


def _require_session(dsn: str, password: str) -> None:
    with psycopg.connect(dsn, password=password, autocommit=True) as connection:
        require_session(connection, "EVENTFLOW_DATABASE_URL")
