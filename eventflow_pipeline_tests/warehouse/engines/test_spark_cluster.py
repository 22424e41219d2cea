"""Spark itself, a driver and two executors, one of which is killed in the middle of a day: the days are the same.

Needs Java 17 and, in SPARK_HOME, Spark 4 (`pip install pyspark` has all of it, in its folder ``pyspark``).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
import pytest
from pydantic import SecretStr

from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.engines import test_spark as days
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.small_world import Mirror

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed"),
    pytest.mark.skipif(not os.environ.get("SPARK_HOME"), reason="SPARK_HOME names no Spark"),
]
#: For processes that live a minute: neither the best machine code nor a garbage collector with threads.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_CONFIGURATION = {
    "spark.driver.extraJavaOptions": _JAVA,
    "spark.executor.extraJavaOptions": _JAVA,
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "4",
    "spark.ui.enabled": "false",
}


@dataclass
class Cluster:
    """A Spark Connect server on this machine over two executors, each a process of its own."""

    address: str
    driver: psutil.Process

    def executors(self) -> list[psutil.Process]:
        """Those alive now, oldest first."""
        found = [
            one
            for one in self.driver.children(recursive=True)
            if one.status() != psutil.STATUS_ZOMBIE and any("ExecutorBackend" in part for part in one.cmdline())
        ]
        return sorted(found, key=lambda one: one.create_time())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [part for name, value in _CONFIGURATION.items() for part in ("--conf", f"{name}={value}")]
    command = [f"{os.environ['SPARK_HOME']}/bin/spark-submit", "--master", "local-cluster[2,1,1024]"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *options]
    command += ["--conf", f"spark.connect.grpc.binding.port={port}", "spark-internal"]
    with (tmp_path / "spark.log").open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True,
            env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(tmp_path / "work")},
        )  # fmt: skip
    try:
        made = Cluster(f"sc://127.0.0.1:{port}", psutil.Process(server.pid))
        deadline = time.monotonic() + 240
        while len(made.executors()) < 2 or socket.socket().connect_ex(("127.0.0.1", port)):
            alive = server.poll() is None and time.monotonic() < deadline
            assert alive, (tmp_path / "spark.log").read_text()[-3000:]
            time.sleep(0.2)
        yield made
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.timeout(900)
def test_three_processes_and_one_killed_give_what_postgres_gives(
    cluster: Cluster, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = Mirror(database)
    mirror.clear()
    days._fill(mirror, ZoneInfo("Asia/Seoul"), seed=8)
    mirror.exclude(small.FOREIGN)
    mirror.close()
    database.define(hourly_clients=[small.OTHER], hourly_campaigns=[small.CAMPAIGN])
    day = days.DAYS[0]
    replace_day(database.pipeline, day, database.settings)
    before = days._published(database)

    first, second = cluster.executors()
    said, killed = days.spark.sql_text, []

    def killing(name: str) -> str:
        if name == "spark/cells" and not killed:
            killed.append(first.pid)
            first.kill()
        text: str = said(name)
        return text

    monkeypatch.setattr(days.spark, "sql_text", killing)
    settings = {"lake": (tmp_path / "lake").as_uri(), "url": SecretStr(cluster.address)}
    replace_day(database.pipeline, day, database.settings.changed(engine="spark", spark=settings))
    assert days._but_for_the_engine(days._published(database)) == before
    assert killed == [first.pid]
    assert second.is_running()
    now = cluster.executors()
    assert first.pid not in {one.pid for one in now}
    assert len({cluster.driver.pid, first.pid, second.pid}) == 3
