"""A log line costs the request nothing (F2), whatever happens to where it goes."""

import json
import os
import sys

import pytest

from eventflow_pipeline.capture_app.log_lines import BACKLOG, LogLines


def test_a_stuck_stdout_costs_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads what is written: callers go on, and once somebody reads, every line is there or counted."""
    read, write = os.pipe()
    with open(read) as reader, open(write, "w") as stuck:
        monkeypatch.setattr(sys, "stdout", stuck)
        lines = LogLines()
        for number in range(BACKLOG + 1_000):
            lines.write("info", "said", number=number)
        lines.close()  # gives up waiting, and lets the thread go on
        numbers: list[int] = []
        for line in reader:
            said = json.loads(line)
            if said["event"] == "log_lines_dropped":
                break
            numbers.append(said["number"])
    assert (said["component"], said["level"]) == ("capture", "warning")
    assert said["count"] > 0
    assert numbers == list(range(len(numbers))), "in order, the first ones"
    assert len(numbers) + said["count"] == BACKLOG + 1_000


def test_a_closed_stdout_and_an_unreadable_value_break_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Unreadable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    gone = open(os.devnull, "w")  # noqa: SIM115
    gone.close()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", gone)
        lines = LogLines()
        lines.write("info", "unheard")
        lines.close()
    lines = LogLines()
    lines.write("error", "unreadable", what=Unreadable())
    lines.write("warning", "heard", number=1)
    lines.close()
    unreadable, heard = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert unreadable["event"] == "log_unreadable"
    assert {name: heard[name] for name in ("event", "level", "component", "number")} == {
        "event": "heard", "level": "warning", "component": "capture", "number": 1,
    }  # fmt: skip
