"""No full scans (B6): plans of every statement of the engine, and what the read functions touch, on a million facts.

The planner's settings are Postgres' own defaults; 90 days of facts are analysed; the window is one day. Then again of a
day that nobody analysed: estimates say nothing there, so statements are run and the rows they really touch are counted.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Connection, Engine, TextClause, event, text

from eventflow_pipeline.domain.days import DayRange, day_window
from eventflow_pipeline.warehouse.answers.explain import explain
from eventflow_pipeline.warehouse.changes.detection import (
    Scope,
    count_out_of_range,
    days_of_campaign,
    detect_changes,
)
from eventflow_pipeline.warehouse.days.computed import busiest_campaigns, computed_days
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.db.engine import connect, pipeline_engine
from eventflow_pipeline.warehouse.db.sql import statement, statement_names
from eventflow_pipeline.warehouse.parity.comparison import compare_days, compare_windows
from eventflow_pipeline.warehouse.quality import indicators as quality
from eventflow_pipeline.warehouse.quality.deficit import deficit_evidence, visits_and_entries
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate
from eventflow_pipeline_tests.databases import Database, Databases, settings_for

FACTS = ("event_access_logs", "event_survey_entries")
FIRST = date(2024, 1, 1)
DAY = date(2024, 2, 10)
NOON = datetime(2024, 2, 10, 3, tzinfo=UTC)
CLIENT, CAMPAIGN = UUID(int=1), UUID(int=1001)

_DIMENSIONS = """
    -- 50 clients, 500 campaigns, 1,000 links.
    create function pg_temp.id(n bigint) returns uuid language sql immutable
    return lpad(to_hex(n), 32, '0')::uuid;
    insert into clients (id, name) select pg_temp.id(n), 'client' from generate_series(1, 50) n;
    insert into event_survey_campaigns (id, client_id, title)
    select pg_temp.id(1000 + n), pg_temp.id(1 + n % 50), 'campaign' from generate_series(1, 500) n;
    update event_survey_campaigns set client_id = pg_temp.id(1) where id = pg_temp.id(1001);
    insert into campaign_link_meta (id, client_id, name, target_campaign_id, cid)
    select pg_temp.id(10000 + n), pg_temp.id(1 + n % 50), 'link', pg_temp.id(1000 + n % 500), lpad(n::text, 8, '0')
    from generate_series(1, 1000) n;
"""
_FILL = f"""
    {_DIMENSIONS}
    -- A million visits and 100,000 entries in 90 days.
    insert into event_access_logs
        (id, campaign_id, session_id, utm_source, cid, marketing_campaign_link_id, accessed_at, created_at)
    select pg_temp.id(1000000 + n), pg_temp.id(1001 + n % 500), 'session ' || n % 300000,
           case when n % 3 = 0 then 'source ' || n % 10 end,
           case when n % 7 = 0 then lpad((n % 1000)::text, 8, '0') end,
           case when n % 5 = 0 then pg_temp.id(10001 + n % 1000) end,
           t.at, t.at
    from generate_series(0, 999999) n
    cross join lateral (select timestamptz '2023-12-31 15:00Z' + n * interval '7.776 seconds' as at) t;
    insert into event_survey_entries (id, campaign_id, client_id, phone_norm, created_at)
    select pg_temp.id(9000000 + n), pg_temp.id(1001 + n % 500), pg_temp.id(1 + (1 + n % 500) % 50), n::text,
           timestamptz '2023-12-31 15:00Z' + n * interval '77.76 seconds'
    from generate_series(0, 99999) n;
    analyze;
