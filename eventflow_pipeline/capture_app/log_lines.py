"""Structured log lines that cost the request nothing (F2): a thread writes them; a full backlog drops and counts."""

import logging
import queue
import threading
import time
from collections import Counter, deque
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from eventflow_pipeline.logs import JsonHandler, logger

BACKLOG = 10_000
_CLOSE_SECONDS = 2
_HOUR = 60  # minutes


class _Backlog(QueueHandler):
    """Hands records over as they are, to be rendered by the thread; what does not fit is dropped and counted."""

    def __init__(self) -> None:
        # Bounded here and not by the queue: what ends the thread must always find room.
        self.waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self.dropped = 0
        super().__init__(self.waiting)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        if self.waiting.qsize() >= BACKLOG:
            self.dropped += 1
        else:
            self.waiting.put(record)


class _Writer(QueueListener):
    """Writes what the backlog holds, and how much it did not, as soon as it is through."""

    def __init__(self, backlog: _Backlog) -> None:
        super().__init__(backlog.waiting, JsonHandler())
        self._backlog = backlog

    def handle(self, record: logging.LogRecord) -> None:
        super().handle(record)
        if self._backlog.waiting.empty():
            self._say_dropped()

    def stop(self) -> None:
        super().stop()
        self._say_dropped()

    def _say_dropped(self) -> None:
        if self._backlog.dropped:
            dropped, self._backlog.dropped = self._backlog.dropped, 0
            logger(component="capture").warning("log_lines_dropped", count=dropped)


class Counts:
    """How often each line was written that somebody may have to act on: since the start, and in the last hour."""

    def __init__(self) -> None:
        self._total: Counter[tuple[str, str]] = Counter()
        self._minutes: deque[tuple[int, Counter[tuple[str, str]]]] = deque(maxlen=_HOUR)

    def add(self, event: str, reason: str) -> None:
        """Count one line; ``reason`` is one of few, never a value."""
        minute = int(time.monotonic() // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, Counter()))
        self._total[event, reason] += 1
        self._minutes[-1][1][event, reason] += 1

    def total(self) -> dict[tuple[str, str], int]:
        """Lines since the start, by event and reason. May be asked from another thread."""
        return dict(self._total)

    def last_hour(self) -> dict[tuple[str, str], int]:
        """Lines of the last sixty minutes; reasons that were counted before and not since are there with 0."""
        oldest = int(time.monotonic() // 60) - _HOUR
        found = dict.fromkeys(self.total(), 0)
        for minute, counted in list(self._minutes):
            if minute > oldest:
                for what, times in dict(counted).items():
                    found[what] = found.get(what, 0) + times
        return found


class LogLines:
    """``write(event, ...)`` never blocks and never raises; ``close`` writes what is left."""

    def __init__(self) -> None:
        backlog = _Backlog()
        lines = logging.Logger("eventflow.capture")
        lines.addHandler(backlog)
        self._log = logger(lines, component="capture")
        self.counts = Counts()
        self._writer = _Writer(backlog)
        self._writer.start()

    def write(self, level: str, event: str, **fields: Any) -> None:
        """Hand one line over; ``level`` is info, warning or error. What is worse than info is counted."""
        if level != "info":
            self.counts.add(event, str(fields.get("reason", "")))
        getattr(self._log, level)(event, **fields)

    def close(self) -> None:
        """Write what is left, for at most two seconds."""
        stopping = threading.Thread(target=self._writer.stop, name="log-lines-stop", daemon=True)
        stopping.start()
        stopping.join(_CLOSE_SECONDS)
