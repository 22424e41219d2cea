"""What a sample looks like as a whole: the same for equal options, in its period, of its size, impersonal."""

import re
from collections import Counter
from dataclasses import astuple, replace
from datetime import date, datetime, timedelta

import pytest

from eventflow_pipeline.dev.sample import SampleOptions, SampleRefused, client_user, generate
from eventflow_pipeline.dev.sample.rows import Entry, Visit
from eventflow_pipeline.domain.days import day_window
from eventflow_pipeline.errors import UserError
from eventflow_pipeline_tests.dev.sample.samples import EVERY, OPTIONS, UNTIL, reader
from eventflow_pipeline_tests.repetitions import some

SMALL = replace(OPTIONS["default"], days=8, visits_per_day=60)
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
PHONE = re.compile(r"(?<![0-9A-Za-z])\+?\d[\d\s().-]{7,}\d(?![0-9A-Za-z])")


@pytest.mark.parametrize("name", some(["smallest", "no_midnight", "until_now"], 2))
def test_equal_options_give_equal_rows_and_ids(name):
    again = generate(replace(OPTIONS[name]))
    assert again == reader(name).sample


def test_another_seed_gives_other_rows_but_the_same_users():
    one, other = generate(SMALL), generate(replace(SMALL, seed=8))
    assert {row.id for row in one.visits}.isdisjoint(row.id for row in other.visits)
    assert {row.id for row in one.clients}.isdisjoint(row.id for row in other.clients)
    assert {row.user_id for row in one.client_members} == {row.user_id for row in other.client_members}


@EVERY
def test_every_id_is_unique(name):
    sample = reader(name).sample
    for _, kind, rows in sample.tables():
        if hasattr(kind, "id"):
            assert len({row.id for row in rows}) == len(rows)
    for key in (
        [(row.campaign_id, row.phone_norm) for row in sample.entries],
        [(row.client_id, row.cid) for row in sample.links if row.cid],
        [(row.webinar_id, row.user_id) for row in sample.presence],
        [(row.webinar_id, row.time_bucket) for row in sample.concurrency],
        [(row.client_id, row.user_id) for row in sample.client_members],
    ):
        assert len(set(key)) == len(key)


@EVERY
def test_nothing_happens_after_now(name):
    view = reader(name)
    sample, options = view.sample, view.sample.options
    end = options.now or day_window(options.until, options.time_zone).end
    for row in sample.visits:
        assert row.accessed_at <= row.created_at <= end
        assert row.converted_at is None or row.converted_at <= end
    assert all(max(row.created_at, row.completed_at) <= end for row in sample.entries)
    assert all(row.joined_at <= row.last_seen_at <= end for row in sample.presence)
    assert all(row.last_sample_at <= end for row in sample.concurrency)


@EVERY
def test_every_local_date_is_in_the_period_but_for_the_trap(name):
    view = reader(name)
    options = view.sample.options
    first = options.until - timedelta(days=options.days - 1)
    outside = {
        row.id for row in (*view.sample.visits, *view.sample.entries) if not first <= view.day(row) <= options.until
    }
    assert outside == set(view.sample.traps["out_of_range"])


def test_the_out_of_range_trap_can_be_left_out():
    sample = generate(replace(SMALL, include_out_of_range=False))
    assert "out_of_range" not in sample.traps
    first = day_window(UNTIL - timedelta(days=7), SMALL.time_zone).start
    assert all(row.accessed_at >= first for row in sample.visits)
    assert all(row.created_at >= first for row in sample.entries)


def test_sizes_follow_the_options():
    sample = generate(replace(SMALL, agencies=3, clients=5, campaigns=20, webinars=7, visits_per_day=200, days=20))
    assert len(sample.agencies) == 3
    assert len(sample.clients) == 5
    assert len(sample.campaigns) == 20 + 1  # the test clone
    assert len(sample.webinars) == 7
    assert len({row.campaign_id for row in sample.visits}) >= 20


@pytest.mark.parametrize("visits_per_day", [100, 400])
def test_arrivals_a_day_average_what_was_asked_for(visits_per_day):
    sample = generate(replace(SMALL, days=30, visits_per_day=visits_per_day))
    assert 1.2 < len(sample.visits) / (30 * visits_per_day) < 1.8


def test_default_size():
    sample = reader("default").sample
    assert 50_000 < len(sample.visits) < 70_000
    assert 3_000 < len(sample.entries) < 8_000


def test_nights_are_quiet_evenings_busy_weekends_low():
    view = reader("default")
    hours = Counter(row.accessed_at.astimezone(view.zone).hour for row in view.sample.visits)
    weekdays = Counter(view.day(row).weekday() for row in view.sample.visits)
    assert hours[3] * 10 < hours[12]
    assert hours[16] < min(hours[12], hours[20])
    assert max(weekdays[5], weekdays[6]) < min(weekdays[n] for n in range(5))


def test_a_newsletter_brings_a_burst_that_decays_within_hours():
    view = reader("default")
    newsletters = {row.id for row in view.sample.links if "newsletter" in (row.utm_source or "").lower()}
    days: Counter[tuple[object, date]] = Counter()
    hours: Counter[tuple[object, date, int]] = Counter()
    for row in view.sample.visits:
        link = view.link(row)[1]
        if link in newsletters:
            local = row.accessed_at.astimezone(view.zone)
            days[link, local.date()] += 1
            hours[link, local.date(), local.hour] += 1
    (link, day), peak = days.most_common(1)[0]
    assert peak > 5 * days[link, day - timedelta(days=1)]
    assert hours[link, day, 10] > 2 * hours[link, day, 15]


