"""Buckets and days of webinars (W2, W3): sources apart, gaps visible, traffic counted once."""

import threading
from datetime import date, timedelta
from uuid import UUID

import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.schema.migrations import rebuild
from eventflow_pipeline.warehouse.webinar.days import stale_webinar_days
from eventflow_pipeline.warehouse.webinar.reads import findings
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.broadcast import (
    CLIENT,
    DAY,
    FIRST,
    FOREIGN,
    MINUTE,
    OTHER_CLIENT,
    RULES,
    SECOND,
    START,
    replace,
    write_broadcast,
    write_samples,
)


def _buckets(database: Database, webinar: UUID, source: str) -> list[tuple[object, ...]]:
    columns = ("sample_count", "min_viewers", "max_viewers", "last_viewers", "gaps")
    rows = database.rows(
        "select * from stats.webinar_stats_5min where webinar_id = :w and source = :s order by bucket_start",
        w=webinar,
        s=source,
    )
    return [tuple(row[c] for c in columns) for row in rows]


def _days(database: Database) -> dict[UUID, dict[str, object]]:
    return {r["webinar_id"]: r for r in database.rows("select * from stats.webinar_stats_daily")}


def test_buckets_come_from_samples_and_show_their_gaps(broadcast: Database) -> None:
    assert _buckets(broadcast, FIRST, "sampled") == [
        (5, 0, 2, 2, 0), (3, 4, 6, 6, 2), (5, 1, 7, 1, 0), (5, 0, 0, 0, 0), (5, 0, 0, 0, 0),
    ]  # fmt: skip


def test_minutes_without_any_sample_are_a_bucket_of_gaps(database: Database) -> None:
    write_broadcast(database)
    database.execute("delete from stats.webinar_sample where sampled_minute >= :m", m=START + 3 * MINUTE)
    replace(database)
    # The last sample had viewers: minutes are owed to the end of the window, then until an hour after that sample.
    buckets = _buckets(database, FIRST, "sampled")
    assert buckets[:3] == [(5, 0, 2, 2, 0), (2, 4, 5, 5, 3), (0, None, None, None, 5)]
    # The last sample is of minute 1, so minutes 2 to 61 are owed: three, eleven times five, and two.
    assert sum(int(str(b[4])) for b in buckets) == 60


def test_nothing_is_owed_before_the_first_sample_ever(database: Database) -> None:
    write_broadcast(database)
    database.execute("delete from stats.webinar_sample where sampled_minute < :m", m=START + 7 * MINUTE)
    replace(database)
    assert _buckets(database, FIRST, "sampled")[0] == (3, 1, 3, 1, 0)


def test_legacy_buckets_are_carried_as_they_are_under_their_label(broadcast: Database) -> None:
    assert _buckets(broadcast, FIRST, "legacy") == [(8, 9, 12, 11, None)]
    row = broadcast.rows("select * from stats.webinar_stats_5min where source = 'legacy' and webinar_id = :w", w=FIRST)
    assert float(row[0]["avg_viewers"]) == 10
    same = broadcast.rows(
        "select source from stats.webinar_stats_5min where webinar_id = :w and bucket_start = :b order by 1",
        w=FIRST, b=START,
    )  # fmt: skip
    assert [r["source"] for r in same] == ["legacy", "sampled"]


def test_a_day_takes_one_source(broadcast: Database) -> None:
    days = _days(broadcast)
    first, second = days[FIRST], days[SECOND]
    assert (first["source"], first["peak_viewers"], first["peak_at"]) == ("sampled", 7, START + 6 * MINUTE)
    # Live: from the bucket of the start to the last bucket with viewers.
    assert float(str(first["avg_viewers_live"])) == pytest.approx((4 + 5 + 6 + 6 + 7 + 3 + 2 + 1) / 8)
    assert (first["minutes_observed"], first["minutes_missed"], first["unique_viewers"]) == (23, 2, 9)
    assert (second["source"], second["peak_viewers"], second["minutes_observed"]) == ("legacy", 12, None)
    assert second["unique_viewers"] is None, "presence is gone: not known, not 0"


