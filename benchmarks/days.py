"""One huge day that nobody analysed: `eventflow backfill` with all its checks beside counting it plainly."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, event

from benchmarks import report
from benchmarks._facts import Facts
from benchmarks._server import SETTINGS, Measured, create, dagster_backfill, plain, server
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.dev.embedded import EmbeddedServer
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.db.sql import statement, statement_names
from eventflow_pipeline.warehouse.parity.comparison import compare_days
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline.warehouse.schema.migrations import rebuild

REPETITIONS = 3
#: Hits of the day, and what its backfill may cost: so many times the plain statement, and seconds that do not grow.
LIMITS = {500_000: (7, 3), 2_000_000: (7, 0)}
#: Of a backfill these statements are shown, the dearest first.
_STATEMENTS = 8
#: What a plan is told by: how it joins, groups and sorts, and what it reads of tables.
_TOLD = ("Join", "Nested Loop", "Aggregate", "Sort", "WindowAgg", "Scan")


def run() -> report.Section:
    """Measure on a server of its own; minutes. ``BENCH_DAYS``: only days of so many hits, by comma."""
    sizes = [int(hits) for hits in os.environ.get("BENCH_DAYS", "").split(",") if hits]
    if not sizes:
        sizes = [50_000] if os.environ.get("BENCH_QUICK") else list(LIMITS)
    rows: list[dict[str, str]] = []
    lines: dict[str, bool] = {}
    for hits in sizes:
        with server() as running:
            database = create(running, "day", Facts(hits, 1, registering=14), analysed=False)
            shown_rows, line, met = _day(running, database)
        rows += shown_rows
        lines[line] = met
    return report.Section("days", "One huge day", _intro(), rows, lines)


def _day(running: EmbeddedServer, database: Measured) -> tuple[list[dict[str, str]], str, bool]:
    days, hits = database.facts.range, database.facts.visits
    backfill = dagster_backfill(running, database, days)
    times = in_turn(
        REPETITIONS, {"plain": lambda: plain(database, days), "backfill": lambda: _from_nothing(database, backfill)}
    )
    whole, beside = times["backfill"].median, times["plain"].median
    many, seconds = LIMITS.get(hits, (7, 3))
    what = f"{hits:,} hits: `eventflow backfill` with all checks"
    limit = f"{many} × plain" + (f" + {seconds} s" if seconds else "")
    line = f"{what} at most {limit} ({whole / beside:.1f} ×, {shown(whole)})"
    rows = [_row(what, times["backfill"], times["plain"]), *_statements(database, times["plain"])]
    return rows, line, whole <= many * beside + seconds


def _from_nothing(database: Measured, backfill: Callable[[], None]) -> Callable[[], None]:
    rebuild(database.owner, database.settings)
    return backfill


class _Explained:
    """Of every statement an engine executes its name, how long it took, and what its plan did; it is executed twice."""

    def __init__(self, engine: Engine) -> None:
        self.plans: list[tuple[float, str, dict[str, Any]]] = []
        self._names = {statement(name).compile(dialect=engine.dialect).string: name for name in statement_names()}
        event.listen(engine, "before_cursor_execute", self._explain)

    def _explain(self, connection: Connection, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        name = self._names.get(sql)
        if name is None or name.rsplit("/", 1)[-1].startswith("create_"):
            return
        raw: Any = connection.connection.driver_connection
        with raw.transaction(force_rollback=True):
            ((plan,),) = raw.execute("explain (analyze, timing off, format json) " + sql, parameters).fetchall()
        self.plans.append((plan[0]["Execution Time"] / 1000, name, plan[0]["Plan"]))


def _statements(database: Measured, beside: Times) -> list[dict[str, str]]:
    """The dearest statements of the day and their plans."""
    rebuild(database.owner, database.settings)
    explained, days = _Explained(database.pipeline), database.facts.range
    replace_day(database.pipeline, days.first, database.settings)
    measure(database.pipeline, database.settings, days)
    compare_days(database.pipeline, database.settings, days)
    dearest = sorted(explained.plans, key=lambda plan: -plan[0])[:_STATEMENTS]
    return [
        _row(f"{database.facts.visits:,} hits: {name}", Times([seconds]), beside) | _told(plan)
        for seconds, name, plan in dearest
    ]


def _told(plan: dict[str, Any]) -> dict[str, str]:
    """A plan's kinds of nodes, and the most rows that one of them gave or threw away in all its loops."""
    nodes = list(_nodes(plan))
    kinds = [
        " ".join(
            filter(None, (node.get("Strategy", "").replace("Plain", ""), node["Node Type"], node.get("Relation Name")))
        )
        for node in nodes
        if any(told in node["Node Type"] for told in _TOLD) and node.get("Actual Loops")
    ]
    counted = {kind: kinds.count(kind) for kind in kinds}
    shape = ", ".join(kind + (f" ×{count}" if count > 1 else "") for kind, count in counted.items())
    most = max(
        (node["Actual Rows"] + sum(n for name, n in node.items() if name.startswith("Rows Removed by")))
        * node["Actual Loops"]
        for node in nodes
    )
    return {"most rows in a node": f"{most:,.0f}", "plan": shape}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _row(what: str, times: Times, beside: Times) -> dict[str, str]:
    ratio = times.median / beside.median
    return {"what": what, "time": shown(times.median), "plain": shown(beside.median), "× plain": f"{ratio:.2f}"}


_INTRO = """\
All facts are of one day, an entry in 33 hits; no table has been analysed and autovacuum is off, so the planner knows
nothing of them. Plain is `benchmarks/sql/select_plain.sql`: COUNT(DISTINCT session_id) at four grains, no attribution,
no checks, nothing that answers ranges. The backfill is the command, process start and Dagster's records included, with
every check of the day. Medians of {repetitions}, both in turn. Below it the day's dearest statements, each run once
more by itself. {settings}."""


def _intro() -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    return _INTRO.format(repetitions=REPETITIONS, settings=settings)
