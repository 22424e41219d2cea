"""Log lines cost a request nothing (F2): a full backlog drops and counts, a closed stdout breaks nothing."""

import threading
from typing import Any

import pytest

from eventflow_pipeline.capture_app import log_lines
from eventflow_pipeline.capture_app.log_lines import LogLines


class _Log:
    """A log that takes no line before it is let go, and whose stdout is gone for lines that say so."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.let_go = threading.Event()

    def info(self, event: str, **fields: Any) -> None:
        self.let_go.wait(10)
        if event == "gone":
            raise ValueError("I/O operation on closed file")
        self.lines.append((event, fields))

    warning = info


def test_a_line_is_written_by_another_thread_and_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    log = _Log()
    monkeypatch.setattr(log_lines, "logger", lambda **_: log)
    monkeypatch.setattr(log_lines, "_BACKLOG", 3)
    lines = LogLines()
    for number in range(10):
        lines.write("info", "gone" if number == 0 else "line", number=number)
    assert log.lines == [], "nobody has waited for the log"
    log.let_go.set()
    lines.close()
    written = [fields["number"] for event, fields in log.lines if event == "line"]
    (dropped,) = [fields["count"] for event, fields in log.lines if event == "log_lines_dropped"]
    assert written == sorted(written)
    assert len(written) + dropped == 9, "all but the one whose stdout was gone"