def test_statuses_targets_and_cids_are_all_there():
    sample = reader("default").sample
    assert {row.status for row in sample.links} == {"active", "paused", "archived"}
    assert {row.target_type for row in sample.links} == {"campaign", "webinar"}
    assert all(re.fullmatch("[A-Z0-9]{8}", row.cid) for row in sample.links if row.cid)
    assert any(row.utm_source != (row.utm_source or "").strip().lower() for row in sample.links)
    assert {row.type for row in sample.campaigns} == {"survey", "registration"}
    assert {row.status for row in sample.campaigns} == {"draft", "published", "closed"}
    assert {row.type for row in sample.webinars} == {"live", "ondemand"}
    assert any(row.registration_campaign_id is None for row in sample.webinars)
    assert {row.role for row in sample.client_members} == {"owner", "admin", "operator", "analyst", "member"}
    assert {row.role for row in sample.agency_members} == {"owner", "admin", "analyst"}
    assert sum(row.user_id == client_user(0, "analyst") for row in sample.client_members) == 2


def test_link_quality_is_realistic():
    view = reader("default")
    for rows in (view.sample.visits, view.sample.entries):
        statuses = Counter(view.link(row)[0] for row in rows)
        assert statuses["unresolved"] / len(rows) < 0.05
        assert 0.1 < statuses["unknown"] / len(rows) < 0.45
        assert sum(any(view.utm(row)) for row in rows) / len(rows) > 0.6
    with_session = sum(row.session_id is not None for row in view.sample.entries)
    assert 0.8 < with_session / len(view.sample.entries) < 0.97
    assert {bool(row.registration_data) for row in view.sample.entries} == {True, False}


@EVERY
def test_an_entry_marks_every_earlier_hit_of_its_session_in_its_campaign(name):
    view = reader(name)
    last: dict[tuple[object, str], Entry] = {}
    for entry in sorted(view.sample.entries, key=lambda row: row.created_at):
        if entry.session_id and entry.session_id.strip():
            last[entry.campaign_id, entry.session_id] = entry
    for hit in view.sample.visits:
        if hit.entry_id is not None:
            entry = view.entries[hit.entry_id]
            assert (entry.campaign_id, entry.session_id) == (hit.campaign_id, hit.session_id)
            assert hit.converted_at == entry.created_at >= hit.accessed_at
        elif latest := last.get((hit.campaign_id, hit.session_id)):
            assert hit.created_at > latest.created_at


@EVERY
def test_hits_are_ingested_at_once_but_for_the_late_ones(name):
    view = reader(name)
    late = {row.id for row in view.sample.visits if row.created_at - row.accessed_at > timedelta(seconds=1)}
    assert late == set(view.sample.traps["late_visits"])


@EVERY
def test_presence_and_buckets_belong_to_live_webinars_that_began(name):
    view = reader(name)
    for row in (*view.sample.presence, *view.sample.concurrency):
        assert view.webinars[row.webinar_id].type == "live"
    for bucket in view.sample.concurrency:
        assert bucket.time_bucket.timestamp() % 300 == 0
        assert bucket.time_bucket <= bucket.first_sample_at <= bucket.last_sample_at
        assert bucket.last_sample_at < bucket.time_bucket + timedelta(minutes=5)
        low, high = bucket.min_participants, bucket.max_participants
        assert low * bucket.sample_count <= bucket.sum_participants <= high * bucket.sample_count


def test_a_webinar_is_on_the_air_now():
    view = reader("until_now")
    now = view.sample.options.now
    active = [row for row in view.sample.presence if row.last_seen_at >= now - timedelta(seconds=180)]
    assert len(active) > 10
    assert {row.webinar_id for row in active} == {view.sample.webinars[2].id}


@EVERY
def test_no_value_looks_personal(name):
    sample = reader(name).sample
    for _, _, rows in sample.tables():
        for row in rows:
            for value in astuple(row) if not isinstance(row, Visit | Entry) else _texts(row):
                if isinstance(value, str):
                    assert not EMAIL.search(value), value
                    assert not PHONE.search(value), value
    for entry in sample.entries:
        assert (entry.name, entry.company, entry.code6) == (None, None, "")
        assert re.fullmatch(r"sample-\d{6,}", entry.phone_norm)
        assert set(entry.registration_data or {}) <= {"cid"}
    hosts = {row.referrer for row in sample.visits if row.referrer}
    assert all(re.fullmatch(r"https://[a-z.]+/", host) for host in hosts)


def _texts(row: Visit | Entry) -> list[object]:
    names = [name for name in type(row).__slots__ if name != "registration_data"]
    return [getattr(row, name) for name in names] + list((getattr(row, "registration_data", None) or {}).values())


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"days": 6}, "days of at least 7"),
        ({"clients": 2}, "clients of at least 3"),
        ({"campaigns": 7}, "at least 8 campaigns"),
        ({"now": datetime(2026, 11, 24)}, "aware"),  # noqa: DTZ001
    ],
)
def test_options_that_leave_a_trap_no_place_are_refused(change, remedy):
    with pytest.raises(SampleRefused, match=remedy):
        SampleOptions(until=UNTIL, **change)


def test_a_now_too_early_for_the_traps_is_refused():
    options = replace(SMALL, now=day_window(UNTIL - timedelta(days=4), SMALL.time_zone).start)
    with pytest.raises(SampleRefused, match="Only 3 of") as refusal:
        generate(options)
    assert isinstance(refusal.value, UserError)
