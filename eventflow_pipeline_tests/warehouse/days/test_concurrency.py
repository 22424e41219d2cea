"""Many at once on the same days: one worker a day, no deadlock, answers as if everything was loaded cleanly once.

``make test-long`` has a hundred rounds, every one another sequence.
"""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.days.range_replacement import replace_days
from eventflow_pipeline.warehouse.days.replacement import DayTotals
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import day_lock
from eventflow_pipeline.warehouse.schema.migrations import rebuild
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.facts import visits
from eventflow_pipeline_tests.worlds.changing_facts import Facts

DAYS = DayRange(date(2024, 3, 1), date(2024, 3, 6))
_COMPUTED = {
    "bucket_daily": "select * from stats.bucket_daily",
    "return_histogram": "select * from stats.return_histogram",
    "session_days": "select * from stats.session_days",
    "session_day_change": "select * from stats.session_day_change",
    "partition_state": "select bucket_date, window_start, window_end, hits, visits, sessionless_hits, conversions, "
    "session_days, histogram_pending, histogram_included from stats.partition_state",
}


def _stored(database: Database) -> dict[str, str]:
    """Digest of everything computed, table by table."""
    return {
        table: database.rows(f"select md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) d from ({query}) t")[
            0
        ]["d"]
        for table, query in _COMPUTED.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "of_a_kind"), [(1, 1), *(pytest.param(seed, 3, marks=pytest.mark.long) for seed in range(1, 101))]
)
def test_processes_on_the_same_days(
    database: Database, dagster_database: str, tmp_path: Path, seed: int, of_a_kind: int
) -> None:
    """Two commands, and as many replacing workers and sensors of a kind: four processes, before a release eight."""
    facts = Facts(database.url, DAYS, "Asia/Seoul", seed=seed, visits_a_day=300)
    facts.load()
    surroundings = {
        **os.environ,
        "EVENTFLOW_DATABASE_URL": database.url,
        "EVENTFLOW_START_DATE": str(database.settings.start_date),
        "EVENTFLOW_HOME": str(tmp_path),
        "DAGSTER_POSTGRES_URL": dagster_database,
    }
    first, last = str(DAYS.first), str(DAYS.last)
    eventflow = str(Path(sys.executable).with_name("eventflow"))
    worker = [sys.executable, "-m", "eventflow_pipeline_tests.warehouse.days.concurrent_worker"]
    commands = [[eventflow, "backfill", "--from", first, "--to", last], [eventflow, "heal"]]
    commands += [
        [*worker, kind, f"{seed}.{n}", first, last] for kind in ("replace", "sensor") for n in range(of_a_kind)
    ]
    processes = [
        subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    changes = 0
    while any(process.poll() is None for process in processes):
        facts.change()
        facts.commit()
        changes += 1
        time.sleep(0.5)
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    assert changes > 3, "facts must have changed meanwhile"
    assert database.rows("select deadlocks from pg_stat_database where datname = current_database()") == [
        {"deadlocks": 0}
    ]
    # What is left to do is what changed last; a heal finds it, and everything is as one clean load would have it.
    detection = detect_changes(database.pipeline, database.settings, Scope.NAMED, DAYS)
    database.replace(*detection.days)
    database.merge_pending()
    assert database.rows("select 1 from stats.partition_state where histogram_pending") == []
    assert facts.wrong_ranges() == []
    concurrent = _stored(database)
    (done,) = database.rows("select count(*) as replacements from stats.day_ledger where grain = 'platform'")
    rebuild(database.owner, database.settings)
    database.replace(*DAYS)
    database.merge_pending()
    assert concurrent == _stored(database)
    print(f"seed {seed}: {changes} times facts changed, {done['replacements']} days replaced, no deadlock, equal")


def test_a_fact_committed_while_a_worker_waits_is_in_the_result(database: Database) -> None:
    day = date(2024, 3, 2)
    at = datetime(2024, 3, 2, 3, tzinfo=UTC)
    visits(database, at, session_id="before")
    totals = []
    waiting = threading.Thread(target=lambda: totals.extend(database.replace(day)))
    with connect(database.pipeline) as connection, day_lock(connection, day):
        waiting.start()
        deadline = time.monotonic() + 120
        while not connection.execute(
            text("select 1 from pg_locks where locktype = 'advisory' and not granted")
        ).first():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        visits(database, at, session_id="while waiting")
    waiting.join(120)
    assert totals[0].visits == 2


@pytest.mark.parametrize("waits", ["for its day", "in a statement"])
def test_a_cancelled_range_leaves_nobody_who_works_on_a_day(database: Database, waits: str) -> None:
    """Terminate: it ends though what the first day waits for does not, and nothing changes that day afterwards."""
    waiting, done = date(2024, 1, 1), date(2024, 1, 2)
    visits(database, datetime(2024, 1, 1, 3, tzinfo=UTC), datetime(2024, 1, 2, 3, tzinfo=UTC), session_id="{n}")
    with psycopg.connect(database.url, autocommit=True) as other:
        if waits == "for its day":
            other.execute("select pg_advisory_lock(%s, %s)", [0x0EF10001, waiting.toordinal()])
        else:
            database.execute(
                "create function public.wait() returns trigger language plpgsql as $$ begin "
                f"if new.bucket_date = '{waiting}' then perform pg_sleep(3600); end if; return new; end $$"
            )
            database.execute(
                "create trigger wait before insert on stats.partition_state for each row execute function public.wait()"
            )
        days = replace_days(database.pipeline, [waiting, done], database.settings)
        totals = next(days)
        assert isinstance(totals, DayTotals)
        assert totals.day == done
        days.close()
        at_work = (
            "select query from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> %s"
        )
        assert other.execute(at_work, [other.info.backend_pid]).fetchall() == []
    assert database.rows("select bucket_date from stats.partition_state") == [{"bucket_date": done}]
