"""Whatever one sender sends costs itself: a real server process, its memory measured while it is attacked."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.warehouse.capture.store import AWAY, CaptureStore
from eventflow_pipeline_tests.capture.serving import KEYS
from eventflow_pipeline_tests.databases import settings_for

MIB = 2**20
CAMPAIGN = "00000000-0000-0000-0000-00000000000c"
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@dataclass
class Victim:
    """`eventflow capture serve` with its defaults, but for the rates: what is to hold must hold without them."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(address, 0))

    def peak(self) -> float:
        """Largest resident memory so far, in MiB."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def answers(self) -> bool:
        """Somebody at another address is served."""
        with contextlib.suppress(OSError), self.connect("127.0.0.2") as other:
            other.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return other.recv(100).startswith(b"HTTP/1.1 200")
        return False


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """The database is away, so that whatever is taken stays in memory."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("EVENTFLOW_")},
        "EVENTFLOW_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "EVENTFLOW_CAPTURE_KEYS": KEYS,
        "EVENTFLOW_CAPTURE_RATE": "off",
        "EVENTFLOW_CAPTURE_METRICS": "off",
    }
    command = [str(Path(sys.executable).with_name("eventflow")), "capture", "serve", "--port", str(port)]
    log = tmp_path_factory.mktemp("victim") / "log"
    with log.open("w") as lines:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=lines)
    made = Victim(port, process, log)
    try:
        deadline = time.monotonic() + 120
        while not made.answers():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield made
    finally:
        process.kill()
        process.wait()


def _call(path: str, body: bytes, kind: str = "application/json") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def _push(victim: Victim, beginning: bytes, piece: bytes, total: int) -> None:
    """Sends ``piece`` after ``piece`` until ``total`` bytes went, on a new connection whenever the server ends one."""
    sent = 0
    while sent < total:
        with victim.connect() as connection, contextlib.suppress(OSError):
            connection.sendall(beginning)
            while sent < total:
                sent += len(piece)
                connection.sendall(piece)


def _crowd(victim: Victim, *sent: bytes) -> None:
    """The same on as many connections as an address may have, held until the server has seen them all."""
    with contextlib.ExitStack() as held:
        connections = [held.enter_context(victim.connect()) for _ in range(256)]
        for part in sent:
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.sendall(part)
        assert victim.answers()


