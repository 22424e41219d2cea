"""One huge day that nobody analysed: `eventflow backfill` with all its checks beside counting it plainly."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from benchmarks import report
from benchmarks._facts import Facts
from benchmarks._server import TOLD, Measured, create, dagster_backfill, plain, server
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.dev.embedded import EmbeddedServer
from eventflow_pipeline.warehouse.days.delta import update_day
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement, statement_names
from eventflow_pipeline.warehouse.parity.comparison import compare_days
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline.warehouse.schema.migrations import rebuild

REPETITIONS = 3
#: Hits of the day, and what its backfill may cost: so many times the plain statement, and seconds that do not grow.
LIMITS = {500_000: (7, 3), 2_000_000: (7, 0)}
#: Hits that are added to it, and what adding them to a day of so many may cost of computing it whole.
ADDED, DELTA_LIMITS = 2_500, {2_000_000: 0.1}
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
            delta_row, delta_lines = _delta(database)
        rows += [*shown_rows, delta_row]
        lines |= {line: met, **delta_lines}
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


def _delta(database: Measured) -> tuple[dict[str, str], dict[str, bool]]:
    """Hits that come in, added to what is published with all proofs, beside computing the day whole."""
    engine, settings, day = database.pipeline, database.settings, database.facts.range.first
    window = database.facts.range.window(settings.zone)
    command = statement("storage/deltas/upsert_delta_day")
    bounds = {"window_start": window.start, "window_end": window.end, "since": window.end}
    never = settings.changed(changes={"deltas": "never"})

    def come_in() -> Callable[[], object]:
        with connect(database.owner) as connection:
            connection.execute(text(_COME_IN), {"from": window.end - timedelta(minutes=5), "hits": ADDED})
        return add

    def add() -> None:
        refusal = update_day(engine, day, settings)
        assert refusal is None, refusal

    replace_day(engine, day, never)
    with connect(engine) as connection:
        connection.execute(command, {**bounds, "bucket_date": day, "deltas": None})
        # As if it were the current one.
        connection.execute(text("update stats.partition_state set window_end = now() + interval '1 hour'"))
    come_in()()  # reads all chunks, as change detection would have
    times = in_turn(REPETITIONS, {"delta": come_in})
    # In turn it would be another day each time: computed whole it is compared, and all its rows are there.
    times |= in_turn(REPETITIONS, {"whole": partial(replace_day, engine, day, never)})
    share = times["delta"].median / times["whole"].median
    what = f"{database.facts.visits:,} hits: {ADDED:,} added, with all proofs"
    seconds = shown(times["delta"].median)
    lines = {
        f"{what}, at most {limit} × computing it whole ({share:.3f} ×, {seconds})": share <= limit
        for size, limit in DELTA_LIMITS.items()
        if size == database.facts.visits
    }
    row = {
        "what": f"{what}; beside it, not plain but the day whole",
        "time": seconds,
        "plain": shown(times["whole"].median),
        "× plain": f"{share:.3f}",
    }
    return row, lines


#: Hits of the day's last minutes, two in five of new sessions.
_COME_IN = """
insert into event_access_logs (
    campaign_id, session_id, utm_source, utm_medium, utm_campaign, cid, marketing_campaign_link_id, accessed_at
)
select campaign_id, case when random() < 0.4 then gen_random_uuid()::text else session_id end, utm_source, utm_medium,
    utm_campaign, cid, marketing_campaign_link_id, accessed_at
from (select * from event_access_logs where accessed_at >= :from order by random() limit :hits) v
"""


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
    return _INTRO.format(repetitions=REPETITIONS, settings=TOLD)
