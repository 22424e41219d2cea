"""The embedded server for a shell: it stays up after the command that started it, and no longer than the shell."""

import subprocess
import sys
from pathlib import Path

from eventflow_pipeline.errors import UserError

_KEEP = """
import pathlib, sys, time
import psutil
from eventflow_pipeline.dev.embedded import start_embedded
shell = psutil.Process(int(sys.argv[2]))
server = start_embedded(pathlib.Path(sys.argv[1]))
print("up", flush=True)
try:
    while shell.is_running() and shell.status() != psutil.STATUS_ZOMBIE:
        time.sleep(1)
except psutil.NoSuchProcess:
    pass
server.stop()
"""


def keep_server(home: Path, shell: int) -> None:
    """Hold the embedded server of ``home`` until the process ``shell`` has ended; returns once it is held.

    In a session of its own: what is stopped in the shell's terminal by Ctrl-C is not the server. Raises UserError.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEP, str(home), str(shell)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert keeper.stdout
    with keeper.stdout as said:
        if not said.readline():
            raise UserError(f"Nobody could keep the Postgres of {home} up: name a server in EVENTFLOW_DATABASE_URL.")