def test_visits_and_conversions_are_the_webinars_and_its_campaigns(broadcast: Database) -> None:
    traffic = {w: (d["hits"], d["visits"], d["conversions"], d["campaign_shared"]) for w, d in _days(broadcast).items()}
    assert traffic == {
        FIRST: (5, 3, 2, True),  # s1 on both entities counts once
        SECOND: (3, 3, 2, True),
        FOREIGN: (1, 1, 0, False),  # the campaign is another client's: its traffic is not shown here (P2)
    }


def test_a_strangers_webinar_says_nothing_of_a_campaign(broadcast: Database) -> None:
    """Whoever names a campaign of another client changes nothing that client is told."""
    broadcast.execute("delete from webinars where id = :w", w=SECOND)
    replace(broadcast)
    days = _days(broadcast)
    assert (days[FIRST]["campaign_shared"], days[FOREIGN]["campaign_shared"]) == (False, False)


def test_a_client_counts_a_shared_campaign_once(broadcast: Database) -> None:
    clients = {r["client_id"]: r for r in broadcast.rows("select * from stats.webinar_client_daily")}
    mine = clients[CLIENT]
    assert (mine["webinars"], mine["shared_campaigns"]) == (2, 1)
    assert (mine["hits"], mine["visits"], mine["conversions"]) == (6, 4, 2)
    assert (clients[OTHER_CLIENT]["visits"], clients[OTHER_CLIENT]["conversions"]) == (1, 0)


def test_traffic_is_unknown_not_zero_until_the_marketing_day_is_computed(database: Database) -> None:
    write_broadcast(database)
    replace(database)
    assert (_days(database)[FIRST]["visits"], _days(database)[FIRST]["conversions"]) == (None, None)
    assert database.rows("select visits from stats.webinar_client_daily where client_id = :c", c=CLIENT) == [
        {"visits": None}
    ]


def test_a_webinar_without_a_row_stays_visible_under_the_unknown_client(broadcast: Database) -> None:
    broadcast.execute("delete from webinars where id = :w", w=FIRST)
    broadcast.replace(DAY)
    replace(broadcast)
    first = _days(broadcast)[FIRST]
    assert (first["client_id"], first["peak_viewers"], first["visits"], first["conversions"]) == (None, 7, 2, 0)


def test_replacing_again_changes_nothing_and_an_emptied_day_becomes_empty(broadcast: Database) -> None:
    before = [
        broadcast.rows(f"select * from stats.{t} order by 1, 2, 3, 4")
        for t in ("webinar_stats_5min", "webinar_stats_daily")
    ]
    replace(broadcast)
    after = [
        broadcast.rows(f"select * from stats.{t} order by 1, 2, 3, 4")
        for t in ("webinar_stats_5min", "webinar_stats_daily")
    ]
    assert after == before
    for table in ("stats.webinar_sample", "webinar_access_logs", "webinar_live_presence", "stats.session_days"):
        broadcast.execute(f"delete from {table}")
    assert replace(broadcast).webinars == 0
    assert broadcast.rows("select from stats.webinar_stats_5min") == []
    assert broadcast.rows("select from stats.webinar_client_daily") == []


