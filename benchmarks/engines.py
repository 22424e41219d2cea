"""One day by each engine, in CPU seconds a million facts, beside counting distinct sessions plainly on the cluster."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import psutil
from pydantic import SecretStr

from benchmarks import report
from benchmarks._facts import Facts, measured
from benchmarks._server import Measured, create, server
from benchmarks._timing import shown
from eventflow_pipeline.domain.days import day_window
from eventflow_pipeline.extras import require_extras
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.engines.cluster import cluster_session
from eventflow_pipeline.warehouse.schema.migrations import rebuild

HITS = 5_000_000
#: Of a day that is computed first and not measured: a server that has just started loads and compiles its own code.
WARMING_HITS = 20_000
#: Of a cluster: at most so many times the CPU of the plain statement there.
LIMIT = 3


@dataclass(slots=True)
class _Cost:
    """What something took: CPU seconds of the processes that did it, by whose they are, and seconds."""

    cpu: dict[str, float]
    seconds: float
    peak_mib: float


def run() -> report.Section:
    """Measure on a server of its own. ``BENCH_ENGINES_HITS``: another size. ``BENCH_SPARK``: address and process id of
    a Spark Connect server on this machine, by comma, which is then measured as well.
    """
    require_extras("spark")
    hits = int(os.environ.get("BENCH_ENGINES_HITS") or (50_000 if os.environ.get("BENCH_QUICK") else HITS))
    rows: list[dict[str, str]] = []
    lines: dict[str, bool] = {}
    with server() as running, tempfile.TemporaryDirectory(prefix="eventflow-lake-", dir="/var/tmp") as lake:
        database = create(running, "engines", Facts(hits, 1))
        small = create(running, "engines_small", Facts(WARMING_HITS, 1))
        postgres = psutil.Process(running.pid)
        clusters: dict[str, tuple[Settings, int | None]] = {"Postgres": (database.settings, None)}
        spark = {"engine": "spark", "spark": {"lake": Path(lake).as_uri()}}
        clusters["Sail"] = (database.settings.changed(**spark), None)
        if named := os.environ.get("BENCH_SPARK"):
            url, pid = named.split(",")
            spark["spark"] = {"lake": Path(lake).as_uri(), "url": SecretStr(url)}
            clusters["Spark"] = (database.settings.changed(**spark), int(pid))
        for name, (settings, pid) in clusters.items():
            _day(small, settings)
            cost = _measured({"Postgres": postgres, **_cluster(pid)}, partial(_day, database, settings))
            rows.append(_row(f"{name}: the day", hits, cost))
            if name == "Postgres":
                continue
            with _exported(database, settings) as plainly:
                plain = _measured(_cluster(pid), plainly)
            rows.append(_row(f"{name}: distinct sessions plainly", hits, plain))
            spent = cost.cpu["cluster"] / plain.cpu["cluster"]
            lines[f"{name}: at most {LIMIT} × the plain statement's CPU ({spent:.1f} ×)"] = spent <= LIMIT
    return report.Section("engines", "One day by each engine", _intro(hits), rows, lines)


def _day(database: Measured, settings: Settings) -> None:
    rebuild(database.owner, database.settings)
    replace_day(database.pipeline, database.facts.range.first, settings, Request())


@contextmanager
def _exported(database: Measured, settings: Settings) -> Iterator[Callable[[], None]]:
    """The yardstick over the same visits, in a session that has them already."""
    from pyarrow.fs import FileSystem

    from eventflow_pipeline.warehouse.engines.files import export

    files, folder = FileSystem.from_uri(f"{settings.spark.lake}/plain")
    files.create_dir(folder)
    window = day_window(database.facts.range.first, settings.zone)
    bounds = {"window_start": window.start, "window_end": window.end}
    with connect(database.pipeline) as connection, repeatable_read(connection):
        export(connection, "visit_facts", bounds, files, f"{folder}/visit_facts.parquet")
    with cluster_session(settings) as session:
        session.read.parquet(f"{settings.spark.lake}/plain/visit_facts.parquet").createOrReplaceTempView(
            "stats_visit_facts"
        )
        yield lambda: session.sql(measured("select_distinct_by_grains").text).collect()


def _cluster(pid: int | None) -> dict[str, psutil.Process]:
    """Whose CPU is the cluster's: a named process with its children, else those of this one, Sail among them."""
    return {"cluster": psutil.Process(pid)} if pid else {"this process": psutil.Process()}


def _measured(whose: dict[str, psutil.Process], thing: Callable[[], None]) -> _Cost:
    ours = psutil.Process()
    before, began, done, peak = (
        {name: _cpu(one) for name, one in whose.items()},
        perf_counter(),
        threading.Event(),
        [0.0],
    )

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], ours.memory_info().rss / 2**20)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        thing()
    finally:
        done.set()
        watching.join()
    cpu = {name: _cpu(one) - before[name] for name, one in whose.items()}
    cpu["cluster"] = cpu.get("cluster", cpu.get("this process", 0.0))
    return _Cost(cpu, perf_counter() - began, peak[0])


def _cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and all its children, those that have ended included."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _row(what: str, hits: int, cost: _Cost) -> dict[str, str]:
    millions = hits / 1_000_000
    return {
        "what": what,
        "CPU s a million facts, Postgres": f"{cost.cpu['Postgres'] / millions:.1f}" if "Postgres" in cost.cpu else "",
        "CPU s a million facts, cluster and client": f"{cost.cpu['cluster'] / millions:.1f}",
        "seconds": shown(cost.seconds),
        "most memory of this process": f"{cost.peak_mib:.0f} MiB",
    }


def _intro(hits: int) -> str:
    return (
        f"One day of {hits:,} hits, from nothing, by `EVENTFLOW_ENGINE` ([scale](scale.md)), after one of "
        f"{WARMING_HITS:,} that is not counted: a cluster runs for long, and begins by compiling its own code. Of the "
        "cluster's share the export and the conversion to and from Parquet are part where the cluster is Sail, which "
        "runs beside this process; always Postgres counts every client's part of the day and stores what is published."
    )
