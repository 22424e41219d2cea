"""The applications as child processes, for the demo: capture with its demonstration pages, and the pages of numbers."""

import os
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from eventflow_pipeline.dev.child_process import ChildProcess


@contextmanager
def capture_server(logs: Path, port: int) -> Iterator[str]:
    """Its address, within the block; leaving it stores what is queued and stops.

    The environment must already name the database. Keys are made up where none are set: cookies of an earlier demo
    then count as absent.
    """
    environment = {
        "EVENTFLOW_CAPTURE_KEYS": os.environ.get("EVENTFLOW_CAPTURE_KEYS") or secrets.token_urlsafe(32),
        "EVENTFLOW_CAPTURE_SECURE_COOKIES": "false",  # plain HTTP on loopback
    }
    with _answering(("capture", "serve", "--demo-pages"), logs / "capture.log", environment, port) as url:
        yield url


@contextmanager
def numbers_server(logs: Path, port: int) -> Iterator[str]:
    """Its address, within the block. The environment must already name the database and EVENTFLOW_SERVE_KEYS."""
    # Nobody signs in: who has a shared link needs no token.
    environment = {"EVENTFLOW_SERVE_JWT_SECRET": secrets.token_urlsafe(32)}
    with _answering(("serve",), logs / "serve.log", environment, port) as url:
        yield url


@contextmanager
def _answering(command: tuple[str, ...], log: Path, environment: Mapping[str, str], port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310
            return True

    log.parent.mkdir(parents=True, exist_ok=True)
    with ChildProcess(("eventflow", *command, "--port", str(port)), log, environment, stop_seconds=20) as child:
        child.wait_until(is_up)
        yield url
