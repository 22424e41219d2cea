"""Samples and buckets against a simulated audience: joins, leaves, hidden tabs, clock steps, restarts, duplicates."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, event, example, given, settings

from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.warehouse.webinar.days import replace_webinar_day
from eventflow_pipeline.warehouse.webinar.sampler import sample_webinars
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.audience import EPOCH, LENGTH, MINUTE, Account, Person, Story, stories

WEBINAR = UUID(int=0xA)
DAY = date(2026, 3, 2)  # EPOCH is 10:00 of it in Seoul
#: A short window, so that an hour holds its opening, its end and what is left of the audience after that.
RULES = ObservationRules(before=timedelta(minutes=5), after=timedelta(minutes=15))
_TABLES = "webinars, webinar_live_presence, stats.webinar_sample, stats.webinar_stats_5min, stats.webinar_stats_daily"
ALONE = Story(10, (Person(((900, 2400),), 120),), tuple(range(5, 3600, 20)), ())
STEPPED_BACK = Story(10, (Person(((300, 3000),), 120),), tuple(range(5, 3600, 20)), ((1200, -400),))


def _run(database: Database, story: Story) -> Account:
    """Live through the story, in the database and on paper."""
    start = EPOCH + timedelta(minutes=story.start_minute)
    account = Account(start - RULES.before, start + RULES.after)
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute(f"truncate {_TABLES}".encode())
        owner.execute(
            "insert into webinars (id, client_id, title, webinar_start_time) values (%s, %s, 'w', %s)",
            [WEBINAR, WEBINAR, start],
        )
        for second, who in story.events():
            at = story.clock(second)
            if who >= 0:
                account.ping(who, at)
                owner.execute("select stats.record_presence(%s, %s, %s)", [WEBINAR, UUID(int=who), at])
            else:
                account.tick(at)
                sample_webinars(database.pipeline, RULES, at)
    return account


def _stored(database: Database) -> dict[Any, int]:
    return {r["sampled_minute"]: r["viewers"] for r in database.rows("select * from stats.webinar_sample")}


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@example(ALONE)
@example(STEPPED_BACK)
@given(stories())
def test_samples_and_buckets_are_what_the_audience_says(database: Database, story: Story) -> None:
    account = _run(database, story)
    assert _stored(database) == account.samples
    now = story.clock(LENGTH * 60)
    replace_webinar_day(database.pipeline, DAY, database.settings.zone, RULES, at=now)
    minutes = [EPOCH + n * MINUTE for n in range(-20, LENGTH + 90)]
    expected = account.buckets(minutes, now)
    found = {
        r["bucket_start"]: (
            r["sample_count"], r["min_viewers"], r["max_viewers"],
            None if r["avg_viewers"] is None else round(float(r["avg_viewers"]), 6), r["last_viewers"], r["gaps"],
        )
        for r in database.rows("select * from stats.webinar_stats_5min")
    }  # fmt: skip
    assert found == expected
    gaps = sum(int(bucket[5]) for bucket in expected.values())  # type: ignore[call-overload]
    event(f"gaps: {bool(gaps)}, steps: {len(story.steps)}, people: {bool(story.people)}")
    days = database.rows("select * from stats.webinar_stats_daily")
    if account.samples or gaps:
        assert days[0]["minutes_observed"] == len(account.samples)
        assert days[0]["minutes_missed"] == gaps
    if account.samples:
        assert days[0]["peak_viewers"] == max(account.samples.values())
        if days[0]["peak_viewers"]:
            assert account.samples[days[0]["peak_at"]] == days[0]["peak_viewers"]
            if not story.steps:
                assert days[0]["unique_viewers"] == len(account.last_seen)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(stories())
def test_a_sample_lies_between_who_is_there_and_who_was_lately(database: Database, story: Story) -> None:
    """Against the people themselves, with a clock nobody steps: a page visible for one ping's distance is counted, one
    hidden for longer than the threshold is not."""
    steady = Story(story.start_minute, story.people, story.ticks, ())
    _run(database, steady)
    for sample in database.rows("select sampled_at, viewers from stats.webinar_sample"):
        second = (sample["sampled_at"] - EPOCH).total_seconds()
        here = sum(any(a + 130 <= second < b for a, b in p.visible) for p in steady.people)
        lately = sum(any(a <= second and b > second - 180 for a, b in p.visible) for p in steady.people)
        assert here <= sample["viewers"] <= lately
