"""Structured log lines that cost the request nothing (F2): a thread writes them; a full backlog drops and counts."""

import queue
import threading
from contextlib import suppress
from typing import Any

from eventflow_pipeline.logs import logger

_BACKLOG = 10_000


class LogLines:
    """``write(event, ...)`` never blocks and never raises; ``close`` writes what is left."""

    def __init__(self) -> None:
        self._lines: queue.Queue[tuple[str, str, dict[str, Any]] | None] = queue.Queue(_BACKLOG)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log-lines", daemon=True)
        self._thread.start()

    def write(self, level: str, event: str, **fields: Any) -> None:
        """Hand one line over; ``level`` is info, warning or error."""
        try:
            self._lines.put_nowait((level, event, fields))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what is left, for at most two seconds."""
        try:
            self._lines.put(None, timeout=1)
        except queue.Full:
            return
        self._thread.join(2)

    def _run(self) -> None:
        log = logger(component="capture")
        while (line := self._lines.get()) is not None:
            level, event, fields = line
            try:
                getattr(log, level)(event, **fields)
                if self._lines.empty():
                    self._count(log)
            except (OSError, ValueError):
                continue  # stdout is gone: nothing can be said, and nothing must break
        with suppress(OSError, ValueError):
            self._count(log)

    def _count(self, log: Any) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            log.warning("log_lines_dropped", count=dropped)
