"""Running the application with uvicorn."""

import logging

import uvicorn

from eventflow_pipeline.capture_app.app import create_app
from eventflow_pipeline.settings import Settings


def serve(settings: Settings, host: str, port: int, *, pages: bool = False) -> None:
    """Serve until a signal comes, then drain the queue. Raises UserError for unusable settings."""
    # Its own retries are no news: the queue says when the database goes and comes back.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    uvicorn.run(
        create_app(settings, pages=pages),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
