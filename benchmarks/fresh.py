"""How old an answer is while visits keep coming in on a huge day, with the daemon as it is shipped."""

import bisect
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
from dagster_shared.utils import environ
from sqlalchemy import text

from benchmarks import report
from benchmarks._facts import Facts
from benchmarks._server import TOLD, Measured, create, daemon_environment, server
from benchmarks._timing import Times, shown
from eventflow_pipeline.dev.dagster_process import DagsterStack, free_port
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.parity.comparison import compare_days, compare_histograms
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending

#: Visits a second, in transactions of so many; seconds from a visit to an answer with it that 19 of 20 may take.
RATE, BATCH, LIMIT = 500, 50, 15
ZONE = "Asia/Seoul"
#: Two in five of new sessions. Rows as the day has them.
_COME_IN = """
insert into event_access_logs (
    campaign_id, session_id, utm_source, utm_medium, utm_campaign, cid, marketing_campaign_link_id, accessed_at
)
select campaign_id, case when random() < 0.4 then gen_random_uuid()::text else session_id end, utm_source, utm_medium,
    utm_campaign, cid, marketing_campaign_link_id, clock_timestamp()
from template where number between %(first)s and %(first)s + %(batch)s - 1
"""
_TEMPLATE = """
create temporary table template as
select row_number() over () as number, campaign_id, session_id, utm_source, utm_medium, utm_campaign, cid,
    marketing_campaign_link_id
from (select * from event_access_logs limit 10000) v
"""


@dataclass(slots=True)
class Coming:
    """Visits that come in until ``until``: when each batch was recorded."""

    url: str
    until: float
    recorded: list[float] = field(default_factory=list)
    behind: float = 0.0

    def run(self) -> None:
        """A batch is due every BATCH / RATE seconds, whatever the one before took."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_TEMPLATE)
            due, number = time.time(), 0
            while (now := time.time()) < self.until:
                if now < due:
                    time.sleep(due - now)
                self.behind = max(self.behind, time.time() - due)
                at = time.time()
                connection.execute(_COME_IN, {"first": number * BATCH % (10_000 - BATCH) + 1, "batch": BATCH})
                self.recorded.append(at)
                due, number = due + BATCH / RATE, number + 1


def run() -> report.Section:
    """Measure on a server of its own; some fifteen minutes."""
    hits, seconds = (50_000, 60) if os.environ.get("BENCH_QUICK") else (2_000_000, 300)
    day = today(ZoneInfo(ZONE))
    with server() as running:
        database = create(running, "fresh", Facts(hits, 1, first_day=day, registering=14))
        with connect(database.owner) as connection:
            # Whatever time it is: what is there has been recorded, and not just now.
            connection.execute(text("update event_access_logs set created_at = now() - interval '1 hour'"))
        with database.owner.connect() as connection:
            connection.exec_driver_sql("vacuum analyze")
        replace_day(database.pipeline, day, database.settings)
        merge_pending(database.pipeline)
        with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
            values = daemon_environment(running, database, Path(home))
            with environ(values), DagsterStack(Path(home) / "output", free_port()):
                coming, seen = _watched(database, seconds)
        ages = _ages(coming, seen)
        compared = compare_days(database.pipeline, database.settings, database.facts.range)
        differences = len(
            compared.differences + compare_histograms(database.pipeline, database.facts.range).differences
        )
        with connect(database.owner) as connection:
            published = connection.execute(text(_PUBLISHED)).one()
    return _section(hits, seconds, ages, coming, differences + len(compared.stale + compared.missing), published)


_PUBLISHED = """
select count(*) filter (where published = 'delta') as deltas, count(*) filter (where published = 'whole') as whole
from stats.day_ledger where grain = 'platform'
"""
_ANSWER = "select hits from stats.range_summary('platform', %s, %s)"


def _watched(database: Measured, seconds: float) -> tuple[Coming, list[tuple[float, int]]]:
    """Visits come in for so many seconds, from when the daemon has added some; and what an answer said when."""
    day = database.facts.range.first
    seen: list[tuple[float, int]] = []
    with psycopg.connect(database.url, autocommit=True) as reader:

        def answer() -> int:
            ((hits,),) = reader.execute(_ANSWER, (day, day)).fetchall()
            seen.append((time.time(), int(hits)))
            return int(hits)

        began, deadline = answer(), time.time() + 600
        warm = Coming(database.url, time.time() + 1)
        warm.run()
        while answer() < began + BATCH * len(warm.recorded):
            if time.time() > deadline:
                raise RuntimeError("the daemon has added nothing within ten minutes")
            time.sleep(0.25)
        base = seen[-1][1]
        seen.clear()
        coming = Coming(database.url, time.time() + seconds)
        writer = threading.Thread(target=coming.run)
        writer.start()
        while writer.is_alive() or answer() < base + BATCH * len(coming.recorded):
            if time.time() > coming.until + 600:
                raise RuntimeError("not everything that came in was added within ten minutes")
            answer()
            time.sleep(0.25)
        writer.join()
    return coming, [(at, hits - base) for at, hits in seen]


def _ages(coming: Coming, seen: Sequence[tuple[float, int]]) -> Times:
    """How long after each batch was sent an answer counted it: as many are in it as came in, in their order."""
    hits = [n for _, n in seen]
    return Times([seen[bisect.bisect_left(hits, BATCH * (n + 1))][0] - at for n, at in enumerate(coming.recorded)])


def _section(
    hits: int, seconds: int, ages: Times, coming: Coming, differences: int, published: tuple[int, int]
) -> report.Section:
    rate = BATCH * len(coming.recorded) / seconds
    row = {
        "day": f"{hits:,} hits",
        "visits": f"{BATCH * len(coming.recorded):,}",
        "a second": f"{rate:.0f}",
        "to an answer, median": shown(ages.median),
        "p95": shown(ages.p95),
        "most": shown(max(ages.seconds)),
        "minutes with deltas": str(published[0]),
        "whole": str(published[1]),
        "differences after": str(differences),
    }
    lines = {
        f"from visit to answer p95 at most {LIMIT} s ({shown(ages.p95)})": ages.p95 <= LIMIT,
        f"0 differences after ({differences})": differences == 0,
        f"visits came in at {RATE} a second ({rate:.0f})": rate >= 0.95 * RATE,
    }
    intro = _INTRO.format(rate=RATE, seconds=seconds, batch=BATCH, settings=TOLD)
    return report.Section("fresh", "From a visit to an answer", intro, [row], lines)


_INTRO = """\
{rate} visits a second for {seconds} s on a day that is there, two in five of new sessions, in transactions of {batch};
code server, webserver and daemon with the settings as shipped, on the same cores as the database and who writes. An
answer (`range_summary` of the platform, today) is asked for four times a second; a visit is in it when it counts as
many as had come in. Afterwards every table of the day and its histograms are compared with the facts. {settings}."""
