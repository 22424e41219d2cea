"""Parity at zero tolerance: what is damaged by hand is found, named and repaired."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.differences import Comparison, Part
from eventflow_pipeline.warehouse.parity.comparison import (
    compare_days,
    compare_histograms,
    compare_windows,
    days_to_rebuild,
)
from eventflow_pipeline.warehouse.parity.rebuild import repair
from eventflow_pipeline.warehouse.ranges.pruning import prune_session_days
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.repetitions import some

CLIENT, OTHER, C, D = UUID(int=1), UUID(int=2), UUID(int=0xC), UUID(int=0xD)
LAST = date(2024, 4, 30)
#: Days a session returns on, so that histograms of LAST have predecessors 3 and 60 days back.
DAYS = DayRange(LAST - timedelta(days=60), LAST)


def _visit(database: Database, day: date, session: str = " ", campaign: UUID = C, **more: object) -> None:
    at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
    facts.visits(database, at, session_id=session, campaign_id=campaign, **more)


@pytest.fixture(scope="module")
def computed(databases: Databases, _template: str) -> Iterator[str]:
    """Name of a database whose 61 days are computed once: each test damages a copy."""
    with databases.database(_template) as database:
        _compute(database)
        database.close()
        yield database.name


@pytest.fixture
def prepared(databases: Databases, computed: str) -> Iterator[Database]:
    """61 computed days, mostly empty; two clients, returning sessions, entries, UTM, a dangling link."""
    with databases.database(computed) as database:
        yield database


def _compute(database: Database) -> None:
    facts.clients(database, {CLIENT: [C], OTHER: [D]})
    database.define(hourly_clients=[CLIENT], hourly_campaigns=[D])
    _visit(database, DAYS.first, "s1")
    _visit(database, LAST - timedelta(days=3), "s2", utm_source="naver")
    _visit(database, LAST - timedelta(days=3), "s2", D)
    _visit(database, LAST, "s1")
    _visit(database, LAST, "s1", D)
    _visit(database, LAST, "s2", utm_source="naver")
    _visit(database, LAST, "s3", marketing_campaign_link_id=UUID(int=0x99))
    _visit(database, LAST)
    facts.entries(database, datetime(2024, 4, 30, 4, tzinfo=UTC), campaign_id=C, client_id=CLIENT)
    database.replace(*DAYS)
    database.merge_pending()


def _everything(database: Database, days: DayRange = DAYS) -> Comparison:
    settings = database.settings
    return (
        compare_days(database.pipeline, settings, days)
        + compare_histograms(database.pipeline, days)
        + compare_windows(database.pipeline, settings, DayRange(LAST - timedelta(days=1), LAST))
    )


DAMAGES = {
    "session-day row lost": (
        "delete from stats.session_days where bucket_date = '2024-04-30' and session_id = 's3'",
        {(Part.SESSION_DAYS, "session_days", "rows", 1, 0)},
    ),
    "session-day row twice": (
        "insert into stats.session_days select * from stats.session_days "
        "where bucket_date = '2024-04-30' and session_id = 's3'",
        {(Part.SESSION_DAYS, "session_days", "rows", 0, 1)},
    ),
    "bucket too high": (
        "update stats.client_daily set visits = 4, hits = 9 where bucket_date = '2024-04-30' "
        "and client_id = '00000000-0000-0000-0000-000000000001'",
        {
            (Part.BUCKET, "client", "visits", 3, 4),
            (Part.BUCKET, "client", "hits", 4, 9),
            (Part.WINDOW, "client", "visits", 3, 4),
            (Part.WINDOW, "client", "hits", 5, 10),
        },
    ),
    "hour emptied": (
        "update stats.campaign_hourly set hits = 0, visits = 0, sessionless_hits = 0 "
        "where bucket_hour = '2024-04-30 03:00Z' and client_id = '00000000-0000-0000-0000-000000000001'",
        {
            (Part.HOUR, "campaign_hourly", "hits", 4, 0),
            (Part.HOUR, "campaign_hourly", "visits", 3, 0),
            (Part.HOUR, "campaign_hourly", "sessionless_hits", 1, 0),
        },
    ),
    "hours gone": (
        "delete from stats.campaign_hourly where bucket_date = '2024-04-30'",
        {
            (Part.HOUR, "campaign_hourly", "hits", 4, None),
            (Part.HOUR, "campaign_hourly", "conversions", 1, None),
            (Part.HOUR, "campaign_hourly", "visits", 1, None),
        },
    ),
    "hour from nowhere": (
        "insert into stats.campaign_hourly select bucket_date, bucket_hour + interval '1 hour', client_id, "
        "entity_type, entity_id, 7, 0, 7, 0 from stats.campaign_hourly where bucket_date = '2024-04-30' "
        "and entity_id = '00000000-0000-0000-0000-00000000000d'",
        {(Part.HOUR, "campaign_hourly", "hits", None, 7)},
    ),
    "bucket gone": (
        "delete from stats.utm_source_daily where bucket_date = '2024-04-30' and utm_source = 'naver'",
        {(Part.BUCKET, "utm_source", "hits", 1, None), (Part.BUCKET, "utm_source", "visits", 1, None)},
    ),
    "histogram, predecessor 3 days back": (
        "update stats.client_returns set sessions = 5 where bucket_date = '2024-04-30' "
        "and previous_date = '2024-04-27' and client_id = '00000000-0000-0000-0000-000000000001'",
        {
            (Part.HISTOGRAM, "client", "sessions", 1, 5),
            (Part.HISTOGRAM, "client", "sessions_of_month", 5, 1),
            (Part.WINDOW, "client", "visits", 3, -1),
        },
    ),
    "histogram, predecessor 60 days back": (
        "delete from stats.platform_returns where bucket_date = '2024-04-30' and previous_date = '2024-03-01'",
        {
            (Part.HISTOGRAM, "platform", "sessions", 1, None),
            (Part.HISTOGRAM, "platform", "sessions_of_month", None, 1),
        },
    ),
    "histogram row from nowhere": (
        "insert into stats.return_histogram (grain, bucket_date, previous_date, sessions) "
        "values ('platform', '2024-04-30', '2024-04-01', 1)",
        {
            (Part.HISTOGRAM, "platform", "sessions", None, 1),
            (Part.HISTOGRAM, "platform", "sessions_of_month", 2, 1),
        },
    ),
    "histogram of a month": (
        "update stats.return_month set sessions = 7 where month = '2024-04-01' and previous_month = '2024-04-01' "
        "and grain = 'client' and client_id = '00000000-0000-0000-0000-000000000001'",
        {(Part.HISTOGRAM, "client", "sessions_of_month", 1, 7)},
    ),
    "state": (
        "update stats.partition_state set excluded_hits = 7, session_days = 1 where bucket_date = '2024-04-30'",
        {
            (Part.STATE, "partition_state", "excluded_hits", 0, 7),
            (Part.STATE, "partition_state", "session_days", 5, 1),
        },
    ),
}


def test_everything_agrees_when_nothing_is_damaged(prepared: Database) -> None:
    found = _everything(prepared)
    assert found.differences == ()
    assert set(found.checked) == set(DAYS)
    assert (found.stale, found.missing) == ((), ())


@pytest.mark.parametrize("damage", some(DAMAGES, 4))
def test_damage_is_found_named_and_repaired(prepared: Database, damage: str) -> None:
    command, expected = DAMAGES[damage]
    prepared.execute(command)
    found = _everything(prepared)
    assert found.differences
    assert expected <= {(d.part, d.grain, d.measure, d.raw, d.stored) for d in found.differences}
    assert {d.day for d in found.differences} == {LAST}
    repair(prepared.pipeline, prepared.settings, found)
    assert _everything(prepared).differences == ()
    # Nothing is left over that would spoil the next merge.
    _visit(prepared, LAST - timedelta(days=1), "s1")
    prepared.replace(LAST - timedelta(days=1))
    prepared.merge_pending()
    assert _everything(prepared).differences == ()


def test_a_range_names_each_damaged_day_and_rebuilds_only_those(prepared: Database) -> None:
    prepared.execute(
        "update stats.platform_daily set conversions = conversions + 1 "
        "where bucket_date in ('2024-04-27', '2024-04-30')"
    )
    found = compare_days(prepared.pipeline, prepared.settings, DAYS)
    assert {d.day for d in found.differences} == {LAST - timedelta(days=3), LAST}
    assert [len(days) for days in days_to_rebuild(found)] == [1, 1]


def test_a_failing_window_rebuilds_its_days(prepared: Database) -> None:
    prepared.execute("update stats.platform_daily set conversions = 3 where bucket_date = '2024-04-27'")
    found = compare_windows(prepared.pipeline, prepared.settings, DayRange(LAST, LAST))
    assert {(d.first, d.day) for d in found.differences} == {
        (LAST - timedelta(days=6), LAST),
        (LAST - timedelta(days=29), LAST),
    }
    repair(prepared.pipeline, prepared.settings, found)
    assert compare_windows(prepared.pipeline, prepared.settings, DayRange(LAST, LAST)).differences == ()


def test_tiled_windows_cover_every_day_once(prepared: Database) -> None:
    """A long backfill compares as many windows as contain each day, not one for each."""
    prepared.execute("update stats.platform_daily set conversions = 7 where bucket_date = '2024-03-01'")
    ends = DayRange(date(2024, 3, 30), date(2024, 4, 29))
    found = compare_windows(prepared.pipeline, prepared.settings, ends, lengths=(30,), tiled=True)
    assert found.checked == (ends.first, ends.last)
    assert {(d.first, d.day, d.raw, d.stored) for d in found.differences} == {(DAYS.first, ends.first, 0, 7)}


def test_the_raw_side_does_not_read_session_days(prepared: Database) -> None:
    """Session-days and buckets damaged alike, as a wrong attribution would: only the facts can tell."""
    prepared.execute("update stats.session_days set session_id = 's1' where session_id = 's2'")
    prepared.execute("update stats.client_daily set visits = 2 where bucket_date = '2024-04-30' and visits = 3")
    found = compare_days(prepared.pipeline, prepared.settings, DayRange(LAST, LAST))
    assert (Part.BUCKET, "visits", 3, 2) in {(d.part, d.measure, d.raw, d.stored) for d in found.differences}


def test_a_member_that_should_have_been_redacted_is_found(prepared: Database) -> None:
    """The facts' side looks for itself at what counting believed not to need a look (A5)."""
    _visit(prepared, LAST, "s4", utm_source="Kim@Example.com")
    prepared.replace(LAST)
    prepared.merge_pending()
    day = DayRange(LAST, LAST)
    assert prepared.summary("utm_source", LAST)[0]["utm_source"] == "(redacted)"
    assert compare_days(prepared.pipeline, prepared.settings, day).differences == ()
    prepared.execute(
        "create or replace function stats.may_look_personal(value text) returns boolean "
        "language sql immutable parallel safe return false"
    )
    prepared.close()  # plans of its connections know the former one
    prepared.replace(LAST)
    found = compare_days(prepared.pipeline, prepared.settings, day).differences
    assert {difference.part for difference in found} == {Part.BUCKET, Part.SESSION_DAYS}


