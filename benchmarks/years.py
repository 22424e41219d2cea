"""Ranges over years of one client, beside ``select 1`` in the same session."""

import os
from collections.abc import Callable
from datetime import date

import psycopg
from sqlalchemy import text

from benchmarks import report
from benchmarks._facts import Facts, measured
from benchmarks._server import TOLD, Measured, add_member_of_busiest_client, create, read_as, server
from benchmarks._timing import Times, in_turn, shown
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.grains import GRAINS
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending

#: Three years that neither begin nor end with a month; of 55,000 hits a day the busiest of 50 clients has these.
YEARS, HITS_A_DAY, CLIENT = Facts(1_000, 1_095, first_day=date(2022, 3, 11)), 2_110, 0
#: By grain: so many times the p95 of ``select 1`` over so many days, plus ALLOWANCE seconds.
LIMITS = {("client", 365): 10, ("client", 1_095): 20, ("campaign", 365): 30, ("campaign", 1_095): 60}
ALLOWANCE = 0.002
SHOWN = ("client", "campaign", "link", "utm")
READS = 200
_READER = "00000000-0000-4000-8000-0000000000ff"


def run() -> report.Section:
    """Measure on a server of its own; minutes."""
    facts = Facts(1_000, 120, first_day=YEARS.first_day) if os.environ.get("BENCH_QUICK") else YEARS
    with server() as running:
        database = create(running, "years", facts)
        rows = compute(database)
        times = _reads(database)
    return _section(facts, rows, times)


def compute(database: Measured) -> dict[str, int]:
    """Session-days of one client and what is read of them; returns how many rows there are of what."""
    facts = database.facts
    with connect(database.owner) as connection:
        size = {"hits": HITS_A_DAY, "days": facts.days, "first_day": facts.first_day, "client": CLIENT}
        connection.execute(measured("insert_years"), size)
        for grain in GRAINS:
            if grain.name in SHOWN:
                grain_of = {"grain": grain.name, "keys": list(grain.keys)}
                connection.execute(measured("insert_years_buckets"), grain_of)
        connection.execute(
            text(_STATES),
            {"first_day": facts.range.first, "last_day": facts.range.last, "grains": [g.name for g in GRAINS]},
        )
        connection.execute(text("analyze"))
    merge_pending(database.pipeline)
    with database.owner.connect() as connection:
        connection.exec_driver_sql("vacuum analyze")
        return {
            table: connection.exec_driver_sql(f"select count(*) from stats.{table}").scalar_one()  # noqa: S608
            for table in ("session_days", "campaign_daily", "campaign_returns")
        }


_STATES = """
insert into stats.partition_state (
    bucket_date, window_start, window_end, definition_version, grains, computed_at, facts_at
)
select d::date, d at time zone 'Asia/Seoul', (d + interval '1 day') at time zone 'Asia/Seoul', 1, :grains, now(), now()
from generate_series(cast(:first_day as timestamp), :last_day, interval '1 day') d
"""


def _reads(database: Measured) -> dict[str, Times]:
    """One client's years, asked by a member of it, each in turn with ``select 1`` in the same session."""
    client = add_member_of_busiest_client(database, _READER)
    with psycopg.connect(database.url, autocommit=True) as reader:
        read_as(reader, {"sub": _READER})

        def asked(grain: str, days: DayRange) -> Callable[[], object]:
            arguments = (grain, days.first, days.last, client)
            return lambda: reader.execute("select * from stats.range_summary(%s, %s, %s, %s)", arguments).fetchall()

        things: dict[str, Callable[[], object]] = {"select 1": lambda: reader.execute("select 1").fetchall()}
        for length in sorted({days for _, days in LIMITS}):
            days = database.facts.last(min(length, database.facts.days))
            things |= {f"{grain}, {length}": asked(grain, days) for grain in SHOWN}
        for thing in things.values():
            thing()
        return in_turn(READS, things)


def _section(facts: Facts, rows: dict[str, int], times: dict[str, Times]) -> report.Section:
    beside = times["select 1"]
    table, lines = [], {}
    for name, measured_times in times.items():
        if name == "select 1":
            continue
        grain, days = name.split(", ")
        many = LIMITS.get((grain, int(days)))
        table.append(
            {
                "what": f"range_summary, one client, {int(days):,} days, {grain} grain",
                "median": shown(measured_times.median),
                "p95": shown(measured_times.p95),
                "select 1, p95": shown(beside.p95),
                "at most": shown(many * beside.p95 + ALLOWANCE) if many else "",
            }
        )
        if many:
            line = f"{int(days):,} days, {grain} grain, p95 at most {many} × `select 1` + 2 ms"
            lines[f"{line} ({shown(measured_times.p95)})"] = measured_times.p95 <= many * beside.p95 + ALLOWANCE
    intro = _INTRO.format(days=facts.days, hits=HITS_A_DAY, reads=READS, settings=TOLD, **rows)
    return report.Section("years", "Ranges over years", intro, table, lines)


_INTRO = """\
{days:,} days of one client with {hits:,} hits a day, the busiest of 50 who have 55,000 together; ten campaigns, 60
links; a tenth of the sessions return within a month. {session_days:,} session-days; at campaign grain
{campaign_daily:,} buckets and {campaign_returns:,} returns. The ranges neither begin nor end with a month. {reads}
reads of each, in turn, by a member of the client under the same checks as in production, `select 1` in the same open
session. {settings}."""
