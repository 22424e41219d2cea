"""The capture application as it runs: uvicorn on a port of its own, in a thread, against a real database."""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from pydantic import SecretStr

from eventflow_pipeline.capture_app.app import create_app
from eventflow_pipeline.capture_app.metrics import shown_metrics
from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.web.server import server_config

KEYS = "test-key-newest-0001,test-key-older-0001"


def capture_settings(settings: Settings, **changes: Any) -> Settings:
    """``settings`` of capture with keys, cookies that travel over plain HTTP and no rate limit, unless changed.

    A call waits long to hear it is stored: a busy machine must not turn stored into queued.
    """
    defaults = {
        "keys": SecretStr(KEYS),
        "secure_cookies": False,
        "rate": "off",
        "visit_wait_ms": 10_000,
        "entry_wait_ms": 10_000,
        "metrics": "off",
    }
    return settings.changed(capture={**defaults, **changes})


@dataclass
class Serving:
    """A running application; ``with Serving(settings) as app``."""

    settings: Settings
    pages: bool = False
    url: str = field(init=False)
    #: Of its metrics; None: not shown.
    metrics: str | None = field(init=False)

    def __enter__(self) -> "Serving":
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        app = create_app(self.settings, pages=self.pages)
        self._metrics = shown_metrics(app, self.settings.capture.metrics)
        self.metrics = self._metrics.__enter__()
        config = server_config(app, self.settings.capture, "127.0.0.1", port)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 120
        while not self._server.started:
            assert self._thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._metrics.__exit__(None, None, None)

    def client(self, **options: Any) -> httpx.Client:
        """A browser of sorts: keeps cookies."""
        return httpx.Client(base_url=self.url, timeout=60, **options)
