"""Pings of 10,000 viewers in 20 webinars against the embedded server while the sampler runs (P3, C3).

Durations are compressed, rates are not: everybody joins at 1,000 pings a second, then 10,000 viewers pinging every 120
seconds are 83 a second, for 40 seconds. The minimum interval is one second, so that no ping may be ignored.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
from sqlalchemy import Engine

from benchmarks._pgbench import Latencies, Load
from benchmarks.report import Section
from eventflow_pipeline.dev.embedded import EmbeddedServer, start_embedded
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import admin_engine, pipeline_engine
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate
from eventflow_pipeline.warehouse.webinar.sampler import sample_webinars

VIEWERS, WEBINARS, HISTORY = 10_000, 20, 300_000
CLIENTS = 16
PING_P99_MS, SAMPLER_MS = 50, 200
DATABASE = "webinar"
_SQL = Path(__file__).parent / "sql"


def run() -> Section:
    """Measure and report."""
    with _database() as (server, url, pipeline):
        rows: list[dict[str, object]] = []
        lines: dict[str, bool] = {}
        for phase, rate, pings in (("burst: everybody joins", 1000, VIEWERS), ("sustained", VIEWERS / 120, 3328)):
            began = _now(url)
            pinged, beside, sampled = _phase(server, pipeline, rate, pings)
            lost = pings - _seen_since(url, began)
            rows += [
                _row(phase, "ping", pinged),
                _row(phase, "select 1 beside", beside),
                {"phase": phase, "statement": "sampler", "count": len(sampled), "p50 ms": f"{_median(sampled):.1f}",
                 "max ms": f"{max(sampled):.1f}"},
            ]  # fmt: skip
            lines[f"{phase}: ping p99 under {PING_P99_MS} ms"] = pinged.percentile(0.99) < PING_P99_MS
            lines[f"{phase}: no ping lost ({pings} sent, {lost} missing)"] = lost == 0
            lines[f"{phase}: sampler statement under {SAMPLER_MS} ms"] = max(sampled) < SAMPLER_MS
        return Section(
            name="webinar",
            title="Webinar pings and sampler",
            intro=f"{VIEWERS:,} viewers in {WEBINARS} webinars, {HISTORY:,} older presence rows, over {CLIENTS} "
            "connections; each ping is a transaction with the caller's role and token, and is counted from when it "
            "was due. `select 1` runs 50 times a second beside it, the sampler twice a second.",
            rows=rows,
            lines=lines,
        )


@contextmanager
def _database() -> Iterator[tuple[EmbeddedServer, str, Engine]]:
    """The embedded server as the project configures it, migrated, 20 webinars live now and a history of presence."""
    home = Path(tempfile.mkdtemp(prefix="eventflow-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    server = start_embedded(home)
    try:
        maintenance = server.url("postgres").render_as_string(False)
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}".encode())
        url = server.url(DATABASE).render_as_string(False)
        settings = Settings(database={"url": url}, webinar={"presence_min_seconds": 1})
        owner, pipeline = admin_engine(settings), pipeline_engine(settings)
        create_source(owner)
        migrate(owner, settings)
        owner.dispose()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "insert into webinars (id, client_id, title, webinar_start_time) "
                "select ('00000000-0000-0000-0001-' || lpad(n::text, 12, '0'))::uuid, gen_random_uuid(), 'w', now() "
                "from generate_series(0, %s) n",
                [WEBINARS - 1],
            )
            connection.execute(
                "insert into webinar_live_presence (webinar_id, user_id, joined_at, last_seen_at) "
                "select md5((n / 500)::text)::uuid, gen_random_uuid(), t, t from generate_series(1, %s) n, "
                "lateral (select now() - interval '1 day' - n / 500 * interval '1 day') as past (t)",
                [HISTORY],
            )
            connection.execute("vacuum analyze")
        yield server, url, pipeline
        pipeline.dispose()
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _phase(
    server: EmbeddedServer, pipeline: Engine, rate: float, pings: int
) -> tuple[Latencies, Latencies, list[float]]:
    """Pings at ``rate`` until all are sent; beside them `select 1`, and the sampler, whose milliseconds come last."""
    over = threading.Event()
    sampled: list[float] = []
    rules = Settings().observation  # type: ignore[call-arg,unused-ignore]

    def sample() -> None:
        while not over.wait(0.5):
            began = time.perf_counter()
            sample_webinars(pipeline, rules)
            sampled.append((time.perf_counter() - began) * 1000)

    sample_webinars(pipeline, rules)  # the connection is not part of the statement
    sampler = threading.Thread(target=sample)
    sampler.start()
    pinging = Load(
        server, DATABASE, _SQL / "ping.pgbench", rate=rate, transactions=pings, clients=CLIENTS,
        variables={"turn": 0, "webinars": WEBINARS},
    )  # fmt: skip
    beside = Load(
        server,
        DATABASE,
        _SQL / "select_1.pgbench",
        rate=50,
        transactions=int(50 * pings / rate),
        clients=1,
        variables={},
    )
    try:
        return pinging.finish(), beside.finish(), sampled
    finally:
        over.set()
        sampler.join()


def _now(url: str) -> datetime:
    with psycopg.connect(url) as connection:
        row = connection.execute("select clock_timestamp()").fetchone()
        assert row
        now: datetime = row[0]
        return now


def _seen_since(url: str, began: datetime) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from webinar_live_presence where last_seen_at >= %s", [began]
        ).fetchone()
        assert row
        return int(row[0])


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _row(phase: str, statement: str, latencies: Latencies) -> dict[str, object]:
    return {
        "phase": phase,
        "statement": statement,
        "count": len(latencies.milliseconds),
        "per second": f"{latencies.rate:.0f}",
        "p50 ms": f"{latencies.percentile(0.5):.1f}",
        "p99 ms": f"{latencies.percentile(0.99):.1f}",
        "max ms": f"{max(latencies.milliseconds):.1f}",
    }