"""
_DEFAULTS = ("random_page_cost", "seq_page_cost", "effective_cache_size", "jit", "cpu_tuple_cost", "work_mem")


@pytest.fixture(scope="module")
def million(databases: Databases) -> Iterator[Database]:
    """A migrated database with a million facts; three days are computed and merged, the first of them once more."""
    name = databases.create()
    database = Database(settings_for(databases.url(name)))
    create_source(database.owner)
    with psycopg.connect(database.url, autocommit=True) as connection:
        later = connection.execute(
            "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index "
            "where not indisunique and indrelid = any ('{event_access_logs,event_survey_entries}'::regclass[])"
        ).fetchall()
        connection.execute("drop index " + ", ".join(name for name, _ in later))
        connection.execute(_FILL)
        for _, definition in later:
            connection.execute(definition)
        for setting in _DEFAULTS:
            connection.execute(
                f"do $$ begin execute format('alter database \"{name}\" set {setting} = %L', "
                f"(select boot_val from pg_settings where name = '{setting}')); end $$"
            )
    database.close()
    migrate(database.owner, database.settings)
    database.define(hourly_clients=[CLIENT])
    database.replace(*(DAY + timedelta(days=n) for n in range(-1, 2)))
    database.merge_pending()
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("analyze")
    yield database
    database.close()
    databases.drop(name)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


class Explained:
    """Plans of whatever an engine executes, taken on the same connection right before it does.

    ``analyze``: it is executed for the plan too, and undone, so that nodes have the rows they really touched.
    """

    def __init__(self, engine: Engine, *, analyze: bool = False) -> None:
        self.plans: dict[str, dict[str, Any]] = {}
        self._analyze = analyze
        event.listen(engine, "before_cursor_execute", self._explain)

    def _explain(self, connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        body = re.sub(r"^\s*--.*$", "", sql, flags=re.MULTILINE).strip().lower()
        if (
            body.startswith(("select", "with", "insert", "update", "delete"))
            or " as\nselect" in body
            or " as\nwith" in body
        ):
            raw = connection.connection.driver_connection
            if self._analyze:
                with raw.transaction(force_rollback=True):
                    (plan,) = raw.execute("explain (analyze, timing off, format json) " + sql, parameters).fetchone()
            else:
                (plan,) = raw.execute("explain (format json) " + sql, parameters).fetchone()
            self.plans[sql] = plan[0]["Plan"]

    def explain(self, connection: Connection, clause: TextClause, parameters: dict[str, Any]) -> None:
        """The plan of a statement that is not executed."""
        plan = connection.execute(text("explain (format json) " + clause.text), parameters).scalar_one()
        self.plans[clause.text] = plan[0]["Plan"]

    def reading(self, *tables: str) -> dict[str, list[str]]:
        """Node types by which statements touch any of the tables."""
        found = {
            sql: [node["Node Type"] for node in _nodes(plan) if node.get("Relation Name") in tables]
            for sql, plan in self.plans.items()
        }
        return {sql: nodes for sql, nodes in found.items() if nodes}


@pytest.fixture(scope="module")
def explained(million: Database) -> Explained:
    """Everything the engine does with a day that changed, and what reads computed days."""
    million.execute(
        "update event_access_logs set session_id = 'moved' where accessed_at >= '2024-02-09 15:00Z' "
        "and accessed_at < '2024-02-09 16:00Z'"
    )
    engine = pipeline_engine(million.settings)
    try:
        plans = Explained(engine)
        assert detect_changes(engine, million.settings, Scope.NAMED, [DAY]).days == (DAY,)
        replace_day(engine, DAY, million.settings)
        assert detect_changes(engine, million.settings, Scope.LOOKBACK).days == ()
        with connect(engine) as connection:
            count_out_of_range(connection, million.settings)
        assert days_of_campaign(engine, million.settings, CAMPAIGN)
        assert merge_pending(engine) == [DAY]
        quality.measure(engine, million.settings, DayRange(DAY, DAY))
        compare_days(engine, million.settings, DayRange(DAY, DAY))
        explain(engine, million.settings, str(CLIENT), DAY)
        visits_and_entries(engine, million.settings, NOON)
        deficit_evidence(engine, CLIENT, NOON - timedelta(hours=1), NOON)
        computed_days(engine, DayRange(DAY, DAY))
        busiest_campaigns(engine, DayRange(DAY, DAY))
    finally:
        engine.dispose()
    return plans


@pytest.mark.slow
def test_the_planner_has_its_defaults_and_the_facts_are_many(million: Database) -> None:
    changed = million.rows(
        "select name, setting, boot_val from pg_settings where name ~ '^enable_|_cost$' and setting <> boot_val"
    )
    assert changed == []
    with psycopg.connect(million.url) as connection:
        sizes = connection.execute(
            "select sum(reltuples), max(reltuples) from pg_class where relname = any (%s)", (list(FACTS),)
        ).fetchone()
    assert sizes
    assert sizes[0] >= 1_000_000


@pytest.mark.slow
def test_no_statement_of_the_engine_scans_a_whole_fact(explained: Explained) -> None:
    reading = explained.reading(*FACTS)
    assert reading
    for sql, nodes in reading.items():
        assert not [node for node in nodes if "Seq Scan" in node], sql


#: One day, for whatever a statement calls it; a statement with another parameter fails until that is written here.
_NOON = day_window(DAY, ZoneInfo("Asia/Seoul")).start + timedelta(hours=12)
_START, _END = _NOON - timedelta(hours=12), _NOON + timedelta(hours=12)
#: Bounds of all partitions.
_FIRST, _LAST = _START - timedelta(days=40), _END + timedelta(days=60)
_EARLIER_HOURS = [_NOON - timedelta(weeks=n) for n in range(1, 5)]
_PARAMETERS: dict[str, Any] = {
    "first_day": DAY, "last_day": DAY,
    "bucket_date": DAY, "days": [DAY], "dates": [DAY], "today": DAY, "starts": [_START], "ends": [_END],
    "window_start": _START, "window_end": _END, "day_start": _START, "since": _START, "now": _END,
    "first_instant": _FIRST, "last_instant": _LAST, "look_back_start": _START, "look_back_end": _END,
    "recent_start": _START, "hours": _EARLIER_HOURS, "hour_ends": [h + timedelta(hours=1) for h in _EARLIER_HOURS],
    "reach_hours": 3, "days_before": 1, "minutes_after": 5, "min_entries": 5, "clone_entries": 20, "clone_share": 0.2,
    "inputs": ["digest"], "client_id": CLIENT, "clients": [CLIENT], "entity_id": CAMPAIGN, "campaign_id": CAMPAIGN,
    "campaigns": [CAMPAIGN], "definition": "version=1", "gone": [DAY], "newest": _END,
    "held_days": [DAY], "held_clients": [CLIENT], "chunks": [_START, _NOON], "ids": [CAMPAIGN], "most": 1000,
    "deltas": 1, "are_these": True,
}  # fmt: skip

#: What is not asked of one day: facts before the first and after the last partition.
_OTHERWISE = {"numbers/out_of_range": {"window_start": _FIRST, "window_end": _LAST}}
#: Parts of other statements, which say for what time.
_PARTS = {"numbers/visits"}
#: A session has no index of its own in EventFlow's tables; asked by hand, when a person is erased.
_WHOLE = {"storage/erasure/select_facts_left"}


@pytest.mark.slow
def test_no_file_that_reads_facts_scans_one_whole(million: Database) -> None:
    """Every statement under sql/ that reads facts, found by its text, also those of checks, alerts and reports."""
    names = statement_names()
    facts = r"stats\.(visit|entry)_facts|public\.event_(access_logs|survey_entries)"
    query = r"(\s|--.*\n)*(select|with|insert|update|delete|merge)\b"  # not the migrations
    reading = [
        name
        for name in names
        if name not in _PARTS | _WHOLE
        and re.match(query, statement(name).text)
        and re.search(facts, statement(name).text)
    ]
    assert len(reading) > 3
    engine = pipeline_engine(million.settings)
    try:
        plans = Explained(engine)
        with engine.connect() as connection:
            for name in names:
                if re.fullmatch(r"(?!storage/ranges/).+/create_\w+", name):  # scratch tables others fill
                    connection.execute(statement(name))
            for name in reading:
                wanted = statement(name).compile().params
                assert set(wanted) <= set(_PARAMETERS), f"sql/{name}.sql: what to pass belongs into _PARAMETERS"
                values = _PARAMETERS | _OTHERWISE.get(name, {})
                alone = 0 if name.startswith("storage/export/") else 2  # as engines/files asks
                connection.exec_driver_sql(f"set max_parallel_workers_per_gather = {alone}")
                plans.explain(connection, statement(name), {key: values[key] for key in wanted})
        assert len(plans.plans) == len(reading)
        for sql, nodes in plans.reading(*FACTS).items():
            assert not [node for node in nodes if "Seq Scan" in node], sql
    finally:
        engine.dispose()


@pytest.mark.slow
def test_a_scan_of_a_whole_fact_would_be_noticed(million: Database) -> None:
    engine = pipeline_engine(million.settings)
    plans = Explained(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("select count(*) from stats.visit_facts where session_id = 'x'")
    engine.dispose()
    assert any("Seq Scan" in node for nodes in plans.reading(*FACTS).values() for node in nodes)


_SCANS = (
    "select coalesce(sum(seq_scan), 0)::int as whole, coalesce(sum(idx_scan), 0)::int as by_index "
    "from pg_stat_xact_user_tables where relname = any (%s)"
)
_READS = {
    "range_summary": [f"select * from stats.range_summary('{grain}', %(from)s, %(to)s, %(client)s)"
                      for grain in ("client", "campaign", "link", "utm_source", "utm", "campaign_utm")]
    + ["select * from stats.range_summary('platform', %(from)s, %(to)s)"],
    "campaign_hours": ["select * from stats.campaign_hours(%(from)s, %(to)s, %(client)s)"],
    "daily_series": ["select * from stats.daily_series('link', %(from)s, %(to)s, %(client)s)"],
    "get_marketing_summary": ["select get_marketing_summary(%(client)s, %(from)s, %(to)s)"],
    "get_link_stats": ["select get_link_stats(%(client)s, %(from)s, %(to)s)"],
    "get_client_overview": ["select get_client_overview(%(client)s, %(from)s, %(to)s)"],
}  # fmt: skip


def _scans(database: Database, sql: str, first: date, last: date) -> tuple[int, int]:
    """How often the facts were scanned, whole and by an index, while a member of the client asked."""
    member = "5e000000-0000-0000-0000-000000000001"
    with psycopg.connect(database.url, row_factory=dict_row) as connection:
        connection.execute("set local role service_role") if "platform" in sql else connection.execute(
            "select set_config('request.jwt.claims', %s, true), set_config('role', 'authenticated', true)",
            (json.dumps({"sub": member, "role": "authenticated"}),),
        )
        rows = connection.execute(sql, {"client": CLIENT, "campaign": CAMPAIGN, "from": first, "to": last}).fetchall()  # type: ignore[call-overload]
        assert rows
        counted = connection.execute(_SCANS, (list(FACTS),)).fetchone()
        connection.rollback()
    assert counted
    return counted["whole"], counted["by_index"]


@pytest.fixture(scope="module")
def membership(million: Database) -> None:
    million.insert("client_members", [{"client_id": CLIENT, "user_id": UUID(int=0x5E << 120 | 1), "role": "member"}])


@pytest.mark.slow
@pytest.mark.parametrize("name", _READS)
@pytest.mark.parametrize("merged", [True, False])
def test_reads_touch_no_fact(
    million: Database, explained: Explained, membership: None, name: str, merged: bool
) -> None:
    """Counted by the server while the function really runs, on both paths: from histograms, from session-days."""
    million.execute("update stats.partition_state set histogram_pending = :pending", pending=not merged)
    try:
        for sql in _READS[name]:
            for first, last in ((DAY, DAY), (DAY - timedelta(days=1), DAY + timedelta(days=1))):
                assert _scans(million, sql, first, last) == (0, 0), sql
    finally:
        million.execute("update stats.partition_state set histogram_pending = false")


@pytest.mark.slow
def test_the_drill_down_reads_facts_by_an_index_only(million: Database, membership: None) -> None:
    whole, by_index = _scans(million, "select get_campaign_visits_raw(%(campaign)s, %(from)s, %(to)s)", DAY, DAY)
    assert whole == 0
    assert by_index > 0


@pytest.mark.slow
def test_every_read_function_is_among_those_tested(million: Database) -> None:
    """By the catalog: functions for readers, but the checks of the caller, which read no fact by their text."""
    functions = million.rows(
        "select p.proname as name, pg_get_functiondef(p.oid) as definition from pg_proc p "
        "where obj_description(p.oid, 'pg_proc') like '%[readers]' and p.pronamespace::regnamespace::text "
        "in ('stats', 'public')"
    )
    for function in functions:
        tested = function["name"] in {*_READS, "get_campaign_visits_raw"}
        assert tested or not re.search("visit_facts|entry_facts|" + "|".join(FACTS), function["definition"]), function


def _touched(node: dict[str, Any]) -> float:
    """Rows a node gave or threw away, in all its loops; of a join the pairs it compared in vain, too."""
    rows = node.get("Actual Rows", 0) + sum(count for name, count in node.items() if name.startswith("Rows Removed by"))
    return float(rows * node.get("Actual Loops", 0))


def _days_work(database: Database, day: date) -> Explained:
    """Everything that is done with a day: computed, changed and computed again, merged, checked, judged."""
    engine, only = pipeline_engine(database.settings), DayRange(day, day)
    try:
        plans = Explained(engine, analyze=True)
        replace_day(engine, day, database.settings)
        assert merge_pending(engine) == [day]
        database.execute("update event_access_logs set utm_source = 'other' where accessed_at >= :at", at=_START)
        assert detect_changes(engine, database.settings, Scope.NAMED, [day]).days == (day,)
        replace_day(engine, day, database.settings)
        assert merge_pending(engine) == [day]
        quality.measure(engine, database.settings, only)
        quality.findings(engine, database.settings, only)
        for found in (
            compare_days(engine, database.settings, only),
            compare_windows(engine, database.settings, only, lengths=(1,)),
        ):
            assert (found.checked, found.differences) == ((day,), ())
    finally:
        engine.dispose()
    return plans


#: A day of hits, an entry in 33, a session in 3; every other entry is of a session that has no visit.
_FILL_DAY = """
    with hit as (
        select n, %(at)s + n * (interval '1 day' / %(hits)s) as at from generate_series(0, %(hits)s - 1) n
    ), entry as (
        insert into event_survey_entries (campaign_id, client_id, phone_norm, session_id, created_at)
        select lpad(to_hex(1001 + n %% 500), 32, '0')::uuid, lpad(to_hex(1 + (1 + n %% 500) %% 50), 32, '0')::uuid,
               n || ' at ' || at, case when n %% 2 = 0 then 'session ' || n / 3 || at::date else 'unseen ' || n end, at
        from hit where n %% 33 = 0
    )
    insert into event_access_logs
        (campaign_id, session_id, utm_source, utm_medium, cid, marketing_campaign_link_id, accessed_at, created_at)
    select lpad(to_hex(1001 + n %% 500), 32, '0')::uuid, 'session ' || n / 3 || at::date,
           case when n %% 3 = 0 then 'source ' || n %% 25 end, case when n %% 2 = 0 then 'medium ' || n %% 7 end,
           case when n %% 7 = 0 then lpad((n %% 1000)::text, 8, '0') end,
           case when n %% 5 = 0 then lpad(to_hex(10001 + n %% 1000), 32, '0')::uuid end, at, at
    from hit
