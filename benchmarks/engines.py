"""One day by each engine, in CPU seconds a million facts, beside counting distinct sessions plainly on the cluster."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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
from eventflow_pipeline.dev.spark_server import SPARK, spark_server
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
#: Of this process, which hands facts to a cluster and takes its results: at most so much more memory than with a day of
#: WARMING_HITS.
MORE_MIB = 128


@dataclass(slots=True)
class _Cost:
    """What something took: CPU seconds of the processes that did it, by whose they are, and seconds."""

    cpu: dict[str, float]
    seconds: float
    peak_mib: float


def run() -> report.Section:
    """Measure on a server of its own. ``BENCH_ENGINES_HITS``: another size. Spark takes part where it is installed
    (``make spark``; Java): one process that is driver and executor, with as many threads as there are cores.
    """
    require_extras("spark")
    hits = int(os.environ.get("BENCH_ENGINES_HITS") or (50_000 if os.environ.get("BENCH_QUICK") else HITS))
    rows: list[dict[str, str]] = []
    lines: dict[str, bool] = {}
    parquet = 0
    with server() as running, tempfile.TemporaryDirectory(prefix="eventflow-lake-", dir="/var/tmp") as lake:
        database = create(running, "engines", Facts(hits, 1))
        small = create(running, "engines_small", Facts(WARMING_HITS, 1))
        postgres = {"Postgres": psutil.Process(running.pid)}
        # A child of this one, as Sail is.
        cluster = {"cluster": psutil.Process()}
        rows.append(_row("Postgres: the day", hits, _measured(postgres, partial(_day, database, database.settings))))
        for name, starting in (("Sail", nullcontext()), ("Spark", _spark(Path(lake)))):
            if name == "Spark" and not (SPARK / "jars").is_dir():
                continue
            with starting as url:
                settings = database.settings.changed(engine="spark", spark={"lake": Path(lake).as_uri(), "url": url})
                before = _measured(cluster, partial(_day, small, settings))
                cost = _measured({**postgres, **cluster}, partial(_day, database, settings))
                rows.append(_row(f"{name}: the day", hits, cost))
                with _exported(database, settings) as (plainly, parquet):
                    plain = _measured(cluster, plainly)
                rows.append(_row(f"{name}: distinct sessions plainly", hits, plain))
                spent = cost.cpu["cluster"] / plain.cpu["cluster"]
                lines[f"{name}: at most {LIMIT} × the plain statement's CPU ({spent:.1f} ×)"] = spent <= LIMIT
                more = cost.peak_mib - before.peak_mib
                lines[
                    f"{name}: at most {MORE_MIB} MiB more of this process than for {WARMING_HITS:,} hits ({more:.0f})"
                ] = more <= MORE_MIB
    return report.Section("engines", "One day by each engine", _intro(hits, parquet), rows, lines)


@contextmanager
def _spark(folder: Path) -> Iterator[SecretStr]:
    """Address of a server that is driver and executor."""
    configuration = {"spark.driver.memory": "4g", "spark.ui.enabled": "false"}
    with spark_server(folder, "local[*]", configuration) as running:
        yield SecretStr(running.address)


def _day(database: Measured, settings: Settings) -> None:
    rebuild(database.owner, database.settings)
    replace_day(database.pipeline, database.facts.range.first, settings, Request())


@contextmanager
def _exported(database: Measured, settings: Settings) -> Iterator[tuple[Callable[[], None], int]]:
    """The yardstick over the same visits, in a session that has them already, and of how many bytes of Parquet."""
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
        size = files.get_file_info(f"{folder}/visit_facts.parquet").size
        yield (lambda: session.sql(measured("select_distinct_by_grains").text).collect()), size


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
        "CPU s a million facts, cluster and client": f"{cost.cpu['cluster'] / millions:.1f}"
        if "cluster" in cost.cpu
        else "",
        "core-hours a billion facts": f"{sum(cost.cpu.values()) / millions / 3.6:.1f}",
        "seconds": shown(cost.seconds),
        "most memory of this process": f"{cost.peak_mib:.0f} MiB",
    }


def _intro(hits: int, parquet: int) -> str:
    return (
        f"One day of {hits:,} hits, from nothing, by `EVENTFLOW_ENGINE` ([scale](scale.md)); by a cluster after one of "
        f"{WARMING_HITS:,} that is not counted: it runs for long, and begins by compiling its own code. Of the "
        "cluster's share the export and the conversion to and from Parquet are part, which are done here; always "
        "Postgres counts every client's part of the day and stores what is published. "
        f"A visit is {parquet / hits:.0f} bytes of Parquet."
    )
