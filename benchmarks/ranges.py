"""Ranges, backfills, refreshes: the incremental tables beside raw facts, a plain statement and a materialized view."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import psycopg
from sqlalchemy import text

from benchmarks import report
from benchmarks._facts import Facts, measured
from benchmarks._plot import draw
from benchmarks._server import (
    TOLD,
    Measured,
    add_member_of_busiest_client,
    create,
    dagster_backfill,
    plain,
    read_as,
    server,
)
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.dev.embedded import EmbeddedServer
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay, replace_days
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending
from eventflow_pipeline.warehouse.schema.migrations import rebuild

REPETITIONS, READS = 5, 200
RANGE_DAYS = 30
GRAINS = ("client", "campaign", "link")
_READER = "00000000-0000-4000-8000-0000000000ff"


def run() -> report.Section:
    """Measure on a server of its own; minutes."""
    visits = 500_000 if os.environ.get("BENCH_QUICK") else 5_000_000
    with server() as running:
        large = create(running, "large", Facts(visits, 90))
        tenth = create(running, "tenth", Facts(visits // 10, 90))
        short = create(running, "short", Facts(visits // 10, 9))
        backfills = _backfills(large)
        dagster = _dagster(running, large)
        for database in (large, tenth, short):
            _compute(database, list(database.facts.range))
        reads = _reads({"large": large, "tenth": tenth})
        refreshes = _refreshes({"long": large, "short": short})
        hits = {name: _count(database) for name, database in {"large": large, "tenth": tenth, "short": short}.items()}
    return _section(backfills, dagster, reads, refreshes, hits)


def _backfills(database: Measured) -> dict[str, Times]:
    """The last 30 days at once: the plain statement, the engine from nothing, and the engine where all is there."""
    days = database.facts.last(RANGE_DAYS)

    def from_nothing() -> Callable[[], None]:
        rebuild(database.owner, database.settings)
        return lambda: _compute(database, list(days))

    return in_turn(
        REPETITIONS,
        {
            "plain": lambda: plain(database, days),
            "engine": from_nothing,
            "again": lambda: _compute(database, list(days)),
        },
    )


def _compute(database: Measured, days: Sequence[date]) -> None:
    """Session-days, buckets of all grains and return histograms of the days, as a run does it."""
    for outcome in replace_days(database.pipeline, days, database.settings):
        if isinstance(outcome, FailedDay):
            raise outcome.problem
    merge_pending(database.pipeline)


def _dagster(running: EmbeddedServer, database: Measured) -> Times:
    """The same 30 days from nothing by ``eventflow backfill``: starting the process and Dagster's records included."""
    rebuild(database.owner, database.settings)
    return in_turn(1, {"dagster": dagster_backfill(running, database, database.facts.last(RANGE_DAYS))})["dagster"]


def _reads(databases: Mapping[str, Measured]) -> dict[str, Times]:
    """30 days of the busiest client, asked by a member of it, in turn at both sizes; and from raw facts."""
    things: dict[str, Callable[[], object]] = {}
    connections = []
    for size, database in databases.items():
        with connect(database.owner) as owner:
            owner.execute(text("analyze"))
        client = add_member_of_busiest_client(database, _READER)
        days = database.facts.last(RANGE_DAYS)
        reader = psycopg.connect(database.url, autocommit=True)
        connections.append(reader)
        read_as(reader, {"sub": _READER})
        things[f"select 1, {size}"] = lambda reader=reader: reader.execute("select 1").fetchall()
        for grain in GRAINS:
            arguments = (grain, days.first, days.last, client)
            things[f"{grain}, {size}"] = lambda reader=reader, arguments=arguments: reader.execute(
                "select * from stats.range_summary(%s, %s, %s, %s)", arguments
            ).fetchall()
        window = days.window(database.settings.zone)
        bounds = {"client_id": client, "window_start": window.start, "window_end": window.end}
        raw = database.owner.connect()
        connections.append(raw)
        for grain in GRAINS:
            things[f"raw {grain}, {size}"] = lambda raw=raw, bounds=bounds, grain=grain: raw.execute(
                measured(f"select_{grain}_from_raw"), bounds
            ).all()
    for thing in things.values():
        thing()
    times = in_turn(READS, {name: thing for name, thing in things.items() if not name.startswith("raw")})
    times |= in_turn(REPETITIONS, {name: thing for name, thing in things.items() if name.startswith("raw")})
    for connection in connections:
        connection.close()
    return times


def _refreshes(databases: Mapping[str, Measured]) -> dict[str, Times]:
    """Facts of one day are corrected; then the tables, and a materialized view in both ways, are brought up to date."""
    things: dict[str, Callable[[], object]] = {}
    turn = iter(range(1, 10_000))
    for size, database in databases.items():
        window = database.facts.range.window(database.settings.zone)
        view = measured("create_view").text.format(select_plain=measured("select_plain").text)
        for bound, instant in {"window_start": window.start, "window_end": window.end}.items():
            view = view.replace(f":{bound}", f"'{instant.isoformat()}'")
        with connect(database.owner) as connection:
            connection.exec_driver_sql(view, execution_options={"no_parameters": True})
            connection.execute(text("analyze"))

        def corrected(refresh: Callable[[], None], database: Measured = database) -> Callable[[], None]:
            day = DayRange(database.facts.last(5).first, database.facts.last(5).first)
            window = day.window(database.settings.zone)
            with connect(database.owner) as connection:
                connection.execute(
                    measured("update_sessions"),
                    {"turn": next(turn), "window_start": window.start, "window_end": window.end},
                )
            return refresh

        def tables(database: Measured = database) -> None:
            replace_day(database.pipeline, database.facts.last(5).first, database.settings)
            merge_pending(database.pipeline)

        def refresh(how: str, database: Measured = database) -> None:
            with connect(database.owner) as connection:
                connection.execute(text(f"refresh materialized view {how} public.bucket_view"))

        things[f"tables, {size}"] = lambda corrected=corrected, tables=tables: corrected(tables)
        things[f"view, {size}"] = lambda corrected=corrected, refresh=refresh: corrected(lambda: refresh(""))
        things[f"view concurrently, {size}"] = lambda corrected=corrected, refresh=refresh: corrected(
            lambda: refresh("concurrently")
        )
    # The views apart: a view over all history rewrites gigabytes, and would leave its long side a cold cache.
    both = {name: thing for name, thing in things.items() if name.startswith("tables")}
    return in_turn(REPETITIONS, both) | in_turn(REPETITIONS, {n: t for n, t in things.items() if n not in both})


