"""Hour buckets (B1): for the listed clients and campaigns only, on UTC hours (T2), in the day's own transaction."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import Counted
from eventflow_pipeline_tests.worlds.small_world import Mirror


def _list(database: Database, **listed: list[UUID]) -> None:
    database.define(**{f"hourly_{name}": listed.get(name, []) for name in ("clients", "campaigns")})


def _visits(start: datetime, hours: int) -> list[dict[str, Any]]:
    """Four hits an hour at :00, :15, :29:59.999999 and :30; the same session at :00 of every hour."""
    offsets = (timedelta(), timedelta(minutes=15), timedelta(minutes=30, microseconds=-1), timedelta(minutes=30))
    return [
        {
            **small.PLAIN_VISIT,
            "session_id": ("again", "", f"a{h}", f"b{h}")[n],
            "accessed_at": start + h * timedelta(hours=1) + o,
        }
        for h in range(hours)
        for n, o in enumerate(offsets)
    ]


def _expected(mirror: Mirror, days: list[date]) -> dict[tuple[Any, ...], tuple[int, int, int, int]]:
    facts: dict[tuple[Any, ...], list[Counted]] = defaultdict(list)
    for day, seen in mirror.world.by_day(mirror.database.settings.zone).items():
        for fact in seen if day in days else ():
            hour = fact.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            facts[(day, hour, *(fact.keys[k] for k in ("client_id", "entity_type", "entity_id")))].append(fact)
    return {
        key: (
            sum(f.entry is None for f in seen),
            len({f.session for f in seen if f.session}),
            sum(f.entry is None and f.session is None for f in seen),
            len({f.entry for f in seen if f.entry}),
        )
        for key, seen in facts.items()
    }


def _stored(database: Database) -> dict[tuple[Any, ...], tuple[int, int, int, int]]:
    keys = ("bucket_date", "bucket_hour", "client_id", "entity_type", "entity_id")
    measures = ("hits", "visits", "sessionless_hits", "conversions")
    return {
        tuple(row[k] for k in keys): tuple(row[m] for m in measures)  # type: ignore[misc]
        for row in database.rows("select * from stats.campaign_hourly")
    }


@pytest.mark.parametrize(
    ("zone", "first", "rows_of_the_middle_day"),
    [
        # A day at :30 touches 25 UTC hours, the first and the last of them half.
        ("Asia/Kolkata", date(2024, 3, 1), 25),
        ("Asia/Seoul", date(2024, 3, 1), 24),
        ("America/New_York", date(2024, 3, 9), 23),
        ("America/New_York", date(2024, 11, 2), 25),
        ("America/Santiago", date(2024, 9, 7), 23),
    ],
)
def test_hours_of_days_in_zones(mirror: Mirror, zone: str, first: date, rows_of_the_middle_day: int) -> None:
    database = mirror.database
    database.set_build_settings(zone)
    _list(database, clients=[small.CLIENT])
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(hours=24)
    mirror.add(
        _visits(start, 120),
        [
            {**{k: v for k, v in small.PLAIN_VISIT.items() if k != "webinar_id"}, "client_id": small.CLIENT,
             "created_at": start + timedelta(hours=n, minutes=30)}
            for n in range(120)
        ],
    )  # fmt: skip
    days = [first + timedelta(days=n) for n in range(3)]
    totals = database.replace(*days)
    stored = _stored(database)
    assert stored == _expected(mirror, days)
    assert sum(key[0] == days[1] for key in stored) == rows_of_the_middle_day
    assert [t.campaign_hours for t in totals] == [sum(key[0] == day for key in stored) for day in days]
    # Hits and conversions of the hours add up to the day's; visits do not and are not meant to.
    for day in days:
        (bucket,) = database.rows(
            "select hits, visits, conversions from stats.campaign_daily where bucket_date = :d", d=day
        )
        hours = [value for key, value in stored.items() if key[0] == day]
        assert sum(h[0] for h in hours) == bucket["hits"]
        assert sum(h[3] for h in hours) == bucket["conversions"]
        assert sum(h[1] for h in hours) > bucket["visits"]


def test_only_what_is_listed_and_nothing_once_it_is_not(mirror: Mirror) -> None:
    database, day = mirror.database, date(2024, 3, 1)
    noon = datetime(2024, 3, 1, 3, tzinfo=UTC)
    targets = [(small.CAMPAIGN, None), (small.FOREIGN, None), (small.ROWLESS, None), (None, small.WEBINAR)]
    mirror.add(
        [
            {
                **small.PLAIN_VISIT,
                "campaign_id": campaign,
                "webinar_id": webinar,
                "session_id": "s",
                "accessed_at": noon,
            }
            for campaign, webinar in targets
        ]
    )

    def entities() -> set[UUID]:
        database.replace(day)
        return {row["entity_id"] for row in database.rows("select entity_id from stats.campaign_hourly")}

    assert entities() == set()
    _list(database, clients=[small.CLIENT])
    assert entities() == {small.CAMPAIGN, small.WEBINAR}
    _list(database, campaigns=[small.ROWLESS], clients=[small.OTHER])
    assert entities() == {small.ROWLESS, small.FOREIGN}
    mirror.exclude(small.FOREIGN)
    assert entities() == {small.ROWLESS}
    _list(database, campaigns=[], clients=[])
    assert entities() == set()
