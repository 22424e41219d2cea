"""Every registered trap is in every sample, and is what it says."""

import re
from collections import Counter
from datetime import UTC, timedelta

import pytest

from eventflow_pipeline.dev.sample import TRAPS
from eventflow_pipeline.domain.days import day_window
from eventflow_pipeline_tests.dev.sample.reader import Reader
from eventflow_pipeline_tests.dev.sample.samples import EVERY, reader
from eventflow_pipeline_tests.worlds.independent_count import normal

MS = timedelta(milliseconds=1)


def _around(instants):
    before, at, after = instants
    return at - before == MS and after - at == MS and at


def business_midnight_visits(view, ids):
    at = _around([row.accessed_at for row in view.hits(ids)])
    days = [view.day(row) for row in view.hits(ids)]
    return at == day_window(days[1], view.zone).start and days[0] < days[1] == days[2]


def business_midnight_entries(view, ids):
    at = _around([row.created_at for row in view.conversions(ids)])
    days = [view.day(row) for row in view.conversions(ids)]
    return at == day_window(days[1], view.zone).start and days[0] < days[1] == days[2]


def utc_midnight_visits(view, ids):
    at = _around([row.accessed_at for row in view.hits(ids)]).astimezone(UTC)
    return (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)


def utc_midnight_entries(view, ids):
    at = _around([row.created_at for row in view.conversions(ids)]).astimezone(UTC)
    return (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)


def late_visits(view, ids):
    return all(row.created_at - row.accessed_at >= timedelta(days=2) for row in view.hits(ids))


def back_dated_entries(view, ids):
    return all(row.completed_at - row.created_at >= timedelta(days=2) for row in view.conversions(ids))


def out_of_range(view, ids):
    options = view.sample.options
    first = day_window(options.until - timedelta(days=options.days - 1), view.zone).start
    times = [row.accessed_at for row in view.sample.visits if row.id in ids]
    times += [row.created_at for row in view.sample.entries if row.id in ids]
    return len(times) == 4 and max(times) == first - MS


def double_mounts(view, ids):
    rows = view.hits(ids)
    return all(
        a.session_id == b.session_id
        and view.link(a) == view.link(b)
        and b.accessed_at - a.accessed_at == timedelta(seconds=1)
        for a, b in zip(rows[::2], rows[1::2], strict=True)
    )


def _one_session(rows):
    return len({normal(row.session_id) for row in rows}) == 1


def session_over_days(view, ids):
    rows = view.hits(ids)
    return _one_session(rows) and len({view.day(row) for row in rows}) == len(rows) == 4


def session_over_links(view, ids):
    rows = view.hits(ids)
    same_place = len({(row.campaign_id, view.day(row)) for row in rows}) == 1
    return _one_session(rows) and same_place and len({view.link(row) for row in rows}) == 3


def session_over_utms(view, ids):
    rows = view.hits(ids)
    same_place = len({(row.campaign_id, view.day(row)) for row in rows}) == 1
    return _one_session(rows) and same_place and len({view.utm(row) for row in rows}) == 3


def session_over_campaigns(view, ids):
    rows = view.hits(ids)
    same_place = len({(view.client(row), view.day(row)) for row in rows}) == 1
    return _one_session(rows) and same_place and len({row.campaign_id for row in rows}) == 2


def session_over_clients(view, ids):
    rows = view.hits(ids)
    same_day = len({view.day(row) for row in rows}) == 1
    return _one_session(rows) and same_day and len({view.client(row) for row in rows} - {None}) == 2


def padded_sessions(view, ids):
    rows = view.hits(ids)
    raw = {row.session_id for row in rows}
    return _one_session(rows) and len(raw) == 4 and {"\u00a0", "\u3000"} < set("".join(raw))


def blank_sessions(view, ids):
    rows = view.hits(ids)
    return all(normal(row.session_id) is None for row in rows) and "\u00a0" in {row.session_id for row in rows}


def sessionless_entries(view, ids):
    rows = view.conversions(ids)
    return all(normal(row.session_id) is None for row in rows) and None in {row.session_id for row in rows}


def converted_session(view, ids):
    first, second, later = view.hits(ids[:3])
    (entry,) = view.conversions(ids[3:])
    return first.entry_id == second.entry_id == entry.id and later.entry_id is None


