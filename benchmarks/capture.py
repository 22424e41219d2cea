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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.report import Section
from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.dev.embedded import EmbeddedServer, start_embedded
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


@dataclass
class Served:
    """`eventflow capture serve` in a process of its own, over an embedded Postgres under ``home``."""

    home: Path
    database: EmbeddedServer
    url: str
    port: int
    process: psutil.Process

    def restart_database(self) -> float:
        """How long it was away, in seconds."""
        began = time.monotonic()
        self.database.stop()
        self.database = start_embedded(self.home)
        return time.monotonic() - began

    def in_table(self, identifiers: list[str]) -> int:
        """How many of these events are facts, once the queue has drained."""
        _await(lambda: (_health(self.port) or {}).get("queued") == 0)
        with psycopg.connect(self.url) as connection:
            query = "select count(*) from public.event_access_logs where id = any (%s::uuid[])"
            found = connection.execute(query, [identifiers]).fetchone()
        return found[0] if found else 0

    def cpu_seconds(self) -> float:
        """Processor time it has used."""
        return sum(self.process.cpu_times()[:2])


@contextmanager
def served(home: Path, **settings: str) -> Iterator[Served]:
    """Capture, serving; with ``settings`` (EVENTFLOW_CAPTURE_…) of its own."""
    home.mkdir()
    database = start_embedded(home)
    serving: subprocess.Popen[bytes] | None = None
    made: Served | None = None
    try:
        url = database.url("postgres").render_as_string(hide_password=False)
        chosen = Settings(database={"url": url})
        owner = admin_engine(chosen)
        create_source(owner)
        migrate(owner, chosen)
        owner.dispose()
        port = free_port()
        given = {f"EVENTFLOW_CAPTURE_{name.upper()}": value for name, value in settings.items()}
        environment = {
            **os.environ, "EVENTFLOW_DATABASE_URL": url, "EVENTFLOW_CAPTURE_KEYS": secrets.token_urlsafe(32),
            "EVENTFLOW_CAPTURE_METRICS": "off", **given,
        }  # fmt: skip
        command = [str(Path(sys.executable).with_name("eventflow")), "capture", "serve", "--port", str(port)]
        serving = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _await(lambda: _health(port) is not None)
        made = Served(home, database, url, port, psutil.Process(serving.pid))
        yield made
    finally:
        if serving:
            serving.terminate()
            serving.wait(30)
        (made.database if made else database).stop()


def visits(port: int, rate: int, seconds: int, accepted: Path) -> "subprocess.Popen[bytes]":
    """The load, from another process; it prints what it measured, and leaves the accepted event ids in ``accepted``."""
    arguments = [str(port), str(rate), str(seconds), str(uuid.uuid4()), str(accepted)]
    return subprocess.Popen([sys.executable, "-m", "benchmarks._capture_load", *arguments], stdout=subprocess.PIPE)


def _measure(home: Path, *, restart: bool) -> dict[str, Any]:
    with served(home, rate="off") as capture:
        before, accepted = capture.cpu_seconds(), home / "accepted"
        load = visits(capture.port, RATE, SECONDS, accepted)
        away = 0.0
        if restart:
            time.sleep(SECONDS / 2)
            away = capture.restart_database()
        output, _ = load.communicate(timeout=SECONDS + 120)
        measured = json.loads(output)
        found = capture.in_table(accepted.read_text().split())
        used = capture.cpu_seconds() - before
    answers = measured.pop("answers")
    return {
        "run": f"database away for {away:.1f} s" if restart else "undisturbed",
        **measured,
        "in table": found,
        "stored": answers.get("stored", 0),
        "queued": answers.get("queued", 0),
        "CPU ms a visit": round(1000 * used / measured["sent"], 2),
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