def _headers(victim: Victim) -> None:
    _push(victim, b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-Long: " + b"x" * MIB + b"\r\n", 200 * MIB)


def _many_headers(victim: Victim) -> None:
    _push(victim, b"GET / HTTP/1.1\r\nHost: x\r\n", b"a:b\r\n" * 20_000, 20 * MIB)


def _endless_url(victim: Victim) -> None:
    _push(victim, b"GET /", b"x" * MIB, 200 * MIB)


def _endless_body(victim: Victim) -> None:
    _push(victim, b"POST /visit HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n", b"x" * MIB, 50 * MIB)


def _pieces(victim: Victim) -> None:
    _push(
        victim,
        b"POST /visit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\n[\r\n" * 20_000,
        5 * MIB,
    )


def _slow_headers(victim: Victim) -> None:
    _crowd(victim, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 30_000)


def _slow_bodies(victim: Victim) -> None:
    beginning = b"POST /entry HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n"
    _crowd(victim, beginning, *[b"x" * 16_000] * 4)


def _nested(victim: Victim) -> None:
    """Parsed, a body of lists is twenty times its size; each call waits two seconds for the database."""
    form = b'{"campaign_id":"%s","phone":"1","registration_data":[' % CAMPAIGN.encode()
    _crowd(victim, _call("/entry", form + b"[]," * 21_000 + b"1]}"))
    _crowd(victim, _call("/entry", form + b'{"a":{}},' * 7_000 + b"1]}"))
    _crowd(victim, _call("/entry", b'{"a":' * 12_000 + b"1" + b"}" * 12_000), _call("/visit", b"[" * 60_000))


def _large(victim: Victim) -> None:
    """Every byte becomes six in what is kept, until the queue is full."""
    form = b'{"campaign_id":"%s","phone":"1","registration_data":"' % CAMPAIGN.encode()
    largest = _call("/entry", form + b"\xff" * 65_000 + b'"}')
    _crowd(victim, largest)
    # The last of the crowd may still be on its way in; whatever is accepted meanwhile fills the queue as well. What is
    # waits two seconds for the database: so many at once.
    with ThreadPoolExecutor(64) as pool:
        rounds = (pool.map(lambda _: _first_line(victim, largest), range(64)) for _ in range(16))
        full = any(b"HTTP/1.1 429 Too Many Requests" in answers for answers in rounds)
    assert full, "without rates: the queue is full"


@pytest.mark.parametrize(
    "attack",
    [
        _headers, _many_headers, _endless_url, _endless_body, _pieces, _slow_headers, _slow_bodies, _nested, _large,
    ],
    ids=lambda attack: attack.__name__.strip("_"),
)  # fmt: skip
def test_memory_is_bounded(victim: Victim, attack: Callable[[Victim], None]) -> None:
    """All of it together: at most 100 MB more than at rest."""
    rest = _rest.setdefault(victim.port, victim.peak())
    attack(victim)
    assert victim.answers()
    assert victim.peak() - rest < 100_000_000 / MIB


_rest: dict[int, float] = {}


class _Untouched(list[tuple[str, str]]):
    def __iter__(self) -> Iterator[tuple[str, str]]:
        raise AssertionError("put together")


def test_nothing_is_put_together_for_a_database_that_is_away() -> None:
    """A batch is a megabyte, and the exception of each try kept one: half a megabyte more every second."""

    async def store() -> None:
        made = CaptureStore(settings_for("postgresql://nobody@127.0.0.1:9/none"))
        await made.open()
        try:
            with pytest.raises(AWAY):
                await made.store(_Untouched([("visit", "{}")]))
        finally:
            await made.close()

    asyncio.run(store())


def _first_line(victim: Victim, sent: bytes) -> bytes:
    """What is answered first; nothing when the connection was cut."""
    with victim.connect() as connection, contextlib.suppress(OSError):
        connection.sendall(sent)
        return connection.recv(65536).partition(b"\r\n")[0]
    return b""


@pytest.mark.parametrize(
    ("most", "sent"),
    [
        (127, lambda many: b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * many + b"\r\n"),
        (
            32,
            lambda many: (
                b"POST /visit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"1\r\n \r\n" * many
                + b"2\r\n{}\r\n0\r\n\r\n"
            ),
        ),
        (8_192, lambda many: b"GET /health?" + b"x" * (many - 8) + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    ],
    ids=["header lines", "pieces of a body", "bytes of a URL"],
)
def test_parts_are_counted_as_bytes_are(victim: Victim, most: int, sent: Callable[[int], bytes]) -> None:
    assert _first_line(victim, sent(most - 1)).startswith(b"HTTP/1.1 "), "an answer"
    assert _first_line(victim, sent(most + 1)) == b""


def test_no_connection_leaves_the_protocol_that_counts_it(victim: Victim) -> None:
    """An upgrade did, and an address that had asked for 256 was locked out for good."""
    upgrade = (
        b"GET /visit HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    for _ in range(300):
        assert _first_line(victim, upgrade).startswith(b"HTTP/1.1 405")


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /visit HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /visit HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
        b"POST /visit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    ],
    ids=["two lengths", "negative length", "unknown encoding", "HTTP/0.9", "TLS"],
)
def test_what_is_no_request_is_refused_without_a_line(victim: Victim, sent: bytes) -> None:
    before = victim.log.read_text()
    assert _first_line(victim, sent).startswith(b"HTTP/1.1 400")
    assert victim.answers()
    assert victim.log.read_text() == before


@pytest.mark.parametrize(
    "body", [b"2\r\n{}\r\n0\r\na: b\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"-2\r\n{}\r\n"],
    ids=["headers after it", "no end of a piece", "a piece of no size"],
)  # fmt: skip
def test_a_body_that_is_none_is_cut_without_a_line(victim: Victim, body: bytes) -> None:
    """Headers after it came by the ten thousand, and cost what those before it may not."""
    before = victim.log.read_text()
    assert _first_line(victim, b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body) == b""
    assert victim.answers()
    assert victim.log.read_text() == before


def test_two_lengths_hide_no_second_request(victim: Victim) -> None:
    hidden = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    sent = (
        b"POST /visit HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden
    )
    assert _first_line(victim, sent) == b"", "a proxy that believes the other length would hand on the second's answer"
