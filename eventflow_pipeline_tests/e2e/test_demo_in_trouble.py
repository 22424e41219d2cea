"""A demo whose backfill fails, or that is killed: it says why, leaves nothing running, and the next one goes on."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import psutil
import psycopg
import pytest

from eventflow_pipeline.dev.dagster_process import LAUNCH_BACKFILL
from eventflow_pipeline.dev.embedded import EmbeddedServer, start_embedded
from eventflow_pipeline.domain.days import today
from eventflow_pipeline_tests.servers import server_folder

EVENTFLOW = str(Path(sys.executable).with_name("eventflow"))
TODAY = today(ZoneInfo("Asia/Seoul"))
DAYS = 7


@pytest.fixture
def home() -> Iterator[Path]:
    """A home for demos; nothing of it runs afterwards."""
    folder = server_folder("trouble")
    yield folder
    for pid in _started(folder):
        psutil.Process(pid).kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedServer]:
    """The demos' server, held by the test, so that it outlives each of them."""
    held = start_embedded(home)
    yield held
    held.stop()


def _environment(home: Path) -> dict[str, str]:
    first = TODAY - timedelta(days=DAYS - 1)
    return {**os.environ, "EVENTFLOW_HOME": str(home), "EVENTFLOW_START_DATE": first.isoformat()}


def _started(home: Path) -> set[int]:
    """Processes that a demo of the home has started, and those these have."""
    found = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get("_EVENTFLOW_DEMO") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


def _start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [EVENTFLOW, "demo", *arguments]
    return subprocess.Popen(
        command, env=_environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _says(demo: subprocess.Popen[str], before_it_starts_dagster: Callable[[], None] = lambda: None) -> str:
    """What a demo says until it stays up, or is over."""
    assert demo.stdout
    lines: list[str] = []
    for line in demo.stdout:
        lines.append(line)
        if "2/4" in line:
            before_it_starts_dagster()
        if "Stays up" in line:
            break
    return "".join(lines)


def _await(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.long
@pytest.mark.e2e
@pytest.mark.timeout(2400)
def test_a_failing_demo_says_why_and_a_killed_one_is_taken_over(home: Path, server: EmbeddedServer) -> None:
    def connected(database: str) -> psycopg.Connection:
        return psycopg.connect(server.url(database).render_as_string(hide_password=False), autocommit=True)

    def break_today() -> None:
        with connected("eventflow") as facts:
            facts.execute("delete from stats.partition_state")
            facts.execute(f"alter table stats.partition_state add constraint no check (bucket_date <> '{TODAY}')")

    first = _start(home, "--headless")
    said = _says(first)
    assert first.wait() == 0, said
    assert "Busiest campaigns" in said
    assert "http://" not in said, "no address of a server that is gone by then"
    assert _started(home) == set()

    demo = _start(home)
    said = _says(demo, break_today)
    why = rf"step replace_days: 1 of {DAYS} days failed and kept their old buckets: {TODAY}"
    assert re.search(rf"The backfill failed: run [0-9a-f]{{8}}, {why}", said), said
    address = re.search(r"(http://127\.0\.0\.1:\d+)/runs/([0-9a-f-]{36})", said)
    assert address, said
    assert httpx.get(address.group()).status_code == 200, "the failed run can be looked at"
    with connected("dagster") as dagster:
        unfinished = "select count(*) from bulk_actions where status in ('REQUESTED', 'CANCELING') and id > 1"
        _await(lambda: dagster.execute(unfinished).fetchone() == (0,))
        params = {
            "assetSelection": [{"path": ["stats", "quality_daily"]}],
            "partitionNames": [TODAY.isoformat()],
            "title": "demo that is killed",
        }
        question = {"query": LAUNCH_BACKFILL, "variables": {"params": params}}
        answer = httpx.post(f"{address.group(1)}/graphql", json=question).json()
        left = answer["data"]["launchPartitionBackfill"]["backfillId"]
        demo.kill()
        demo.wait()
        _await(lambda: _started(home) == set())  # it cannot end what it has started; that ends with it

        def repair_today() -> None:
            with connected("eventflow") as facts:
                facts.execute("alter table stats.partition_state drop constraint no")

        second = _start(home, "--headless")
        said = _says(second, repair_today)
        assert second.wait() == 0, said
        with connected("eventflow") as facts:
            assert facts.execute("select count(*) from stats.partition_state").fetchone() == (DAYS,)
        status = "select status from bulk_actions where key = %s"
        assert dagster.execute(status, [left]).fetchone() != ("REQUESTED",)
    assert _started(home) == set()