def _unresolved(view, ids, *, id_supplied):
    rows = view.facts(ids)
    return all(
        view.link(row)[0] == "unresolved" and (row.marketing_campaign_link_id is not None) == id_supplied
        for row in rows
    )


def dangling_link_visits(view, ids):
    return _unresolved(view, ids, id_supplied=True) and all(
        row.marketing_campaign_link_id not in view.links and view.client(row) for row in view.hits(ids)
    )


def dangling_link_entries(view, ids):
    return _unresolved(view, ids, id_supplied=True) and all(
        row.marketing_campaign_link_id not in view.links for row in view.conversions(ids)
    )


def foreign_link_visits(view, ids):
    return _unresolved(view, ids, id_supplied=True) and all(
        view.links[row.marketing_campaign_link_id].client_id != view.client(row) for row in view.hits(ids)
    )


def link_id_beats_cid(view, ids):
    return _unresolved(view, ids, id_supplied=True) and all(
        (view.client(row), view.cid(row)) in view.link_by_cid for row in view.hits(ids)
    )


def raw_cids(view, ids):
    rows = view.hits(ids)
    return all(view.link(row)[0] == "resolved" and row.cid != view.cid(row) for row in rows) and any(
        "\u3000" in row.cid for row in rows
    )


def unknown_cids(view, ids):
    return _unresolved(view, ids, id_supplied=False) and all(
        re.fullmatch("[A-Z0-9]{8}", view.cid(row)) for row in view.hits(ids)
    )


def malformed_cids(view, ids):
    return _unresolved(view, ids, id_supplied=False) and not any(
        re.fullmatch("[A-Z0-9]{8}", view.cid(row)) for row in view.hits(ids)
    )


def blank_cids(view, ids):
    return all(row.cid is not None and view.link(row) == ("unknown", None) for row in view.hits(ids))


def shared_cid(view, ids):
    one, other = view.hits(ids)
    return (
        view.cid(one) == view.cid(other)
        and view.link(one)[0] == view.link(other)[0] == "resolved"
        and view.link(one) != view.link(other)
        and view.client(one) != view.client(other)
    )


def inactive_links(view, ids):
    found = [view.link(row) for row in view.hits(ids)]
    return all(status == "resolved" for status, _ in found) and {view.links[link].status for _, link in found} == {
        "paused",
        "archived",
    }


def raw_utms(view, ids):
    rows = view.hits(ids)
    raw = {(row.utm_source, row.utm_medium, row.utm_campaign) for row in rows}
    return len(raw) == 4 and {view.utm(row) for row in rows} == {("naver", "cpc", "raw-utm")}


def blank_utms(view, ids):
    return all(row.utm_source is not None and all(view.utm(row)) for row in view.hits(ids))


def partial_utm(view, ids):
    return all(view.utm(row) == ("kakao", None, None) and view.link(row)[0] == "resolved" for row in view.hits(ids))


def link_with_no_utm(view, ids):
    return all(view.utm(row) == (None,) * 3 and view.link(row)[0] == "resolved" for row in view.hits(ids))


def visit_without_utm_entry_with(view, ids):
    visit, entry = view.facts(ids)
    return (
        not any(view.utm_of(visit))
        and all(view.utm_of(entry))
        and view.link(visit) == view.link(entry)
        and view.utm(visit) == view.utm(entry)
        and visit.entry_id == entry.id
    )


def entry_cids(view, ids):
    rows = view.conversions(ids)
    statuses = [view.link(row)[0] for row in rows]
    return statuses == ["resolved", "resolved", "unknown", "unresolved"] and all(
        row.marketing_campaign_link_id is None and set(row.registration_data) == {"cid"} for row in rows
    )


def entries_without_cid(view, ids):
    rows = view.conversions(ids)
    return [view.link(row)[0] for row in rows] == ["resolved", "unknown"] and not any(map(view.cid, rows))


def missing_campaign_visits(view, ids):
    rows = view.hits(ids)
    return (
        all(row.campaign_id not in view.campaigns and view.client(row) is None for row in rows)
        and len({row.campaign_id for row in rows}) == 1
        and [view.link(row)[0] for row in rows] == ["unknown", "unresolved", "unresolved"]
    )


def missing_campaign_entries(view, ids):
    clients = {row.id for row in view.sample.clients}
    return all(row.campaign_id not in view.campaigns and row.client_id in clients for row in view.conversions(ids))


def webinar_visits(view, ids):
    return all(row.campaign_id is None and row.webinar_id in view.webinars for row in view.hits(ids))


