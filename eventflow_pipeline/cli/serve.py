"""``eventflow serve``: pages, statements and exports over HTTP."""

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from eventflow_pipeline.cli.app import app

if TYPE_CHECKING:
    from eventflow_pipeline.settings import Settings


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8610,
) -> None:
    """Serve the overview page, statements and exports of numbers to whoever has a token.

    Needs EVENTFLOW_SERVE_JWT_SECRET, the secret of PostgREST's tokens, and a login of EVENTFLOW_DATABASE_URL that may
    become `authenticated` and nothing else (eventflow migrate --print-logins: eventflow_serve_login). Every request is
    one read-only transaction with the role and claims of its token: whoever may not see a client in SQL does not see it
    here. Send the token as Authorization: Bearer, or exchange it once for a cookie: POST /session. Pages: / and /why.
    Files: /statement.html, .xlsx, .csv and /export/summary/campaign.csv (days; any grain; xlsx, parquet), each with
    ?client=ID&from=DATE&to=DATE. /health says that it is up. To the outside put a proxy with TLS before it, name that
    in EVENTFLOW_SERVE_PROXIES and its address in EVENTFLOW_SERVE_SITE_URL.
    """
    from eventflow_pipeline.dev.environment import server_environment
    from eventflow_pipeline.extras import require_extras

    require_extras("capture", "report")
    with server_environment() as settings:
        _run(settings, host, port)


def _run(settings: "Settings", host: str, port: int) -> None:
    """Serve until a signal comes. Raises UserError for unusable settings."""
    import uvicorn

    from eventflow_pipeline.logs import logger
    from eventflow_pipeline.serve_app.app import create_app
    from eventflow_pipeline.warehouse.db.server_process import examine_login
    from eventflow_pipeline.warehouse.serve.reader import READER_ROLE
    from eventflow_pipeline.web.server import server_config

    _share_heaps()
    app = create_app(settings)
    login = examine_login(settings, READER_ROLE)
    for event, reason in login.warnings if login else ():
        logger(component="serve").warning(event, reason=reason)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    uvicorn.Server(server_config(app, settings.serve, host, port)).run()


def _share_heaps() -> None:
    """Have threads share two heaps, where the C library is GNU's: with one for each, as many keep what is left over."""
    import ctypes

    m_arena_max = -8
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(m_arena_max, 2)
