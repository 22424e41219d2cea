"""Open-loop load in a process of its own: ``python -m benchmarks._capture_load PORT RATE SECONDS CAMPAIGN FILE``.

Every visit has its instant; one that has to wait for a connection is late, and its latency counts from that instant.
Prints one JSON object; FILE gets the event ids that were accepted.
"""

import asyncio
import gc
import json
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

_CONNECTIONS = 64


class _Load:
    def __init__(self, port: int, rate: int, seconds: int, campaign: str) -> None:
        self._port, self._rate, self._total, self._campaign = port, rate, rate * seconds, campaign
        self._next = 0
        self.latencies: list[float] = []
        self.accepted: list[str] = []
        self.answers: Counter[str] = Counter()

    async def run(self) -> None:
        self._begin = time.perf_counter() + 0.5
        await asyncio.gather(*(self._connection() for _ in range(_CONNECTIONS)))

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while self._next < self._total:
            number, self._next = self._next, self._next + 1
            due = self._begin + number / self._rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            identifier = str(uuid.uuid4())
            body = json.dumps(
                {
                    "event_id": identifier,
                    "campaign_id": self._campaign,
                    "session_id": f"s{number // 3}",
                    "utm_source": "naver",
                    "utm_medium": "cpc",
                    "surface": "/spring",
                }
            ).encode()
            head = (
                "POST /visit HTTP/1.1", "host: b", "content-type: application/json", f"content-length: {len(body)}",
                # Three visits of each visitor, who has an address of his own behind the proxy that this is.
                f"x-forwarded-for: 10.{number // 3 >> 16 & 255}.{number // 3 >> 8 & 255}.{number // 3 & 255}",
            )  # fmt: skip
            writer.write("\r\n".join((*head, "", "")).encode() + body)
            answer = await self._answer(reader)
            self.latencies.append(time.perf_counter() - due)
            self.answers[answer.get("status") or answer.get("reason", "?")] += 1
            if answer["accepted"]:
                self.accepted.append(identifier)
        writer.close()

    @staticmethod
    async def _answer(reader: asyncio.StreamReader) -> dict[str, str]:
        headers = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = headers.index(b"content-length:") + 15
        body = await reader.readexactly(int(headers[at : headers.index(b"\r", at)]))
        parsed: dict[str, str] = json.loads(body)
        return parsed


def main() -> None:
    """Run the load and print what it measured, latencies in milliseconds."""
    port, rate, seconds, campaign, file = sys.argv[1:]
    load = _Load(int(port), int(rate), int(seconds), campaign)
    gc.disable()
    asyncio.run(load.run())
    Path(file).write_text("\n".join(load.accepted))
    ordered = sorted(load.latencies)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    at = {
        name: round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
        for name, share in shares.items()
    }
    print(json.dumps({**at, "sent": len(ordered), "accepted": len(load.accepted), "answers": load.answers}))


if __name__ == "__main__":
    main()
