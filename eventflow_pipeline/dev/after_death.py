"""What is to be done when this process ends without a chance to clean up: killed, or its machine out of memory."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Reads until the other end of its input is closed, which only the end of that process does: nobody writes.
_WAIT = 'cat > /dev/null; exec "$@"'
_END_GROUP = """
kill -s TERM -- "-$1" || exit 0
n=0
while kill -s 0 -- "-$1" && [ $n -lt "$2" ]; do sleep 1; n=$((n + 1)); done
kill -s KILL -- "-$1"
"""
_STOP_SERVER = """
import pathlib, sys
from eventflow_pipeline.dev.embedded import start_embedded
start_embedded(pathlib.Path(sys.argv[1])).stop()
"""


class AfterDeath:
    """A command that runs as soon as this process is gone, unless it was called off; in a session of its own."""

    def __init__(self, *command: str) -> None:
        self._waiting = subprocess.Popen(
            ["/bin/sh", "-c", _WAIT, "after-death", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def call_off(self) -> None:
        """This process has cleaned up itself."""
        with suppress(ProcessLookupError):
            os.killpg(self._waiting.pid, signal.SIGKILL)
        self._waiting.wait()
        assert self._waiting.stdin
        self._waiting.stdin.close()


def end_group(leader: int, patience_seconds: float) -> AfterDeath:
    """End a child's process group, the hard way after ``patience_seconds``."""
    return AfterDeath("/bin/sh", "-c", _END_GROUP, "end-group", str(leader), str(int(patience_seconds) + 1))


@contextmanager
def stop_server(home: Path, python: str) -> Iterator[None]:
    """Stop the embedded server of ``home``, unless another process holds it, if this one dies within the block."""
    waiting = AfterDeath(python, "-c", _STOP_SERVER, str(home))
    try:
        yield
    finally:
        waiting.call_off()
