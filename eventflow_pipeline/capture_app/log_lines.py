"""Structured log lines that cost the request nothing (F2): a thread writes them; a full backlog drops and counts."""

import logging
import queue
import threading
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from eventflow_pipeline.logs import JsonHandler, logger

BACKLOG = 10_000
_CLOSE_SECONDS = 2


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


class LogLines:
    """``write(event, ...)`` never blocks and never raises; ``close`` writes what is left."""

    def __init__(self) -> None:
        backlog = _Backlog()
        lines = logging.Logger("eventflow.capture")
        lines.addHandler(backlog)
        self._log = logger(lines, component="capture")
        self._writer = _Writer(backlog)
        self._writer.start()

    def write(self, level: str, event: str, **fields: Any) -> None:
        """Hand one line over; ``level`` is info, warning or error."""
        getattr(self._log, level)(event, **fields)

    def close(self) -> None:
        """Write what is left, for at most two seconds."""
        stopping = threading.Thread(target=self._writer.stop, name="log-lines-stop", daemon=True)
        stopping.start()
        stopping.join(_CLOSE_SECONDS)
