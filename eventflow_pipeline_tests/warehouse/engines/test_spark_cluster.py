"""Spark itself: a driver and two executors, one of which is killed in the middle of a job, give what Postgres gives.

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
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from eventflow_pipeline.warehouse.db.at_once import stop
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.engines.damaged_days import (
    DAYS,
    ENDLESS,
    but_for_the_engine,
    compute_all,
    published,
    replaced_days,
)
from eventflow_pipeline_tests.worlds.small_world import Mirror

pytest.importorskip("pyspark", reason="the extra spark is not installed (make engines)")
spark = pytest.importorskip("eventflow_pipeline.warehouse.engines.spark")

SPARK = Path(os.environ.get("SPARK_HOME") or Path(sys.prefix, "spark"))
pytestmark = [
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


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
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

        _wait_for(listens)
        yield made
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        kept.close()


def _wait_for(what: Callable[[], bool]) -> None:
    """However busy the machine is: the test's own limit ends what never comes."""
    while not what():
        time.sleep(0.1)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("together")
def test_three_processes_and_one_killed_give_what_postgres_gives(
    cluster: Cluster, world: Mirror, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... and what is cancelled they stop. One test: the cluster takes longer to start than to do all of it."""
    compute_all(database, database.settings)
    before = published(database)
    first, second = cluster.executors()
    said, killed = spark.sql_text, []

    def killing(name: str) -> str:
        if name == "spark/cells" and not killed:
            killed.append(first.pid)
            first.kill()
        text: str = said(name)
        return text

    monkeypatch.setattr(spark, "sql_text", killing)
    named = {"lake": (tmp_path / "lake").as_uri(), "url": SecretStr(cluster.address)}
    settings = database.settings.changed(engine="spark", spark=named, runs={"parallel_days": len(DAYS)})
    done = replaced_days(database, settings)
    database.merge_pending()
    assert but_for_the_engine(published(database)) == before
    assert killed == [first.pid]
    assert second.is_running()
    assert len({cluster.driver.pid, first.pid, second.pid}) == 3
    _wait_for(lambda: len({one.pid for one in cluster.executors()} - {first.pid}) == 2)

    by = dict(done[DAYS[0]].computed_by)
    page = by.pop("spark")
    assert by.pop("engine").startswith("Spark 4.")
    assert by == {"executors": "2", "days of the job": "3"}
    assert page.startswith(f"{cluster.pages}/connect/session/?id=")
    with urllib.request.urlopen(page, timeout=60) as answer:
        assert answer.status == 200

    monkeypatch.setattr(spark, "sql_text", lambda name: ENDLESS if name == "spark/exported_ids" else said(name))
    database.execute("truncate stats.partition_state")
    at_work = threading.Thread(target=replaced_days, args=[database, settings], daemon=True)
    at_work.start()
    _wait_for(lambda: bool(cluster.running_jobs()))
    stop(database.pipeline)
    at_work.join()
    _wait_for(lambda: not cluster.running_jobs())
    assert not [row for row in database.rows("select session_days from stats.partition_state") if row["session_days"]]
