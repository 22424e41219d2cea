"""A pass of change detection over the look-back days, beside the plain statement over the same facts."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text

from benchmarks import report
from benchmarks._facts import Facts, measured
from benchmarks._server import TOLD, Measured, create, server
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.db.engine import connect

REPETITIONS = 3
NOTHING, RECENT, SCATTERED, WHOLE = (
    "nothing changed",
    "the newest 100 rows edited",
    "100 rows edited, all over the day",
    "all",
)
#: At most, as a multiple of the plain statement, on the largest day; on a small one the rest of a pass weighs more.
_LIMITS = {NOTHING: 0.15, RECENT: 0.15, SCATTERED: 0.5}


def run() -> report.Section:
    """Measure on a server of its own; minutes."""
    sizes = (50_000,) if os.environ.get("BENCH_QUICK") else (500_000, 2_000_000)
    # The newest day that has all its hours.
    day = today(ZoneInfo("Asia/Seoul")) - timedelta(days=1)
    with server() as running:
        return section({n: measure(create(running, f"hits_{n}", Facts(n, 1, first_day=day))) for n in sizes})


def measure(database: Measured) -> dict[str, Times]:
    """Seconds of a pass that reads the versions of all rows of the day, after each kind of change, in turn."""
    (day,) = database.facts.range
    replace_day(database.pipeline, day, database.settings)
    window = database.facts.range.window(database.settings.zone)
    bounds = {"window_start": window.start, "window_end": window.end}

    def plain() -> None:
        with connect(database.owner) as connection:
            connection.execute(text(f"create temporary table plain as {measured('select_plain').text}"), bounds)
            connection.execute(text("drop table plain"))

    def found(changed: bool, scope: Scope = Scope.LOOKBACK) -> None:
        days = detect_changes(database.pipeline, database.settings, scope, [day]).days
        if (day in days) is not changed:
            raise RuntimeError(f"{days} were found to differ")

    def after(edit: str | None) -> Callable[[], Callable[[], None]]:
        def prepared() -> Callable[[], None]:
            with connect(database.owner) as connection:
                connection.execute(measured("update_back"))
                found(changed=False)
                if edit:
                    connection.execute(measured(edit), bounds)
                # What the pass does every five minutes is due now.
                connection.execute(text("update stats.chunked_day set compared_at = compared_at - interval '1 hour'"))
            return lambda: found(changed=bool(edit))

        return prepared

    things = {NOTHING: after(None), RECENT: after("update_recent"), SCATTERED: after("update_scattered")}
    after(None)()
    return in_turn(REPETITIONS, {"plain": plain, **things, WHOLE: lambda: found(changed=True, scope=Scope.NAMED)})


def section(times: Mapping[int, Mapping[str, Times]]) -> report.Section:
    """The section of the report; ``times`` by how many hits the day has."""
    rows, lines = [], {}
    for hits, of in times.items():
        plain = of["plain"].median
        for what in (NOTHING, RECENT, SCATTERED, WHOLE):
            named = "a comparison of all facts" if what == WHOLE else f"a pass, {what}"
            rows.append(
                {
                    "a day of": f"{hits:,} hits",
                    "what": named,
                    "median": shown(of[what].median),
                    "the plain statement": shown(plain),
                    "ratio": f"{of[what].median / plain:.2f}",
                }
            )
            if hits == max(times) and what in _LIMITS:
                ratio = of[what].median / plain
                lines[f"{hits:,} hits, {what}: at most {_LIMITS[what]} × plain ({ratio:.2f})"] = ratio <= _LIMITS[what]
    return report.Section(
        name="detection",
        title="Change detection",
        intro=_INTRO.format(settings=TOLD, repetitions=REPETITIONS),
        rows=rows,
        lines=lines,
    )


_INTRO = """\
One day of the look-back with all facts, the others empty; 50 clients, 500 campaigns, 3,000 links, one server for both
sides: {settings}. Medians of {repetitions}, in turn. A pass here is one that is due to see everything, edits and
deletions too: it reads the versions of all rows of the day, and of the facts the chunks that moved; *a comparison of
all facts* is what hourly and nightly passes do. Each further day of the look-back costs as much again. The plain
statement is described under *Ranges, backfills and refreshes*."""