def test_a_client_alone(prepared: Database) -> None:
    prepared.execute("update stats.client_daily set conversions = conversions + 1 where bucket_date = '2024-04-30'")
    found = compare_days(prepared.pipeline, prepared.settings, DayRange(LAST, LAST), OTHER)
    assert {d.member["client_id"] for d in found.differences} == {str(OTHER)}
    assert {d.grain for d in found.differences} == {"client"}


def test_a_day_never_computed_is_missing_not_wrong(prepared: Database) -> None:
    later = DayRange(LAST, LAST + timedelta(days=1))
    _visit(prepared, later.last, "s9")
    days = compare_days(prepared.pipeline, prepared.settings, later)
    windows = compare_windows(prepared.pipeline, prepared.settings, later)
    for found in (days, windows):
        assert (found.checked, found.missing, found.differences) == ((LAST,), (later.last,), ())


def test_pending_days_do_not_look_like_damaged_histograms(prepared: Database) -> None:
    _visit(prepared, LAST - timedelta(days=1), "s1")
    prepared.replace(LAST - timedelta(days=1))
    assert compare_histograms(prepared.pipeline, DAYS).differences == ()
    prepared.merge_pending()
    assert compare_histograms(prepared.pipeline, DAYS).differences == ()


def test_a_day_whose_facts_moved_is_stale_not_wrong(prepared: Database) -> None:
    _visit(prepared, LAST, "late")
    days = compare_days(prepared.pipeline, prepared.settings, DayRange(LAST - timedelta(days=1), LAST))
    assert (days.checked, days.stale, days.differences) == ((LAST - timedelta(days=1),), (LAST,), ())
    windows = compare_windows(prepared.pipeline, prepared.settings, DayRange(LAST - timedelta(days=1), LAST))
    assert (windows.checked, windows.stale, windows.differences) == ((LAST - timedelta(days=1),), (LAST,), ())


