"""Events on their way to the database: a bounded queue in memory, and one writer that commits many at once."""

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from eventflow_pipeline.capture_app.log_lines import LogLines
from eventflow_pipeline.warehouse.capture.store import AWAY
from eventflow_pipeline.warehouse.db.engine import reason

_BATCH, _BATCH_BYTES = 64, 2**20
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Store(Protocol):
    """Where events go."""

    async def store(self, events: list[tuple[str, str]]) -> list[dict[str, Any]]:
        """Answers to facts and their events (JSON), in order; one of ``AWAY`` when the database is."""
        ...


@dataclass(slots=True)
class _Waiting:
    fact: str
    event_id: str | None
    campaign_id: str | None
    #: As text: parsed, it takes many times its size.
    text: str
    answer: asyncio.Future[dict[str, Any]]
    done: bool = False


class EventQueue:
    """What was offered is stored as soon as the database takes it, in order; what does not fit is refused at once.

    Guarantee: an event whose answer is stored, duplicate or dead_letter is committed. An event that was only taken
    (``queued``) lives in this process's memory until then: a killed process loses it, a stopped one first drains.
    """

    def __init__(self, store: Store, log: LogLines, most: int, most_bytes: int) -> None:
        self._store, self._log = store, log
        self._most, self._most_bytes = most, most_bytes
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._in_flight = 0
        self._arrived = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        #: On the clock of the event loop, which is the monotonic one.
        self.away_since: float | None = None
        #: Whether an event was refused for want of room and none has been stored since.
        self.refusing = False
        #: Answers given, by fact and status.
        self.answered: Counter[tuple[str, str]] = Counter()

    @property
    def size(self) -> int:
        """Bytes of the events held."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._waiting) + self._in_flight

    def start(self) -> None:
        """Start the writer; needs a running event loop."""
        self._writer = asyncio.create_task(self._write_forever(), name="capture-writer")

    def offer(self, fact: str, event: Mapping[str, Any]) -> asyncio.Future[dict[str, Any]] | None:
        """Take an event; its future gets the database's answer. None: full (back-pressure)."""
        text = json.dumps(event)
        if len(self) >= self._most or self._bytes + len(text) > self._most_bytes:
            self.refusing = True
            return None
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(fact, event.get("event_id"), event.get("campaign_id"), text, answer))
        self._bytes += len(text)
        self._arrived.set()
        return answer

    async def stop(self, seconds: float) -> None:
        """Store what is left, for at most ``seconds``; every event that remains leaves one line (F1)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self):
                    await asyncio.sleep(0.01)
        if self._writer:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        for waiting in self._waiting:
            self._lost(waiting, "shut down while the database was away")
        self._waiting.clear()

    async def _write_forever(self) -> None:
        pause = _SHORTEST_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            batch = self._next()
            if not batch:
                self._arrived.clear()
                continue
            self._in_flight = len(batch)
            try:
                await self._write(batch)
            except AWAY as problem:
                self._waiting.extendleft(waiting for waiting in reversed(batch) if not waiting.done)
                if self.away_since is None:
                    self.away_since = loop.time()
                    self._log.write("error", "database_away", reason=reason(problem), waiting=len(self._waiting))
                self._in_flight = 0
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            except BaseException:
                self._waiting.extendleft(waiting for waiting in reversed(batch) if not waiting.done)
                self._in_flight = 0
                raise
            self._in_flight = 0
            self.refusing = False
            pause = _SHORTEST_PAUSE
            if self.away_since is not None:
                seconds = round(loop.time() - self.away_since, 1)
                self._log.write("info", "database_back", seconds=seconds, waiting=len(self._waiting))
                self.away_since = None

    def _next(self) -> list[_Waiting]:
        """The first that wait, not so many that their texts, put together for the database, are large."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < _BATCH:
            size += len(self._waiting[0].text)
            if batch and size > _BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        try:
            answers = await self._store.store([(waiting.fact, waiting.text) for waiting in batch])
            answered = list(zip(batch, answers, strict=True))
        except AWAY:
            raise
        except Exception as problem:
            if len(batch) == 1:
                # Never the message: it may quote values.
                self._lost(batch[0], f"{type(problem).__name__} {getattr(problem, 'sqlstate', None) or ''}".strip())
                return
            # One of them cannot even be sent: the others must not suffer.
            for waiting in batch:
                await self._write([waiting])
            return
        for waiting, answer in answered:
            self._answer(waiting, answer)

    def _answer(self, waiting: _Waiting, answer: dict[str, Any]) -> None:
        waiting.done = True
        self._bytes -= len(waiting.text)
        self.answered[waiting.fact, answer.get("status") or "lost"] += 1
        if not waiting.answer.done():
            waiting.answer.set_result(answer)
        if answer.get("status") == "dead_letter" or not answer.get("accepted"):
            lost = not answer.get("accepted") and answer.get("status") != "refused"
            self._log.write(
                "error" if lost else "warning",
                "capture_lost" if lost else "capture_refused",
                fact=waiting.fact,
                event_id=answer.get("event_id"),
                campaign_id=waiting.campaign_id,
                reason=answer.get("reason"),
            )

    def _lost(self, waiting: _Waiting, why: str) -> None:
        self._answer(waiting, {"accepted": False, "event_id": waiting.event_id, "reason": why})
