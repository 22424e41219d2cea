"""A server as a child process: waited for, and stopped with everything it has started."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from eventflow_pipeline.dev.child_process import ChildProcess
from eventflow_pipeline.errors import UserError

_STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
_SIGNALS = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)"


@contextmanager
def _python(code: str, folder: Path, stop_seconds: float = 15) -> Iterator[tuple[ChildProcess, Path]]:
    log = folder / "server.log"
    with ChildProcess(("python", "-c", code), log, {"NAME": "value"}, stop_seconds) as child:
        yield child, log


def _await(what: Callable[[], bool]) -> None:
    while not what():
        time.sleep(0.05)


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_one_that_will_not_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    with _python(_STUBBORN, tmp_path, stop_seconds=0.2) as (child, log):
        child.wait_until(lambda: bool(log.read_text().strip()))
        pids = [child.pid, int(log.read_text())]
        assert not any(map(_is_gone, pids))
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=60)
    assert all(map(_is_gone, pids))


def test_one_that_ends_by_itself_is_named_with_its_log(tmp_path: Path) -> None:
    with (
        _python("raise SystemExit(3)", tmp_path) as (child, log),
        pytest.raises(UserError, match=rf"^server ended with status 3: see {log}\.$"),
    ):
        child.wait_until(lambda: False)


def test_one_that_does_not_answer_in_time_is_named_with_its_log(tmp_path: Path) -> None:
    def nobody_listens() -> bool:
        raise ConnectionRefusedError

    with (
        _python("import time; time.sleep(600)", tmp_path) as (child, log),
        pytest.raises(UserError, match=rf"^server did not come up within 1 s: see {log}\.$"),
    ):
        child.wait_until(nobody_listens, seconds=1)


def test_it_can_be_interrupted_though_its_starter_cannot(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _python(_SIGNALS, tmp_path) as (_, log):
            _await(lambda: bool(log.read_text()))
            said = log.read_text()
    finally:
        signal.signal(signal.SIGINT, before)
    assert said == "True\n"


def test_started_again_it_has_the_same_environment_and_adds_to_its_log(tmp_path: Path) -> None:
    code = "import os; print(os.environ['NAME'], flush=True)"
    with _python(code, tmp_path) as (child, log):
        for lines in (1, 2):
            _await(lambda: child.has_ended)
            assert log.read_text() == "value\n" * lines
            if lines == 1:
                child.restart()


def test_it_ends_with_its_children_when_its_starter_is_killed(tmp_path: Path) -> None:
    """Nobody is left to stop it: a demo killed hard, a machine short of memory."""
    starter = (
        "import sys, time; from pathlib import Path; from eventflow_pipeline.dev.child_process import ChildProcess\n"
        "with ChildProcess(('python', '-c', sys.argv[1]), Path(sys.argv[2]), stop_seconds=0) as child:\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(600)"
    )
    log = tmp_path / "server.log"
    command = [sys.executable, "-c", starter, _STUBBORN, str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    pids = [int(process.stdout.readline())]
    _await(lambda: bool(log.read_text().strip()))
    pids.append(int(log.read_text()))
    process.kill()
    process.wait()
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=60)
    assert all(map(_is_gone, pids))