def test_a_day_whose_facts_moved_and_say_the_same_is_checked(prepared: Database) -> None:
    """Whether numbers are late is asked where they differ: all facts of the day would be counted once more for it."""
    late, days = datetime(LAST.year, LAST.month, LAST.day, 3, tzinfo=UTC), DayRange(LAST, LAST)
    prepared.execute(
        "update event_access_logs set accessed_at = accessed_at + interval '1 s' where accessed_at = :at", at=late
    )
    assert compare_windows(prepared.pipeline, prepared.settings, days).stale == (LAST,)
    found = compare_days(prepared.pipeline, prepared.settings, days)
    assert (found.checked, found.stale, found.differences) == ((LAST,), (), ())


def test_a_repair_is_in_the_ledger(prepared: Database) -> None:
    prepared.execute("update stats.platform_daily set conversions = 9 where bucket_date = '2024-04-30'")
    repair(prepared.pipeline, prepared.settings, compare_days(prepared.pipeline, prepared.settings, DAYS), "run")
    assert prepared.rows(
        "select cause, reason, run_id, conversions_before, conversions_after from stats.day_ledger "
        "where bucket_date = '2024-04-30' order by entry_no desc limit 1"
    ) == [
        {
            "cause": "unchanged",
            "reason": "repair: parity",
            "run_id": "run",
            "conversions_before": 9,
            "conversions_after": 1,
        }
    ]


