"""`eventflow serve`: a page beside its SQL, sixteen at once, an export of a million rows beside COPY."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import psycopg
from sqlalchemy import text

from benchmarks import report
from benchmarks._facts import Facts
from benchmarks._server import Measured, add_member_of_busiest_client, create, read_as, server
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.warehouse.days.range_replacement import replace_days
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending

_QUICK = bool(os.environ.get("BENCH_QUICK"))
_VISITS, _DAYS, _READS, _ROWS = (20_000, 31, 20, 100_000) if _QUICK else (5_000_000, 90, 100, 1_000_000)
_RANGE_DAYS, _LINKS, _AT_ONCE = 30, 300, 16
_SECRET = "a secret of the benchmark, 32 bytes or more"  # noqa: S105
_CLAIMS = {"sub": str(UUID(int=0x5E)), "role": "authenticated"}
#: What the overview page asks.
_PAGE_QUERIES = (
    "select stats_api.get_client_overview(%s, %s, %s, 50)",
    "select stats_api.get_link_stats(%s, %s, %s, 50)",
    "select stats_api.get_marketing_summary(%s, %s, %s, 50)",
    "select stats_api.get_webinars(%s, %s, %s, 50)",
    "select stats_api.get_data_quality(%s, %s, %s)",
)


def run() -> report.Section:
    """Measure on a server of its own; minutes."""
    with server() as running:
        database = create(running, "serve", Facts(_VISITS, _DAYS))
        days = database.facts.last(_RANGE_DAYS)
        # Rows to export are on a day of their own: the page is of a client as clients are.
        export_day = days.first - timedelta(days=1)
        for done in replace_days(database.pipeline, [export_day, *days], database.settings):
            if hasattr(done, "problem"):
                raise done.problem
        merge_pending(database.pipeline)
        client = _client(database, export_day)
        with _serving(database) as (browser, process), psycopg.connect(database.url, autocommit=True) as reader:
            read_as(reader, _CLAIMS)
            asked = {"client": str(client), "from": str(days.first), "to": str(days.last)}
            arguments = (client, days.first, days.last)
            times = in_turn(_READS, {
                "page": lambda: _page(browser, asked),
                "sql": lambda: [reader.execute(query.encode(), arguments).fetchone() for query in _PAGE_QUERIES],
            })  # fmt: skip
            times["parallel"] = _at_once(browser, asked)
            peaks = {"before": _peak(process)}
            one_day = {**asked, "from": str(export_day), "to": str(export_day)}
            copied = "copy (select * from stats.range_summary('utm', %s, %s, %s)) to stdout (format csv)"
            times |= in_turn(3, {
                "export": lambda: _whole(browser, "/export/summary/utm.csv", one_day),
                "copy": lambda: _copied(reader, copied, (export_day, export_day, client)),
            })  # fmt: skip
            peaks["CSV"] = _peak(process)
            for form in ("Parquet", "XLSX"):
                _taken(browser, f"/export/summary/utm.{form.lower()}", one_day)
                peaks[form] = _peak(process)
    return _section(times, peaks)


def _client(database: Measured, export_day: date) -> UUID:
    """The busiest client, with a reader, the links promised, and on that day as many UTM triples as are exported."""
    client = add_member_of_busiest_client(database, _CLAIMS["sub"])
    with connect(database.owner) as owner:
        owner.execute(
            text(
                "insert into campaign_link_meta (id, client_id, name) select gen_random_uuid(), :c, 'link ' || n "
                "from generate_series(1, :n - (select count(*) from campaign_link_meta where client_id = :c)) n"
            ),
            {"c": client, "n": _LINKS},
        )
        owner.execute(
            text(
                "insert into stats.bucket_daily (grain, bucket_date, client_id, utm_source, utm_medium, utm_campaign, "
                "hits, visits, sessionless_hits, conversions) "
                "select 'utm', :d, :c, 'source ' || n, 'medium', 'campaign ' || n % 100, 3, 2, 0, 1 "
                "from generate_series(1, :n) n"
            ),
            {"c": client, "d": export_day, "n": _ROWS},
        )
        owner.execute(text("analyze"))
    return client


@contextmanager
def _serving(database: Measured) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("EVENTFLOW_")},
        "EVENTFLOW_DATABASE_URL": database.url,
        "EVENTFLOW_START_DATE": str(database.settings.start_date),
        "EVENTFLOW_SERVE_JWT_SECRET": _SECRET,
        "EVENTFLOW_SERVE_DATABASE_CONNECTIONS": str(_AT_ONCE),
        # A million rows are minutes of openpyxl's time.
        "EVENTFLOW_SERVE_EXPORT_SECONDS": "3600",
    }
    command = [str(Path(sys.executable).with_name("eventflow")), "serve", "--port", str(port)]
    token = jwt.encode({**_CLAIMS, "exp": time.time() + 86_400}, _SECRET, "HS256")
    process = subprocess.Popen(command, env=environment)
    headers = {"authorization": f"Bearer {token}", "accept": "text/html"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=3600) as browser:
            deadline = time.monotonic() + 120
            while True:
                try:
                    browser.get("/health").raise_for_status()
                    break
                except httpx.TransportError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            yield browser, process
    finally:
        process.terminate()
        process.wait(30)


def _page(browser: httpx.Client, asked: dict[str, str]) -> None:
    """The page to its last byte: it is sent whole, as soon as there is one."""
    answer = browser.get("/", params=asked)
    assert answer.is_success, answer.text


def _at_once(browser: httpx.Client, asked: dict[str, str]) -> Times:
    """Sixteen readers, each one page after the other."""

    def one(_: int) -> float:
        started = time.perf_counter()
        _page(browser, asked)
        return time.perf_counter() - started

    with ThreadPoolExecutor(_AT_ONCE) as readers:
        return Times(list(readers.map(one, range(_AT_ONCE * 5))))


def _whole(browser: httpx.Client, path: str, asked: dict[str, str]) -> None:
    lines = 0
    with browser.stream("GET", path, params=asked) as answer:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            lines += piece.count(b"\n")
    assert lines > _ROWS, lines


def _taken(browser: httpx.Client, path: str, asked: dict[str, str]) -> None:
    with browser.stream("GET", path, params=asked) as answer:
        answer.raise_for_status()
        assert sum(map(len, answer.iter_raw())) > _ROWS


def _copied(reader: psycopg.Connection[Any], query: str, arguments: tuple[Any, ...]) -> None:
    with reader.cursor().copy(query.encode(), arguments) as copied:
        assert sum(bytes(piece).count(b"\n") for piece in copied) >= _ROWS


def _peak(process: subprocess.Popen[bytes]) -> float:
    """Largest resident memory since this was last asked, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return int(found[1]) / 1024


