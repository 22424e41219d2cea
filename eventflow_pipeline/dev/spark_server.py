"""A Spark Connect server on this machine, for tests and benchmarks. Needs Java 17 and Spark 4 (`make spark`)."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

#: Where Spark is: SPARK_HOME, else where `make spark` puts it.
SPARK = Path(os.environ.get("SPARK_HOME") or Path(sys.prefix, "spark"))


class SparkServer(NamedTuple):
    """Its address as EVENTFLOW_SPARK_URL takes it, and its process, the driver."""

    address: str
    pid: int


@contextmanager
def spark_server(folder: Path, master: str, configuration: Mapping[str, object]) -> Iterator[SparkServer]:
    """One that runs as long as the block, on a port that is free. What it says and writes is in ``folder``.

    Raises RuntimeError, with the end of what it said, where it does not start.
    """
    configuration = {**configuration, "spark.driver.host": "127.0.0.1", "spark.connect.grpc.binding.port": 0}
    options = [part for name, value in configuration.items() for part in ("--conf", f"{name}={value}")]
    command = [f"{SPARK}/bin/spark-submit", "--master", master]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *options, "spark-internal"]
    environment = {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(folder / "work")}
    said = folder / "spark.log"
    with said.open("w") as log:
        running = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True, env=os.environ | environment
        )
    try:
        while not (found := re.search(r"Spark Connect server started at: \S+:(\d+)\n", said.read_text())):
            if running.poll() is not None:
                raise RuntimeError(f"Spark did not start: {said.read_text()[-3000:]}")
            time.sleep(0.1)
        yield SparkServer(f"sc://127.0.0.1:{found[1]}", running.pid)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