def test_pruned_session_days_is_not_damage(prepared: Database) -> None:
    """Seven days are answered: session-days keep fourteen, histograms whose predecessor it forgot stay as they are."""
    pruning = prepared.settings.changed(ranges={"longest_days": 7})
    assert prune_session_days(prepared.pipeline, pruning, LAST) > 0
    assert _everything(prepared).differences == ()
    kept = prepared.rows("select count(*) as n from stats.return_histogram where previous_date = '2024-03-01'")
    prepared.execute("update stats.client_returns set sessions = 5 where previous_date = '2024-04-27'")
    found = _everything(prepared)
    assert {d.part for d in found.differences} == {Part.HISTOGRAM, Part.WINDOW}
    repair(prepared.pipeline, prepared.settings, found)
    assert _everything(prepared).differences == ()
    assert prepared.rows("select count(*) as n from stats.return_histogram where previous_date = '2024-03-01'") == kept
    # A day that can no longer be replaced is reported and kept.
    prepared.execute("update stats.platform_daily set conversions = 9 where bucket_date = '2024-03-01'")
    done = repair(prepared.pipeline, prepared.settings, _everything(prepared))
    assert list(done.kept) == [DAYS.first]
    assert done.rebuilt == ()


def test_history_is_not_compared_each_with_each_before_it_has_statistics(prepared: Database) -> None:
    """A backfill fills the tables at once; the last statistics may be of the first minute, when nothing was merged."""
    for table in ("partition_state", "session_days", "session_day_change"):
        prepared.execute(f"alter table stats.{table} set (autovacuum_enabled = off)")
    prepared.execute("update stats.partition_state set histogram_included = false")
    prepared.execute("analyze stats.partition_state, stats.session_days, stats.session_day_change")
    prepared.execute("update stats.partition_state set histogram_included = true")
    plans = []

    def explain(_connection: object, cursor: Any, query: str, parameters: Any, *_: object) -> None:
        if "returning_session as" in query:
            cursor.execute("explain " + query, parameters)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))

    event.listen(prepared.pipeline, "before_cursor_execute", explain)
    try:
        compare_histograms(prepared.pipeline, DAYS)
    finally:
        event.remove(prepared.pipeline, "before_cursor_execute", explain)
    (plan,) = plans
    assert re.search(r"(Hash|Merge) Cond: \(\w+\.session_id = \w+\.session_id\)", plan), plan
