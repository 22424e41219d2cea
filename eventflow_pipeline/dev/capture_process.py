"""The application as a child process, for the demo: ``eventflow capture serve --demo-pages`` on loopback."""

import os
import secrets
import urllib.request
from collections.abc import Iterator
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
    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310
            return True

    command = ("eventflow", "capture", "serve", "--demo-pages", "--port", str(port))
    logs.mkdir(parents=True, exist_ok=True)
    with ChildProcess(command, logs / "capture.log", environment, stop_seconds=20) as child:
        child.wait_until(is_up)
        yield url
