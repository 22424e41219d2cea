"""The application as a child process, for the demo: ``eventflow capture serve --demo-pages`` on loopback."""

import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from eventflow_pipeline.errors import UserError

_READY_SECONDS = 180
_STOP_SECONDS = 20


class CaptureServer:
    """Serves ``url`` within the block; leaving it stores what is queued and stops.

    The environment must already name the database. Keys are made up where none are set: cookies of an earlier demo
    then count as absent.
    """

    def __init__(self, logs: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log, self._port = logs / "capture.log", port

    def __enter__(self) -> Self:
        environment = {
            **os.environ,
            "EVENTFLOW_CAPTURE_KEYS": os.environ.get("EVENTFLOW_CAPTURE_KEYS") or secrets.token_urlsafe(32),
            "EVENTFLOW_CAPTURE_SECURE_COOKIES": "false",  # plain HTTP on loopback
        }
        executable = str(Path(sys.executable).with_name("eventflow"))
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                [executable, "capture", "serve", "--demo-pages", "--port", str(self._port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"The capture application did not come up: see {self._log}.")
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):  # noqa: S310
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.2)

    def _stop(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
