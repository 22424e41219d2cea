"""Asynchronous access of the capture application to the database, as the role eventflow_capture."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import APPLICATION, parse_url

CAPTURE_ROLE = "eventflow_capture"
#: What "the database is away" looks like; anything else is about the statement itself.
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError, OSError)
_STATEMENT_SECONDS = 10
_CONNECTION_SECONDS = 2


class CaptureStore:
    """Stores events, resolves short links, passes presence pings on. Every method raises one of ``AWAY`` at worst."""

    def __init__(self, settings: Settings) -> None:
        assert settings.database.url
        url = parse_url(settings.database.url.get_secret_value()).set(drivername="postgresql")
        self._pool = AsyncConnectionPool(
            url.render_as_string(hide_password=False),
            kwargs={
                "autocommit": True,
                "application_name": f"{APPLICATION}_capture",
                "connect_timeout": 3,
                "prepare_threshold": None,
            },
            configure=_become_capture,
            # One for the writer, one for links and pings: what is slow to answer must not hold up the facts.
            min_size=1,
            max_size=4,
            timeout=_CONNECTION_SECONDS,
            # Give up soon: the next caller starts over, instead of all waiting out a growing pause.
            reconnect_timeout=1,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting, without waiting: the application comes up while the database is away."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close(timeout=2)

    async def store(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answers to ``{"fact", "event"}``, in their order; all committed, or none when it raises."""
        row = await self._one("select stats.capture_events(%s)", [Jsonb(list(events))])
        answers: list[dict[str, Any]] = row
        return answers

    async def link_target(self, key: str, client_id: str | None) -> dict[str, Any] | None:
        """Where the link of this id or cid leads, or None."""
        found: dict[str, Any] | None = await self._one("select stats.link_target(%s, %s::uuid)", [key, client_id])
        return found

    async def presence_ping(self, webinar_id: str, claims: str) -> bool:
        """Pass a viewer's ping on, as that viewer (``claims``: the verified token's, JSON); False when not possible.

        One upsert by ``webinar_presence_ping`` (P3), which judges the caller itself.
        """
        async with self._pool.connection() as connection, connection.transaction():
            name = "public.webinar_presence_ping(uuid)"
            known = await (await connection.execute("select to_regprocedure(%s) is not null", [name])).fetchone()
            if not known or not known[0]:
                return False
            await connection.execute("set local role authenticated")
            await connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            await connection.execute("select public.webinar_presence_ping(%s::uuid)", [webinar_id])
            return True

    async def _one(self, query: str, parameters: Sequence[Any]) -> Any:
        async def ask() -> Any:
            async with self._pool.connection() as connection:
                row = await (await connection.execute(query.encode(), parameters)).fetchone()
                return row[0] if row else None

        # The server's own limit does not help against one that has vanished without a word.
        return await asyncio.wait_for(ask(), _STATEMENT_SECONDS + _CONNECTION_SECONDS + 1)


async def _become_capture(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(f"set role {CAPTURE_ROLE}".encode())
    await connection.execute("set search_path = pg_catalog, pg_temp")
    await connection.execute("select set_config('statement_timeout', %s, false)", [f"{_STATEMENT_SECONDS}s"])
    await connection.execute("select set_config('jit', 'off', false)")
