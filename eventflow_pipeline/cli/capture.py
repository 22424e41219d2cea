"""``eventflow capture serve``: taking visits and registrations in."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from eventflow_pipeline.cli.app import app

if TYPE_CHECKING:
    from eventflow_pipeline.settings import Settings

capture = typer.Typer(help="Take visits and registrations in.", no_args_is_help=True, rich_markup_mode=None)


app.add_typer(capture, name="capture")


@capture.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8600,
    demo_pages: Annotated[
        bool, typer.Option("--demo-pages", help="Also serve the demo's pages under /demo/. Development only.")
    ] = False,
) -> None:
    """Serve POST /visit, /entry and /presence, short links /l/{cid or id}, /health and /ready.

    Needs EVENTFLOW_CAPTURE_KEYS, which sign the cookies, and a migrated database; comes up, and keeps taking
    events in memory, while the database is away. A stop (SIGTERM) first stores what is queued. Set
    EVENTFLOW_CAPTURE_ORIGINS to the sites whose pages may call, EVENTFLOW_CAPTURE_PROXIES to the proxies before it
    (else all callers are one address). /openapi.json describes every call. Metrics are at EVENTFLOW_CAPTURE_METRICS;
    name it in EVENTFLOW_CAPTURE_PROCESSES where the daemon runs, so that somebody is told of what is lost.
    """
    from eventflow_pipeline.dev.environment import server_environment

    with server_environment() as settings:
        _run(settings, host, port, demo_pages)


def _run(settings: "Settings", host: str, port: int, demo_pages: bool) -> None:
    """Serve until a signal comes, then drain the queue. Raises UserError for unusable settings."""
    import uvicorn

    from eventflow_pipeline.capture_app.app import create_app
    from eventflow_pipeline.capture_app.metrics import shown_metrics
    from eventflow_pipeline.logs import logger
    from eventflow_pipeline.warehouse.capture.store import CAPTURE_ROLE
    from eventflow_pipeline.warehouse.db.server_process import examine_login
    from eventflow_pipeline.web.server import server_config

    login = examine_login(settings, CAPTURE_ROLE)
    if settings.owner.url is not None:
        logger(component="capture").warning("owner_login", reason="EVENTFLOW_OWNER_URL is set, and not needed here")
    for event, reason in login.warnings if login else ():
        logger(component="capture").warning(event, reason=reason)
    # Its own retries are no news: the queue says when the database goes and comes back.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    app = create_app(settings, pages=demo_pages)
    with shown_metrics(app, settings.capture.metrics):
        uvicorn.Server(server_config(app, settings.capture, host, port)).run()
