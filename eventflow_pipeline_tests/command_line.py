"""The command ``eventflow`` in a process of its own, as a user meets it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Eventflow = Callable[..., subprocess.CompletedProcess[str]]


def run_eventflow(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it with these arguments and exactly this environment."""
    executable = Path(sys.executable).with_name("eventflow")
    return subprocess.run([str(executable), *arguments], env=environment, capture_output=True, text=True, timeout=120)


def refused(done: subprocess.CompletedProcess[str], *named: str) -> None:
    """Exit 2, one sentence that names the thing and the remedy, no traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    message = done.stderr.strip()
    assert len(message.splitlines()) == 1, message
    assert message.startswith("eventflow: ")
    assert message.endswith(".")
    for part in named:
        assert part in message