def _count(database: Measured) -> int:
    with connect(database.owner) as connection:
        return int(connection.execute(text("select count(*) from public.event_access_logs")).scalar_one())


def _section(
    backfills: Mapping[str, Times], dagster: Times, reads: Mapping[str, Times], refreshes: Mapping[str, Times],
    hits: Mapping[str, int],
) -> report.Section:  # fmt: skip
    rows = [
        {
            "what": f"range_summary, one client, {RANGE_DAYS} days, {grain} grain, {hits[size]:,} visits",
            "median": shown(reads[f"{grain}, {size}"].median),
            "p95": shown(reads[f"{grain}, {size}"].p95),
            "beside": "select 1",
            "its median": shown(reads[f"select 1, {size}"].median),
            "ratio": f"{reads[f'{grain}, {size}'].median / reads[f'select 1, {size}'].median:.1f}",
        }
        for size in ("large", "tenth")
        for grain in GRAINS
    ]
    rows += [
        _row(f"from raw facts, {grain} grain, {hits['large']:,} visits", reads[f"raw {grain}, large"],
             "range_summary", reads[f"{grain}, large"])
        for grain in GRAINS
    ]  # fmt: skip
    plain = backfills["plain"]
    everything = f"{RANGE_DAYS} days of everything"
    for how, times in {
        "from nothing (engine)": backfills["engine"],
        "all there already (engine)": backfills["again"],
        "from nothing, `eventflow backfill` with Dagster, once": dagster,
    }.items():
        rows.append(_row(f"{everything}, {how}", times, "plain statement", plain))
    for key, name in {
        "tables": "incremental tables",
        "view": "materialized view",
        "view concurrently": "materialized view, concurrently",
    }.items():
        long, short = refreshes[f"{key}, long"], refreshes[f"{key}, short"]
        rows.append(_row(f"one corrected day, {name}, 90 days of history", long, "9 days of history", short))
    slowest = max(reads[f"{grain}, {size}"].p95 for size in ("large", "tenth") for grain in GRAINS)
    growth = reads["client, large"].median / reads["client, tenth"].median
    speed = {grain: reads[f"raw {grain}, large"].median / reads[f"{grain}, large"].median for grain in GRAINS}
    whole = backfills["engine"].median / plain.median
    history = refreshes["tables, long"].median / refreshes["tables, short"].median
    lines = {
        f"range_summary under 10 ms p95 at every grain and size (slowest: {shown(slowest)})": slowest < 0.010,
        f"client grain within 30 % at both sizes ({growth:.2f})": 1 / 1.3 <= growth <= 1.3,
        f"at least 100 times faster than from raw facts ({', '.join(f'{g} {s:.0f}' for g, s in speed.items())})": min(
            speed.values()
        )
        >= 100,
        f"{RANGE_DAYS} days of everything in at most 3 times the plain statement ({whole:.2f})": whole <= 3,
        f"one day costs the same with ten times the history, within 30 % ({history:.2f})": 1 / 1.3 <= history <= 1.3,
    }
    return report.Section(
        name="ranges",
        title="Ranges, backfills and refreshes",
        intro=_intro(hits),
        rows=rows,
        lines=lines,
        plot=None if os.environ.get("BENCH_QUICK") else draw(backfills | {"dagster": dagster}, reads, refreshes),
    )


def _row(what: str, times: Times, beside: str, other: Times) -> dict[str, str]:
    return {
        "what": what,
        "median": shown(times.median),
        "p95": "",
        "beside": beside,
        "its median": shown(other.median),
        "ratio": f"{times.median / other.median:.2f}",
    }


_INTRO = """\
{large:,} visit hits over 90 days, 50 clients, 500 campaigns, 3,000 links, a tenth of the sessions returning on
later days; {tenth:,} over the same 90 days; {short:,} over 9 days (as many hits a day as the first). One server for
everything, the same settings for both sides: {settings}; two connections for the engine, one for a single
statement. Medians of {repetitions} ({reads} for range_summary), both sides of a ratio in turn.

The plain statement (`benchmarks/sql/select_plain.sql`) is one GROUP BY GROUPING SETS with COUNT(DISTINCT
session_id) by business day over the raw columns at four grains (client, campaign, link, UTM triple), its result
stored. It reads the same hits and does less: no attribution or normalization, no entries, no exclusions, five
grains fewer, no parity, nothing that answers ranges. The materialized view is that statement over all days. A
corrected day has had a fiftieth of its hits moved to other sessions; the tables then replace the day and merge the
return histograms. Raw reads give the same answer by the same definitions (N1, E1, A1-A2, entries) through the index on
campaign and time. Readers are a member of the client, under the same checks as in production."""


def _intro(hits: Mapping[str, int]) -> str:
    return _INTRO.format(**hits, settings=TOLD, repetitions=REPETITIONS, reads=READS)
