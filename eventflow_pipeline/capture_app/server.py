"""The HTTP server: uvicorn, with what one sender may cost bounded before anything of it is looked at."""

import asyncio
from collections import Counter

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from eventflow_pipeline.settings import CaptureSettings

#: Bytes of a request's line and headers.
_HEADER_BYTES = 32 * 1024


def server_config(app: FastAPI, settings: CaptureSettings, host: str, port: int) -> uvicorn.Config:
    """Configuration of the server of ``app``.

    A request's headers and body come in time and are of bounded size, an address holds so many connections and no
    more; X-Forwarded-For is believed of the proxies that are named, of nobody else.
    """
    proxies = [proxy.strip() for proxy in settings.proxies.split(",") if proxy.strip()]
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_protocol(settings, frozenset(proxies)),
        h11_max_incomplete_event_size=_HEADER_BYTES,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def _protocol(settings: CaptureSettings, proxies: frozenset[str]) -> type[H11Protocol]:
    open_of: Counter[str] = Counter()

    class Bounded(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]
            open_of[self._peer()] += 1
            if open_of[self._peer()] > settings.connections and self._peer() not in proxies:
                self.transport.abort()
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            # Without a request at work, what has come is the beginning of one.
            if self.cycle is None or self.cycle.response_complete:
                self._wait()
            elif self._late:
                self._late.cancel()
                self._late = None

        def connection_lost(self, exc: Exception | None) -> None:
            if self._late:
                self._late.cancel()
            open_of[self._peer()] -= 1
            if not open_of[self._peer()]:
                del open_of[self._peer()]
            super().connection_lost(exc)

        def _wait(self) -> None:
            if self._late is None:
                self._late = self.loop.call_later(settings.request_seconds, self.transport.abort)

        def _peer(self) -> str:
            return self.client[0] if self.client else ""

    return Bounded