def test_a_worker_that_waited_sees_what_was_written_meanwhile(database: Database) -> None:
    """The lock is taken before the snapshot: two workers at once leave the newer facts, never the older."""
    write_broadcast(database)
    workers = [threading.Thread(target=replace, args=(database,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    write_samples(database, SECOND, START, [1, 2, 3])
    for worker in workers:
        worker.join()
    replace(database)
    assert _days(database)[SECOND]["peak_viewers"] == 3


def test_days_of_a_zone_whose_clock_changes(database: Database) -> None:
    """T1: the second midnight of Santiago belongs to the day before."""
    database.set_build_settings("America/Santiago", date(2026, 1, 1))
    day_end = START.replace(month=4, day=5, hour=4, minute=0)  # 2026-04-05 begins here, an hour late
    write_samples(database, FIRST, day_end - 2 * MINUTE, [1, 2, 3, 4])
    for day in (date(2026, 4, 4), date(2026, 4, 5)):
        replace(database, day)
    rows = database.rows("select bucket_date, sample_count from stats.webinar_stats_5min order by bucket_start")
    assert [(str(r["bucket_date"]), r["sample_count"]) for r in rows if r["sample_count"]] == [
        ("2026-04-04", 2), ("2026-04-05", 2)]  # fmt: skip


# What makes a day stale.


def _stale(database: Database) -> list[date]:
    return stale_webinar_days(
        database.pipeline, DayRange(date(2026, 3, 1), date(2026, 3, 4)), database.settings.zone, RULES
    )


def test_days_with_anything_are_stale_until_computed(database: Database) -> None:
    assert _stale(database) == []
    write_broadcast(database)
    assert _stale(database) == [DAY, DAY + timedelta(days=1)]
    for day in _stale(database):
        replace(database, day)
    assert _stale(database) == []


@pytest.mark.parametrize(
    "change",
    [
        "insert into stats.webinar_sample "
        "values ('00000000-0000-0000-0000-0000000000a2', '2026-03-02 09:00+00', 3, now())",
        "update webinar_access_logs set sample_count = sample_count + 1, sum_participants = sum_participants + 3",
        "update webinars set webinar_start_time = webinar_start_time + interval '1 hour' where title = 'first'",
        "update webinars set registration_campaign_id = null where title = 'second'",
        "update webinars set client_id = gen_random_uuid() where title = 'foreign'",
        "delete from webinars where title = 'first'",
        "insert into webinars (client_id, title, registration_campaign_id) "
        "select client_id, 'late', registration_campaign_id from webinars limit 1",
        "update stats.partition_state set computed_at = clock_timestamp()",
    ],
)
def test_whatever_a_day_is_computed_from_makes_it_stale(broadcast: Database, change: str) -> None:
    replace(broadcast, DAY + timedelta(days=1))
    assert _stale(broadcast) == []
    broadcast.execute(change)
    assert DAY in _stale(broadcast)
    for day in _stale(broadcast):
        replace(broadcast, day)
    assert _stale(broadcast) == []


def test_rebuild_keeps_samples(broadcast: Database) -> None:
    """They are facts: presence has been overwritten since."""
    rebuild(broadcast.owner, broadcast.settings)
    assert broadcast.rows("select from stats.webinar_stats_daily") == []
    assert len(broadcast.rows("select from stats.webinar_sample")) == 23


def test_a_day_pruned_session_days_no_longer_holds_keeps_its_numbers(broadcast: Database) -> None:
    before = _days(broadcast)
    broadcast.execute("delete from stats.session_days")
    broadcast.execute("update stats.build_settings set longest_range_days = 2, session_days_from = :d", d=DAY)
    broadcast.execute("update webinars set webinar_start_time = webinar_start_time + interval '1 minute'")
    assert DAY not in _stale(broadcast)
    with pytest.raises(UserError, match="can no longer be replaced"):
        replace(broadcast)
    assert _days(broadcast) == before


# What the checks find.


def test_findings(broadcast: Database) -> None:
    found = findings(broadcast.pipeline, DayRange(DAY, DAY))[DAY]
    assert (found["minutes_owed"], found["minutes_missed"]) == (25, 2)
    assert (found["disordered"], found["disordered_legacy"], found["over_known"]) == (0, 0, 0)
    broadcast.execute("update stats.webinar_stats_5min set avg_viewers = max_viewers + 1 where source = 'legacy'")
    broadcast.execute(
        "update stats.webinar_stats_5min set avg_viewers = min_viewers - 1 where source = 'sampled' and max_viewers = 7"
    )
    broadcast.execute("update stats.webinar_stats_daily set unique_viewers = 6 where webinar_id = :w", w=FIRST)
    found = findings(broadcast.pipeline, DayRange(DAY, DAY))[DAY]
    assert (found["disordered"], found["disordered_legacy"], found["over_known"]) == (1, 2, 1)
