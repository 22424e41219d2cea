"""Asking the database as somebody: each transaction has the role and the claims of a token, as PostgREST's has."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import APPLICATION
from eventflow_pipeline.warehouse.db.server_process import database_address

#: The one role that tokens are served as; the login is a member of no other (sql/application/logins.sql).
READER_ROLE = "authenticated"
#: How long a caller waits for a connection, and how many do, before others are asked to come back.
_WAIT_SECONDS = 5.0
_WAITING = 32
Claims = Mapping[str, Any]


class Asking:
    """One snapshot of the database, as one caller sees it."""

    def __init__(self, connection: psycopg.Connection[TupleRow]) -> None:
        self.connection = connection

    def value(self, query: str, *parameters: Any) -> Any:
        """The one value of a query. Raises psycopg.Error, whose SQLSTATE says what was refused (docs/reads.md)."""
        row = self.connection.execute(query.encode(), parameters).fetchone()
        return row[0] if row else None

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of a query by column. Raises as ``value``."""
        cursor = self.connection.execute(query.encode(), parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


class Reader:
    """Connections to ask with; more callers than these wait, and more than may wait are refused."""

    def __init__(self, settings: Settings) -> None:
        self._pool = ConnectionPool(
            database_address(settings),
            kwargs={
                "autocommit": True,
                "application_name": f"{APPLICATION}_serve",
                "connect_timeout": 3,
                "prepare_threshold": None,
                "tcp_user_timeout": 30_000,
                "client_encoding": "utf8",
            },
            configure=_read_only,
            min_size=1,
            max_size=settings.serve.database_connections,
            max_waiting=_WAITING,
            timeout=_WAIT_SECONDS,
            reconnect_timeout=1,
            open=False,
        )

    def open(self) -> None:
        """Start connecting, without waiting: it comes up while the database is away."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close(timeout=2)

    @contextmanager
    def asking(self, claims: Claims, seconds: int) -> Iterator[Asking]:
        """A read-only transaction with one snapshot, as ``authenticated`` with these claims, that the server ends.

        ``seconds``: longest a statement may take. Role, claims and limits end with the transaction, so the next caller
        of the connection has none of them. Raises psycopg.Error, psycopg_pool.PoolTimeout.
        """
        limits = {
            "request.jwt.claims": json.dumps(claims),
            "statement_timeout": f"{seconds}s",
            # Whoever has what they asked for and does not take it holds a connection no longer than this.
            "idle_in_transaction_session_timeout": f"{seconds}s",
            "lock_timeout": "5s",
            "client_connection_check_interval": "2s",
            # What somebody with rights on `public` named like a function of the server must not run here.
            "search_path": "pg_catalog, pg_temp",
            "jit": "off",
            # Files have dates as COPY spells them.
            "datestyle": "ISO, YMD",
        }
        with self._pool.connection() as connection, connection.transaction():
            connection.execute(f"set local role {READER_ROLE}".encode())
            connection.execute(
                "select pg_catalog.set_config(name, value, true) "
                "from pg_catalog.jsonb_each_text(%s::jsonb) as l (name, value)",
                [json.dumps(limits)],
            )
            yield Asking(connection)


def _read_only(connection: psycopg.Connection[TupleRow]) -> None:
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
