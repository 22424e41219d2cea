"""Hostile callers in a process of their own: ``python -m benchmarks._hostile_load PORT KIND RATE SECONDS``.

Each request comes on a connection of its own, from one address that is not the visitors'. KIND is one of ``KINDS`` or
mix. Prints how many were sent and how they ended, as one JSON object.
"""

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable

_ADDRESS = ("127.0.0.2", 0)
_LONGEST_WAIT = 15
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
#: One character that stands for eighteen.
_GROWING = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 400
_JSON = "content-type: application/json\r\n"


def _request(line: str, body: bytes = b"", headers: str = "") -> bytes:
    length = f"content-length: {len(body)}\r\n" if body else ""
    return f"{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}{length}\r\n".encode() + body


def _call(path: str, headers: str = "", **event: object) -> bytes:
    return _request(f"POST {path}", json.dumps(event, ensure_ascii=False).encode(), _JSON + headers)


def _nested() -> bytes:
    event = b'{"campaign_id":"%s","phone":"1","registration_data":[' % str(uuid.uuid4()).encode()
    return _request("POST /entry", event + b"[]," * 21_000 + b"1]}", _JSON)


def _large() -> bytes:
    event = b'{"campaign_id":"%s","phone":"1","registration_data":"' % str(uuid.uuid4()).encode()
    return _request("POST /entry", event + b"\xff" * 65_000 + b'"}', _JSON)


#: What is sent, by what it is called in the report.
KINDS: dict[str, Callable[[], bytes]] = {
    "invented members": lambda: _call("/visit", campaign_id=str(uuid.uuid4()), utm_campaign=uuid.uuid4().hex),
    "calls about nothing": lambda: _call("/visit"),
    "invented registrations": lambda: _call("/entry", campaign_id=str(uuid.uuid4()), phone=str(uuid.uuid4().int)[:11]),
    "unknown short links": lambda: _request(f"GET /l/{uuid.uuid4().hex[:8]}"),
    "bodies of lists": _nested,
    "bodies that grow": _large,
    "values that grow": lambda: _call("/visit", campaign_id=str(uuid.uuid4()), **dict.fromkeys(_UTM, _GROWING)),
    "forms of bytes": lambda: _request(
        "POST /entry", b"phone=1&a=" + b"%ff" * 21_000, "content-type: application/x-www-form-urlencoded\r\n"
    ),
    "long headers": lambda: _request("GET /", headers=f"referer: http://{'a' * 15_000}\r\nx-long: {'a' * 15_000}\r\n"),
    "many headers": lambda: _request("GET /", headers="a:b\r\n" * 6_000),
    "many cookies": lambda: _request("GET /", headers=f"cookie: {'ef_session=x.y;' * 2_000}\r\n"),
    "long queries": lambda: _request("GET /?" + "&".join(["utm_source=%b0%a1"] * 1_500)),
    "long links": lambda: _request("GET /l/AB12CD34?" + "&".join(["a=%b0%a1"] * 2_500)),
    "bodies in pieces": lambda: (
        _request("POST /visit", headers="transfer-encoding: chunked\r\n") + b"1\r\n[\r\n" * 20_000
    ),
    "headers after a body": lambda: (
        _request("POST /visit", headers="transfer-encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\n" + b"a:b\r\n" * 6_000
    ),
    "requests in a row": lambda: b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 20,
    "forged tokens": lambda: _call("/presence", "authorization: bearer a.b.c\r\n", webinar_id=str(uuid.uuid4())),
    "upgrades": lambda: _request(
        "GET /visit", headers="connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    ),
    # Never ended: held until the server gives them up.
    "half requests": lambda: b"POST /visit HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n" + b"x" * 30_000,
}


async def _send(port: int, sent: bytes, ends: "Counter[str]") -> None:
    how = "no answer"
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LONGEST_WAIT):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=_ADDRESS)
            try:
                writer.write(sent)
                await writer.drain()
                answer = await reader.readline()
                how = answer.split(b" ")[1].decode() if answer.startswith(b"HTTP/1.1 ") else "ended"
            except ConnectionError:
                how = "ended"
            finally:
                writer.close()
    ends[how] += 1


async def _attack(port: int, kind: str, rate: int, seconds: int) -> "Counter[str]":
    ends: Counter[str] = Counter()
    kinds = [kind] if kind != "mix" else list(KINDS)
    begin = time.perf_counter() + 0.5
    async with asyncio.TaskGroup() as running:
        for number in range(rate * seconds):
            if (early := begin + number / rate - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            running.create_task(_send(port, KINDS[kinds[number % len(kinds)]](), ends))
    return ends


def main() -> None:
    """Attack, and print how it ended."""
    port, kind, rate, seconds = sys.argv[1:]
    ends = asyncio.run(_attack(int(port), kind, int(rate), int(seconds)))
    print(json.dumps({"sent": ends.total(), "ends": ends}))


if __name__ == "__main__":
    main()
