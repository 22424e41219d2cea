"""Capture under load: 500 visits a second for a minute, the database restarted in the middle, nothing lost."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.report import Section
from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.dev.embedded import start_embedded
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import admin_engine
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate

RATE = int(os.environ.get("BENCH_RATE", "500"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))


def run() -> Section:
    """The command serves in a process of its own, the load comes from another; all on this machine."""
    home = Path(tempfile.mkdtemp(prefix="eventflow-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    try:
        rows = [_measure(home / "plain", restart=False), _measure(home / "restart", restart=True)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Section(
        name="capture",
        title=f"Capture: {RATE} visits a second for {SECONDS} s",
        intro=(
            "`eventflow capture serve`, one process, embedded Postgres with fsync on. Open loop: latency in ms counts "
            "from the instant a visit was due. `stored` answers were committed before they were given, `queued` ones "
            "were in memory (25 ms had passed, or the database was away). In table: accepted event ids found in the "
            "fact table when the queue had drained."
        ),
        rows=rows,
        lines={
            "p99 under 50 ms": all(row["p99"] < 50 for row in rows),
            "nothing lost: every accepted event id is in the table": all(
                row["accepted"] == row["in table"] for row in rows
            ),
            "every visit was accepted, the restart included": all(row["accepted"] == RATE * SECONDS for row in rows),
        },
    )


def _measure(home: Path, *, restart: bool) -> dict[str, Any]:
    home.mkdir()
    server = start_embedded(home)
    serving: subprocess.Popen[bytes] | None = None
    try:
        url = server.url("postgres").render_as_string(hide_password=False)
        settings = Settings(database={"url": url})
        owner = admin_engine(settings)
        create_source(owner)
        migrate(owner, settings)
        owner.dispose()
        port, campaign, accepted = free_port(), str(uuid.uuid4()), home / "accepted"
        environment = {
            **os.environ,
            "EVENTFLOW_DATABASE_URL": url,
            "EVENTFLOW_CAPTURE_KEYS": secrets.token_urlsafe(32),
            "EVENTFLOW_CAPTURE_RATE": "off",
        }
        command = [str(Path(sys.executable).with_name("eventflow")), "capture", "serve", "--port", str(port)]
        serving = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _await(lambda: _health(port) is not None)
        before = psutil.Process(serving.pid).cpu_times()
        arguments = [str(port), str(RATE), str(SECONDS), campaign, str(accepted)]
        load = subprocess.Popen([sys.executable, "-m", "benchmarks._capture_load", *arguments], stdout=subprocess.PIPE)
        away = 0.0
        if restart:
            time.sleep(SECONDS / 2)
            began = time.monotonic()
            server.stop()
            server = start_embedded(home)
            away = time.monotonic() - began
        output, _ = load.communicate(timeout=SECONDS + 120)
        measured = json.loads(output)
        _await(lambda: (_health(port) or {}).get("queued") == 0)
        used = psutil.Process(serving.pid).cpu_times()
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "select count(*) from public.event_access_logs where id = any (%s::uuid[])",
                [accepted.read_text().split()],
            ).fetchone()
    finally:
        if serving:
            serving.terminate()
            serving.wait(30)
        server.stop()
    answers = measured.pop("answers")
    return {
        "run": f"database away for {away:.1f} s" if restart else "undisturbed",
        **measured,
        "in table": found[0] if found else 0,
        "stored": answers.get("stored", 0),
        "queued": answers.get("queued", 0),
        "CPU ms a visit": round(1000 * (sum(used[:2]) - sum(before[:2])) / measured["sent"], 2),
    }


def _health(port: int) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            health: dict[str, Any] = json.load(answer)
            return health
    except OSError:
        return None


def _await(condition: Any, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the capture application did not come up or did not drain")
        time.sleep(0.1)
