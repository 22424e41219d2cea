"""Spark itself on this machine: a driver and two executors, three processes."""

import json
import shutil
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from eventflow_pipeline.dev.spark_server import SPARK, spark_server

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
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "false",
        "spark.ui.port": pages,
        # On a busy machine nobody is given up who has not been killed.
        "spark.network.timeout": "900s",
        "spark.worker.timeout": "900",
    }
    try:
        with spark_server(tmp_path, "local-cluster[2,1,1024]", configuration) as running:
            made = Cluster(running.address, f"http://127.0.0.1:{pages}", psutil.Process(running.pid))
            wait_for(lambda: len(made.executors()) == 2)
            yield made
    finally:
        kept.close()


def wait_for(what: Callable[[], bool]) -> None:
    """However busy the machine is: the test's own limit ends what never comes."""
    while not what():
        time.sleep(0.1)