def _section(times: dict[str, Times], peaks: dict[str, float]) -> report.Section:
    def row(what: str, measured: Times, beside: str, other: Times) -> dict[str, object]:
        return {
            "what": what, "median": shown(measured.median), "p95": shown(measured.p95), "beside": beside,
            "its p95": shown(other.p95), "ratio": f"{measured.p95 / other.p95:.2f}",
        }  # fmt: skip

    page, sql, export, copy = times["page"], times["sql"], times["export"], times["copy"]
    met: Callable[[float, float], bool] = lambda value, most: value <= most  # noqa: E731
    memory = ", ".join(f"{what} {peak:.0f}" for what, peak in peaks.items())
    return report.Section(
        name="serve",
        title="Pages and exports",
        intro=f"{_VISITS:,} visits over {_DAYS} days; 30 days of the busiest client, which has {_LINKS} links. A page "
        "is timed to its last byte, beside the five functions it asks over one connection; the export is of "
        f"{_ROWS:,} UTM triples of a day with names and guarded text, beside COPY of range_summary's rows.",
        rows=[
            row("overview page", page, "its SQL", sql),
            row(f"{_AT_ONCE} at once", times["parallel"], "one alone", page),
            row("export as CSV", export, "COPY", copy),
        ],
        lines={
            f"page: p95 at most 3 times its SQL's ({page.p95 / sql.p95:.2f})": met(page.p95, 3 * sql.p95),
            f"{_AT_ONCE} at once: all {len(times['parallel'].seconds)} answered": True,
            f"export: within 3 times COPY ({export.median / copy.median:.2f})": met(export.median, 3 * copy.median),
            f"memory: at most 200 MB of the process at each export (MiB: {memory})": met(
                max(peaks.values()), 200e6 / 2**20
            ),
        },
    )
