"""The application of `eventflow serve` as it answers, in the test's process, over its own login."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import uvicorn
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.serve_app.app import create_app
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.sql import sql_text
from eventflow_pipeline.web.server import server_config
from eventflow_pipeline_tests.databases import Database

SECRET = "a secret of the tests, of 32 bytes or more"
KEYS = "test-key-newest-0002,test-key-older-0002"
HTML = {"accept": "text/html"}


def token(claims: dict[str, Any], seconds: int = 3_600, secret: str = SECRET) -> str:
    """A token as PostgREST takes it."""
    return jwt.encode({"exp": time.time() + seconds, **claims}, secret, "HS256")


def bearer(claims: dict[str, Any]) -> dict[str, str]:
    """The header of somebody with these claims."""
    return {"authorization": f"Bearer {token(claims)}"}


def serve_settings(database: Database, **changes: Any) -> Settings:
    """Settings of an application that logs in as eventflow_serve_login, which is made."""
    database.execute(sql_text("application/logins"))
    address = make_url(database.url).set(username="eventflow_serve_login").render_as_string(False)
    serve = {"jwt_secret": SecretStr(SECRET), "keys": SecretStr(KEYS), **changes}
    return database.settings.changed(serve=serve, database={"url": SecretStr(address)})


@contextmanager
def serving(database: Database, **changes: Any) -> Iterator[httpx.Client]:
    """A browser of sorts before an application of the database's."""
    with running(serve_settings(database, **changes)) as client:
        yield client


@contextmanager
def running(settings: Settings) -> Iterator[httpx.Client]:
    """A browser of sorts before a running application: it keeps cookies and follows no redirect."""
    port = free_port()
    server = uvicorn.Server(server_config(create_app(settings), settings.serve, "127.0.0.1", port))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    deadline = time.monotonic() + 120
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
