"""Days of damaged facts that meet again and again, and everything that is published of them, row by row."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.range_replacement import FailedDay, replace_days
from eventflow_pipeline.warehouse.days.replacement import DayTotals, Request, replace_day
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.small_world import Mirror

#: The clocks of Santiago go forward on one of them, a day of 23 hours; the last but one has no fact.
DAYS = [date(2024, 9, 7) + timedelta(days=n) for n in range(4)]
#: In place of exported_ids: a cluster is at work on it until it is told to stop.
ENDLESS = "SELECT count(*) AS facts, 0 AS ids, 1 AS day_no FROM range(9223372036854775807) WHERE id % 3 = 1"
PUBLISHED = {
    "session_days": "s.*",
    "bucket_daily": "s.*",
    "campaign_hourly": "s.*",
    "return_histogram": "s.*",
    "client_day": "to_jsonb(s) - 'facts_at'",
    "partition_state": "to_jsonb(s) - '{computed_at,facts_at,run_id,watermark,day_fingerprint}'::text[]",
}


def published(database: Database) -> dict[str, list[str]]:
    """Every row of every table that is published, as text, but for when it was."""
    return {
        table: sorted(row["r"] for row in database.rows(f"select ({what})::text r from stats.{table} s"))
        for table, what in PUBLISHED.items()
    }


def but_for_the_engine(published: dict[str, list[str]]) -> dict[str, list[str]]:
    """``published``, where nothing says that the engine was another one."""
    states = sorted(row.replace(" engine=spark", "") for row in published["partition_state"])
    assert states != published["partition_state"]
    return {**published, "partition_state": states}


def fill(mirror: Mirror, zone: ZoneInfo, seed: int) -> None:
    """Facts of sessions, links and members that keep meeting again, at the edges of days too, and rules that fold."""
    pick = random.Random(seed)
    starts = [datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(UTC) for d in DAYS]
    days = [n for n in range(len(DAYS)) if n != 2]

    def at() -> datetime:
        start = starts[pick.choice(days)]
        edges = [timedelta(), timedelta(microseconds=1), timedelta(hours=22, minutes=59, seconds=59.999999)]
        return start + pick.choice([*edges, timedelta(seconds=pick.randrange(22 * 3600))])

    def supplied() -> dict[str, Any]:
        return {
            "utm_source": pick.choice(
                [None, None, "naver", " NAVER ", "kakao", "Kim@Example.com", 'a,"b"\n', "\\.", "''"]
            ),
            "utm_medium": pick.choice([None, None, "cpc", "\u3000", "x" * 3_000]),
            "utm_campaign": pick.choice([None, None, "ΟΔΟΣ", "Straße", "봄세일", "(folded)"]),
            "cid": pick.choice([None, None, " aaaa1111 ", "BBBB2222", "nosuch", " "]),
            "marketing_campaign_link_id": pick.choice(
                [None, None, None, small.LINK, small.TWIN, small.PLAIN, small.DANGLING]
            ),
        }

    targets = [(small.CAMPAIGN, None)] * 3 + [
        (small.FOREIGN, None), (small.ROWLESS, None), (None, small.WEBINAR), (None, small.WEBINAR_ROWLESS),
        (small.CAMPAIGN, small.WEBINAR),
    ]  # fmt: skip
    visits = []
    for _ in range(160):
        campaign, webinar = pick.choice(targets)
        session = pick.choice(["s1", "s2", "s3", " s1\u3000", "s4", "\t", "", "NULL", *(f"n{n}" for n in range(9))])
        visits.append(
            {"campaign_id": campaign, "webinar_id": webinar, "session_id": session, **supplied(), "accessed_at": at()}
        )
    entries = [
        {
            "campaign_id": pick.choice([small.CAMPAIGN, small.FOREIGN, small.ROWLESS]),
            "client_id": pick.choice(small.CLIENTS), **supplied(), "created_at": at(),
        }
        for _ in range(40)
    ]  # fmt: skip
    mirror.add(visits, entries)


def compute_all(database: Database, settings: Settings) -> None:
    """Replace every day, and merge."""
    for day in DAYS:
        replace_day(database.pipeline, day, settings, Request(accepted=True))
    merge_pending(database.pipeline)


def replaced_days(database: Database, settings: Settings) -> dict[date, DayTotals | FailedDay]:
    """Replace every day, several at once; what became of each."""
    outcomes = replace_days(database.pipeline, DAYS, settings, Request(accepted=True))
    return {outcome.day: outcome for outcome in outcomes}