def missing_webinar_visits(view, ids):
    return all(row.campaign_id is None and row.webinar_id not in view.webinars for row in view.hits(ids))


def campaign_and_webinar_visits(view, ids):
    return all(
        view.webinars[row.webinar_id].client_id != view.campaigns[row.campaign_id].client_id == view.client(row)
        for row in view.hits(ids)
    )


def missing_campaign_beside_webinar(view, ids):
    return all(
        row.campaign_id not in view.campaigns and row.webinar_id in view.webinars and view.client(row) is None
        for row in view.hits(ids)
    )


def drifted_clients(view, ids):
    return all(row.client_id != view.campaigns[row.campaign_id].client_id for row in view.conversions(ids))


def shared_registration_campaign(view, ids):
    shared = {view.webinars[id].registration_campaign_id for id in ids}
    return len(ids) >= 2 and len(shared) == 1 and shared <= set(view.campaigns)


def missing_buckets(view, ids):
    before, after = (row for row in view.sample.concurrency if row.id in ids)
    between = [
        row
        for row in view.sample.concurrency
        if row.webinar_id == before.webinar_id and before.time_bucket < row.time_bucket < after.time_bucket
    ]
    return after.time_bucket - before.time_bucket == timedelta(minutes=15) and not between


def short_bucket(view, ids):
    return [row.sample_count for row in view.sample.concurrency if row.id in ids] == [3]


def retried_bucket(view, ids):
    return [row.sample_count for row in view.sample.concurrency if row.id in ids] == [8]


def no_zero_samples(view, ids):
    return all(row.min_participants > 0 for row in view.sample.concurrency)


def presence_without_client(view, ids):
    rows = [row for row in view.sample.presence if row.user_id in ids]
    return len(rows) == len(ids) and all(row.client_id is None and row.agency_id is None for row in rows)


def visits_lost(view, ids):
    client = view.sample.clients[-1]
    days = {view.day(row) for row in view.facts(ids)}
    hits, entries = view.day_of_client(client, min(days))
    return len(days) == 1 and hits == 3 and entries >= 60


def no_visits(view, ids):
    days = {view.day(row) for row in view.conversions(ids)}
    hits, entries = view.day_of_client(view.sample.clients[-1], min(days))
    return len(days) == 1 and hits == 0 and entries >= 7


def cvr_above_one(view, ids):
    (place,) = {(row.campaign_id, view.day(row)) for row in view.facts(ids)}
    sessions = {row.session_id for row in view.sample.visits if (row.campaign_id, view.day(row)) == place}
    entries = sum((row.campaign_id, view.day(row)) == place for row in view.sample.entries)
    return (len(sessions), entries) == (11, 16) and view.campaigns[place[0]] is not None


def test_clone(view, ids):
    rows = view.conversions(ids)
    (clone,) = {view.campaigns[row.campaign_id].id for row in rows}
    times = Counter(row.created_at for row in rows)
    originals = Counter(
        row.campaign_id for row in view.sample.entries if row.created_at in times and row.campaign_id != clone
    )
    original, copied = originals.most_common(1)[0]
    return (
        view.campaigns[clone].title == f"{view.campaigns[original].title} (copy)"
        and view.campaigns[clone].client_id == view.campaigns[original].client_id
        and min(len(rows), copied) >= 20
    )


test_clone.__test__ = False
CLAIMS = {name: globals()[name] for name in TRAPS}


@pytest.mark.parametrize("trap", list(TRAPS))
@EVERY
def test_trap_is_present_and_what_it_claims(name, trap):
    view: Reader = reader(name)
    ids = view.sample.traps[trap]
    assert ids
    assert len(set(ids)) == len(ids)
    assert CLAIMS[trap](view, ids)


@pytest.mark.parametrize("trap", list(TRAPS))
def test_trap_says_which_rule_or_mistake_it_exercises(trap):
    assert re.search(r"\(([A-Z]\d|mistake)[^)]*\)$", TRAPS[trap])


def test_every_mistake_a_static_sample_can_show_has_a_trap():
    mistakes = {int(number) for text in TRAPS.values() for number in re.findall(r"mistake (\d+)", text)}
    # 3 to 6 and 13 are about what a computation does between two runs, not about rows.
    assert mistakes == {1, 2, 7, 8, 9, 10, 11, 12, 14}
