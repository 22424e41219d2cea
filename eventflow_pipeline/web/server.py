"""The HTTP server: uvicorn, with what one sender may cost bounded before anything of it is looked at."""

import asyncio
import re
from collections import Counter
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http.h11_impl import H11Protocol

from eventflow_pipeline.settings import CaptureSettings, ServeSettings

#: Bytes of a request's line and headers.
_HEADER_BYTES = 32 * 1024
#: Lines of a request's headers, pieces its sender cut the body into, and those the network did: each costs as much as
#: many bytes. Whoever streams a body does so by the kilobyte.
_HEADER_LINES = 128
_BODY_PIECES = 32
_BODY_READS = 256
#: Bytes of an address: of each of its fields, text is made several times.
_LONGEST_URL = 8 * 1024
_END_OF_HEADERS = re.compile(rb"\n\r?\n")


def server_config(app: FastAPI, settings: CaptureSettings | ServeSettings, host: str, port: int) -> uvicorn.Config:
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
        # Whoever asks for one would leave the protocol that counts and bounds.
        ws="none",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        # What is no request at all is worth no line: whoever sends it could write as many as they like.
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


class _Pieces(ChunkedReader):
    """A body in pieces, with no headers after it: nobody needs them, and each line costs as one before it."""

    def __call__(self, buf: ReceiveBuffer) -> Any:
        """As h11."""
        coming = bytes(buf)[:2] if self._reading_trailer else b""
        if coming not in (b"", b"\r", b"\r\n") and coming[:1] != b"\n":
            raise h11.LocalProtocolError("headers after a body")
        return super().__call__(buf)


class _Connection(h11.Connection):
    """Stops reading a request of too many parts, before they are made, and one whose end is none or can be two."""

    exceeded = False
    _pieces = _reads = 0

    def next_event(self) -> Any:
        """As h11; nothing more comes once too much has."""
        if self.their_state is h11.IDLE:
            coming = self.trailing_data[0]
            end = _END_OF_HEADERS.search(coming)
            if coming.count(b"\n", 0, end.start() if end else None) > _HEADER_LINES:
                self.exceeded = True
        if self.exceeded:
            return h11.NEED_DATA
        in_body = self.their_state is h11.SEND_BODY
        try:
            event = super().next_event()
        except h11.RemoteProtocolError:
            # Somebody is at work on the request already: an answer of the server's own would be a line of the log.
            self.exceeded = in_body
            if in_body:
                return h11.NEED_DATA
            raise
        if isinstance(event, h11.Request):
            self._pieces = self._reads = 0
            if isinstance(self._reader, ChunkedReader):
                self._reader = _Pieces()
            # Of two lengths a proxy may believe the other: what is a body to it would be somebody else's request to us.
            lengths = {name for name, _ in event.headers} >= {b"content-length", b"transfer-encoding"}
            self.exceeded = lengths or len(event.target) > _LONGEST_URL
        elif isinstance(event, h11.Data):
            self._pieces += event.chunk_start
            self._reads += 1
            self.exceeded = self._pieces > _BODY_PIECES or self._reads > _BODY_READS
        return h11.NEED_DATA if self.exceeded else event


def _protocol(settings: CaptureSettings | ServeSettings, proxies: frozenset[str]) -> type[H11Protocol]:
    open_of: Counter[str] = Counter()

    class Bounded(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.conn: _Connection = _Connection(h11.SERVER, _HEADER_BYTES)

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

        def handle_events(self) -> None:
            super().handle_events()
            if self.conn.exceeded:
                self.transport.abort()

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
