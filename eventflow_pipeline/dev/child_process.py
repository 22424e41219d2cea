"""A server as a child process: started in a session of its own, logged to a file, waited for, stopped for sure: also
when this process is killed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from eventflow_pipeline.dev.after_death import end_group
from eventflow_pipeline.errors import UserError


class ChildProcess:
    """One of this installation's commands, running within the block; leaving it stops the command and its children,
    and so does the death of this process.

    ``log`` takes what the command prints, from the start anew. ``environment`` is added to this process's own.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, stop_seconds: float = 15
    ) -> None:
        executable, *self._arguments = command
        self._executable = str(Path(sys.executable).with_name(executable))
        self.name, self._log = log.stem, log
        self._environment, self._stop_seconds = environment or {}, stop_seconds
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._start("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, mode: str) -> None:
        with self._log.open(mode) as log:
            self._process = subprocess.Popen(
                [self._executable, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
                start_new_session=True,
                # Dagster copies an ignored SIGINT to SIGTERM, and could then not be stopped.
                preexec_fn=_default_signals,  # noqa: PLW1509
            )
        self._after_death = end_group(self._process.pid, self._stop_seconds)

    @property
    def pid(self) -> int:
        """Its process id, also that of its group."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._process.poll() is not None

    def require_alive(self) -> None:
        """Raise UserError, naming the log, when it has ended by itself."""
        if self.has_ended:
            raise UserError(f"{self.name} ended with status {self._process.returncode}: see {self._log}.")

    def wait_until(self, answers: Callable[[], bool], seconds: float = 180) -> None:
        """Wait until ``answers`` is true; an OSError in it (nobody listens yet) is a no.

        Raises UserError, naming the log, when the command ends meanwhile or the seconds are over.
        """

        def ask() -> bool:
            self.require_alive()
            return answers()

        retry = retry_if_result(lambda answered: not answered) | retry_if_exception_type(OSError)
        try:
            Retrying(retry=retry, stop=stop_after_delay(seconds), wait=wait_fixed(0.2))(ask)
        except RetryError as problem:
            raise UserError(f"{self.name} did not come up within {seconds:.0f} s: see {self._log}.") from problem

    def restart(self) -> None:
        """Start it again after it has ended, adding to its log; what it had started is killed first."""
        self._signal(signal.SIGKILL)
        self._after_death.call_off()
        self._start("ab")

    def ask_to_stop(self) -> None:
        """Send SIGTERM to it and its children, without waiting."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask it to stop, wait, and kill whatever of its group is left."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._stop_seconds)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._after_death.call_off()

    def _signal(self, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, which)


def _default_signals() -> None:
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, signal.SIG_DFL)
