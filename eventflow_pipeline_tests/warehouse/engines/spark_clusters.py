"""Spark itself on this machine: a driver and two executors, three processes.

Needs Java 17 and Spark 4: in SPARK_HOME, else where `make spark` puts it.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

SPARK = Path(os.environ.get("SPARK_HOME") or Path(sys.prefix, "spark"))
#: Of tests that need it.
NEEDED = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed"),
    pytest.mark.skipif(not (SPARK / "jars").is_dir(), reason="Spark is not installed (make spark)"),
]
#: For processes that live a minute and see two hundred rows: neither the best machine code nor a garbage collector with
#: threads; nor is Java written and compiled for each statement.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass
class Cluster:
    """A Spark Connect server on this machine over two executors, each a process of its own."""

    address: str
    pages: str
    driver: psutil.Process

    def executors(self) -> list[psutil.Process]:
        """Those alive now, oldest first."""
        found = []
        for one in self.driver.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if one.status() != psutil.STATUS_ZOMBIE and any("ExecutorBackend" in part for part in one.cmdline()):
                    found.append(one)
        return sorted(found, key=lambda one: one.create_time())

    def running_jobs(self) -> list[Any]:
        """Jobs that its executors work on, as its pages say."""
        (application,) = self._told("applications")
        jobs: list[Any] = self._told(f"applications/{application['id']}/jobs?status=running")
        return jobs

    def _told(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.pages}/api/v1/{what}", timeout=60) as answer:
            return json.load(answer)


@contextmanager
def started(tmp_path: Path) -> Iterator[Cluster]:
    """One that runs as long as the block. What it writes is in ``tmp_path``."""
    # Nobody else takes a port that somebody has, and Java listens where somebody only has it.
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    pages = kept.getsockname()[1]
    configuration = {
        "spark.driver.extraJavaOptions": _JAVA,
        "spark.executor.extraJavaOptions": _JAVA,
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "false",
        "spark.ui.port": pages,
        # Whichever is free: it says which it took.
        "spark.connect.grpc.binding.port": 0,
        # On a busy machine nobody is given up who has not been killed.
        "spark.network.timeout": "900s",
        "spark.worker.timeout": "900",
    }
    options = [part for name, value in configuration.items() for part in ("--conf", f"{name}={value}")]
    command = [f"{SPARK}/bin/spark-submit", "--master", "local-cluster[2,1,1024]"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *options, "spark-internal"]
    said = tmp_path / "spark.log"
    with said.open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True,
            env={**os.environ, "SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1",
                 "SPARK_WORKER_DIR": str(tmp_path / "work")},
        )  # fmt: skip
    try:
        made = Cluster("", f"http://127.0.0.1:{pages}", psutil.Process(server.pid))

        def listens() -> bool:
            assert server.poll() is None, said.read_text()[-3000:]
            if found := re.search(r"Spark Connect server started at: \S+:(\d+)\n", said.read_text()):
                made.address = f"sc://127.0.0.1:{found[1]}"
            return bool(made.address) and len(made.executors()) == 2

        wait_for(listens)
        yield made
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        kept.close()


def wait_for(what: Callable[[], bool]) -> None:
    """However busy the machine is: the test's own limit ends what never comes."""
    while not what():
        time.sleep(0.1)