"""
_NOT_ANALYSED = """
    do $$
    declare
        relation regclass;
    begin
        for relation in
            select oid from pg_class where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'stats')
        loop
            execute format('alter table %s set (autovacuum_enabled = off)', relation);
        end loop;
    end $$
"""


def _touched_too_much(database: Database, hits: int) -> list[tuple[float, str, str]]:
    """What nodes of the plans of a day of ``hits``, after one three times as large, touched too many rows.

    Nobody analysed any of it. Each: the rows in multiples of the hits, the node, its statement.
    """
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(_NOT_ANALYSED)
        connection.execute(_DIMENSIONS)
        for at, count in ((_START - timedelta(days=38), 3 * hits), (_START, hits)):
            connection.execute(_FILL_DAY, {"at": at, "hits": count})
    database.replace(DAY - timedelta(days=38))
    database.merge_pending()
    found = []
    for sql, plan in _days_work(database, DAY).plans.items():
        for node in _nodes(plan):
            touched, relation = _touched(node), node.get("Relation Name", "")
            # A table that grows with time: what is read of it is the day's.
            grows = (
                relation in FACTS or relation.startswith(("session_days", "return_histogram")) or "_daily" in relation
            )
            if touched > (1.5 if grows else 20) * hits:
                found.append((touched / hits, f"{node['Node Type']} {relation}".strip(), sql))
    return found


@pytest.mark.slow
def test_no_statement_of_a_day_nobody_analysed_compares_each_with_each_or_reads_history(database: Database) -> None:
    """Rows that were touched, never estimates: at 500,000 hits the limit is 10 million."""
    assert _touched_too_much(database, 10_000) == []


@pytest.mark.long
def test_no_statement_of_a_huge_day_nobody_analysed_compares_each_with_each(database: Database) -> None:
    assert _touched_too_much(database, 500_000) == []


@pytest.mark.slow
def test_a_loop_over_pairs_would_be_noticed(database: Database) -> None:
    engine = pipeline_engine(database.settings)
    plans = Explained(engine, analyze=True)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "select count(*) from generate_series(1, 300) a join generate_series(1, 400) b on a > b and b < a - 299"
        )
    engine.dispose()
    ((_, plan),) = ((sql, plan) for sql, plan in plans.plans.items() if "generate_series" in sql)
    assert max(map(_touched, _nodes(plan))) == 300 * 400
