"""``eventflow env``: Dagster's own commands in a checkout, with the project's Postgres or one that is named."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.settings import project_root
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.servers import server_folder

_PROGRAMS = Path(sys.executable).parent


def test_what_is_set_is_not_said_again(eventflow: Eventflow, environment: dict[str, str]) -> None:
    """No address, so no password, of databases that are named; what else Dagster's commands need."""
    done = eventflow("env", EVENTFLOW_START_DATE="", DAGSTER_GRPC_TIMEOUT_SECONDS="77")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "export DAGSTER_EVENT_BATCH_SIZE=200",
        f"export DAGSTER_HOME={environment['EVENTFLOW_HOME']}",
        "export DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS=300",
        "export EVENTFLOW_START_DATE=2024-01-01",
        "export EVENTFLOW_TIMEZONE=Asia/Seoul",
    ]
    assert Path(environment["EVENTFLOW_HOME"], "dagster.yaml").is_file()


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of commands that name no server."""
    folder = server_folder("env")
    yield folder
    if (folder / "postgres").is_symlink():
        shutil.rmtree((folder / "postgres").resolve().parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _until(holds: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.long
def test_dg_dev_in_the_checkout_as_the_page_says(home: Path) -> None:
    """The page's own line, in a shell; its Postgres ends with the shell, and not before."""
    page = (project_root() / "docs" / "running.md").read_text()
    (line,) = re.findall(r"^    (eval .*dg dev)(?: +#.*)?$", page, re.MULTILINE)
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("EVENTFLOW_", "DAGSTER_"))}
    clean |= {
        "EVENTFLOW_HOME": str(home),
        "PATH": f"{_PROGRAMS}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(_PROGRAMS.parent),
    }
    script = f"eventflow sample --days 7 --visits-per-day 5 && eventflow migrate && {line} --port {port}"
    postmaster = home / "postgres" / "postmaster.pid"
    asked = json.dumps({"query": "{ assetNodes { id } }"}).encode()

    def assets() -> int:
        with suppress(OSError, KeyError, TypeError):
            request = Request(f"http://127.0.0.1:{port}/graphql", asked, {"Content-Type": "application/json"})
            with urlopen(request, timeout=30) as answer:
                return len(json.load(answer)["data"]["assetNodes"])
        return 0

    shell = subprocess.Popen(
        ["bash", "-c", script], env=clean, cwd=project_root(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        _until(assets, 200)
        assert postmaster.exists()
    finally:
        os.killpg(shell.pid, 15)
        shell.communicate(timeout=60)
    _until(lambda: not postmaster.exists(), 30)
