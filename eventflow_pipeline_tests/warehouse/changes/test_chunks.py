"""Passes over the look-back days read chunks: what is found when, that nothing is missed, what is not read again."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.changes.detection import Scope
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import try_chunks
from eventflow_pipeline_tests.databases import Databases
from eventflow_pipeline_tests.worlds.site import ALPHA, AUTUMN, BETA, BETA_ONLY, LINK, SPRING, Site

#: What ends the waiting for a change: the next pass whatever it is, or the time promised for the day's age.
NEXT, MINUTE, FIVE = timedelta(), timedelta(minutes=1), timedelta(minutes=5)
BACKS = (0, 1, 2, 3, 40)
#: Where a day's hits stand that tests change.
_MINUTE = 30
_FOLD = (
    "insert into stats.fold_rule (rule_no, client_id, field, kind, prefix, reason, author) "
    "values (1, :c, 'utm_source', 'prefix', 'ka', 'r', 'a')"
)
_REDATE = "update event_access_logs set accessed_at = :other where id = :id"
_ADD_GRAIN = "select stats.add_grain('e', '{entity_type,entity_id}')"
_EXCLUDE = "insert into stats.exclusion (campaign_id, reason, author) values (:c, 'r', 'a')"
_NO_GUARD: dict[str, Any] = {"guard": {"loss_share": 1.0}}


@pytest.fixture(scope="module")
def shared(databases: Databases, _template: str) -> Iterator[Site]:
    """Facts on the look-back days and an old one; one database for all tests here."""
    with databases.database(_template) as database:
        site = Site(database)
        for back in BACKS:
            long_ago: dict[str, Any] = {"created_at": _long_ago(site)}
            site.visits(site.day(back), 6, **long_ago)
            site.visits(site.day(back), 2, marketing_campaign_link_id=LINK, **long_ago)
            site.visits(site.day(back), 2, BETA_ONLY, utm_source="kakao", **long_ago)
            hit = {"campaign_id": SPRING, "session_id": "hit", "accessed_at": site.at(site.day(back), _MINUTE)}
            database.insert("event_access_logs", [{**hit, **long_ago} for _ in range(20 if back in (0, 2) else 3)])
        yield site


def _long_ago(site: Site) -> datetime:
    """Before anything here is dated."""
    return site.at(site.day(50))


@pytest.fixture
def site(shared: Site) -> Site:
    """The shared one with its dimensions, everything computed and compared just now."""
    run = shared.database.execute
    run("delete from stats.exclusion; delete from stats.fold_rule")
    run(
        "insert into event_survey_campaigns (id, client_id, title) values (:s, :a, 't'), (:u, :a, 't'), (:n, :b, 't') "
        "on conflict do nothing",
        s=SPRING, u=AUTUMN, n=BETA_ONLY, a=ALPHA, b=BETA,
    )  # fmt: skip
    run(
        "insert into campaign_link_meta (id, client_id, name, utm_source, cid) "
        "values (:l, :a, 'l', 'naver', 'ABCD1234') on conflict do nothing",
        l=LINK,
        a=ALPHA,
    )
    # Recorded long ago, and so named by no pass: also today's, and what other tests have added.
    run(
        "update event_access_logs set created_at = :at where created_at > now() - interval '1 day'",
        at=_long_ago(shared),
    )
    found = shared.detect(**_NO_GUARD)
    shared.database.replace(*{stale.day for stale in (*found.changed, *found.held)})
    assert shared.detect(Scope.LOOKBACK).days == ()
    return shared


def _change(command: str) -> Callable[[Site, date], None]:
    """What SQL does to one of a day's hits (:id)."""

    def change(site: Site, day: date) -> None:
        (hit, *_) = site.database.rows(
            "select id from stats.visit_facts where accessed_at = :at and utm_medium is null and cid is null",
            at=site.at(day, _MINUTE),
        )
        values = {
            "id": hit["id"],
            "autumn": AUTUMN,
            "link": LINK,
            "other": site.at(site.day(3), 9),
            "b": BETA,
            "c": SPRING,
        }
        site.database.execute(command, **{k: v for k, v in values.items() if f":{k}" in command})

    return change


def _restore(site: Site, day: date) -> None:
    """As a dump from before an edit is loaded: all rows of one transaction, in another order, some of them others."""
    run = site.database.execute
    run("create table kept as select * from event_access_logs; truncate event_access_logs")
    run("update kept set session_id = 'before' || session_id where accessed_at = :at", at=site.at(day, _MINUTE))
    run("insert into event_access_logs select * from kept order by id; drop table kept")


@pytest.mark.parametrize(
    ("back", "change", "after"),
    [
        pytest.param(2, lambda s, d: s.visits(d, created_at=s.now()), NEXT, id="insert"),
        pytest.param(40, lambda s, d: s.visits(d, created_at=s.now()), NEXT, id="late insert"),
        pytest.param(2, lambda s, d: s.visits(d, created_at=_long_ago(s)), FIVE, id="back-dated insert"),
        pytest.param(2, lambda s, d: s.entries(d), FIVE, id="late entry"),
        pytest.param(0, _change("update event_access_logs set cid = 'x' where id = :id"), MINUTE, id="edit today"),
        pytest.param(0, _change("delete from event_access_logs where id = :id"), MINUTE, id="delete today"),
        pytest.param(2, _change("update event_access_logs set utm_medium = 'x' where id = :id"), FIVE, id="edit"),
        pytest.param(2, _change("delete from event_access_logs where id = :id"), FIVE, id="delete"),
        pytest.param(2, _change(_REDATE), FIVE, id="re-dated"),
        pytest.param(1, _restore, FIVE, id="restore"),
        pytest.param(2, _change("update campaign_link_meta set utm_source = 'y'"), NEXT, id="link edited"),
        pytest.param(2, _change("delete from campaign_link_meta where id = :link"), NEXT, id="link gone"),
        pytest.param(2, _change("update event_survey_campaigns set client_id = :b"), NEXT, id="campaigns moved"),
        pytest.param(2, lambda s, _: s.database.execute(_EXCLUDE, c=SPRING), NEXT, id="exclusion"),
        pytest.param(2, lambda s, _: s.database.execute(_FOLD, c=BETA), NEXT, id="fold rule"),
        pytest.param(2, lambda s, _: s.database.execute(_ADD_GRAIN), NEXT, id="grain"),
    ],
)  # fmt: skip
def test_every_change_is_found_when_it_is_promised(
    site: Site, back: int, change: Callable[[Site, date], None], after: timedelta
) -> None:
    day = site.day(back)
    change(site, day)
    if after:
        assert day not in site.detect(Scope.LOOKBACK, **_NO_GUARD).days, "sooner: the promise may be shortened"
        site.pass_time(after)
    assert day in site.detect(Scope.LOOKBACK, **_NO_GUARD).days


@pytest.mark.parametrize(
    "command",
    [
        "vacuum (freeze) event_access_logs",
        "update event_survey_campaigns set title = 'renamed'",
        "insert into clients (name) values ('new')",
    ],
)
def test_what_changes_no_number_has_no_chunk_read_again(site: Site, command: str) -> None:
    before = _chunks(site)
    site.database.execute(command)
    site.pass_time(FIVE)
    assert site.detect(Scope.LOOKBACK).checked == 4
    assert _chunks(site) == before


def test_rows_written_anew_are_read_again_and_are_what_they_were(site: Site) -> None:
    before = _chunks(site)
    site.database.execute("vacuum (full) event_access_logs")
    site.database.execute("update event_access_logs set user_agent = 'x'")
    site.pass_time(FIVE)
    assert site.detect(Scope.LOOKBACK).days == ()
    assert not _chunks(site) & before
    _same_as_counted_whole(site)


def test_only_the_chunks_that_moved_are_read_again(site: Site) -> None:
    before = _chunks(site)
    site.visits(site.day(1), created_at=site.now())
    site.detect(Scope.LOOKBACK)
    assert {(day, start) for day, start, *_ in _chunks(site) - before} == {(site.day(1), site.at(site.day(1), 0))}
    assert len(before) > 8


def _chunks(site: Site) -> set[tuple[Any, ...]]:
    """Day, start and the version of its row here, by which it was last read."""
    rows = site.database.rows("select bucket_date, chunk_start, ctid::text, xmin::text from stats.chunk")
    return {tuple(row.values()) for row in rows}


def test_a_mark_of_another_pass_stays_while_its_reason_does(site: Site) -> None:
    """Chunks may not know yet what a whole comparison has found."""
    day = site.day(2)
    _change("update event_access_logs set utm_medium = 'x' where id = :id")(site, day)
    assert site.detect(Scope.SWEEP).days == (day,)
    assert site.detect(Scope.LOOKBACK).days == (day,)


def test_a_day_computed_from_before_a_change_is_found(site: Site) -> None:
    """Chunks may know of a fact that a replacement does not that began before and ends after."""
    day = site.today
    site.visits(day, created_at=_long_ago(site))
    site.pass_time(MINUTE)
    for _ in range(2):
        assert site.detect(Scope.LOOKBACK).days == (day,)
        _unmark(site)


def _unmark(site: Site) -> None:
    site.database.execute(
        "update stats.partition_state set stale_since = null, stale_cause = null, stale_clients = null, due = false, "
        "computed_at = clock_timestamp()"
    )


def test_a_day_that_changed_has_all_look_back_days_compared_with_it(site: Site) -> None:
    """Facts re-dated from a day that would be looked at later: both are judged together, so none is published twice."""
    source, target = site.day(2), site.today
    redate = (
        "update event_access_logs set accessed_at = accessed_at + cast(:by as interval) "
        "where accessed_at >= :a and accessed_at < :b and campaign_id = :c"
    )
    there = {"a": site.at(source, 0), "b": site.at(source, 1440), "c": SPRING}
    site.database.execute(redate, by=timedelta(days=2, minutes=300), **there)
    site.database.execute(
        "update stats.chunked_day set compared_at = compared_at - interval '1 minute' where bucket_date = :d",
        d=target,
    )
    found = site.detect(Scope.LOOKBACK, guard={"minimum_volume": 1})
    assert {stale.day for stale in found.held} == {source, target}


def test_another_pass_at_work_on_chunks_stops_none(site: Site) -> None:
    site.visits(site.day(1), created_at=site.now())
    before = _chunks(site)
    with connect(site.database.pipeline) as connection, try_chunks(connection) as free:
        assert free
        assert site.detect(Scope.LOOKBACK).days == (site.day(1),)
    assert _chunks(site) == before


def test_the_nightly_pass_trusts_no_chunk(site: Site) -> None:
    day = site.day(1)
    _change("update event_access_logs set utm_medium = 'x' where id = :id")(site, day)
    # As if the edit had been read, and wrongly.
    site.database.execute("create table wrong as select * from stats.chunk where bucket_date = :d", d=day)
    site.pass_time(FIVE)
    assert site.detect(Scope.LOOKBACK).days == (day,)
    site.database.execute(
        "update stats.chunk c set fact_hash = w.fact_hash, attribution_hash = w.attribution_hash from wrong w "
        "where w.bucket_date = c.bucket_date and w.chunk_start = c.chunk_start"
    )
    site.database.execute("drop table wrong")
    _unmark(site)
    site.pass_time(FIVE)
    assert site.detect(Scope.LOOKBACK).days == ()
    assert site.detect(Scope.ALL).days == (day,)
    site.database.replace(day)
    assert site.detect(Scope.LOOKBACK).days == ()
    _same_as_counted_whole(site)


def test_chunks_of_days_nobody_looks_back_to_are_forgotten(site: Site) -> None:
    def days_kept() -> list[int]:
        tables = ("chunked_day", "chunk", "chunk_member")
        counts = (f"select count(distinct bucket_date) as n from stats.{table}" for table in tables)
        return [site.database.rows(count)[0]["n"] for count in counts]

    (late,) = site.visits(site.day(40), created_at=site.now())
    site.detect(Scope.LOOKBACK)
    assert days_kept() == [5, 5, 5]
    site.database.execute(
        "update event_access_logs set created_at = :at where id = :id", at=site.at(site.day(40)), id=late
    )
    site.database.replace(site.day(40))
    site.detect(Scope.LOOKBACK)
    assert days_kept() == [4, 4, 4]


def test_a_day_is_as_of_a_comparison_of_all_its_chunks(site: Site) -> None:
    day = site.day(2)

    def as_of() -> Any:
        return site.database.rows("select as_of from stats.range_state(:d, :d)", d=day)[0]["as_of"]

    compared = as_of()
    site.detect(Scope.SWEEP)
    swept = as_of()
    site.detect(Scope.LOOKBACK)
    assert compared < as_of() == swept, "an edit of this moment would not have been seen"
    site.pass_time(FIVE)
    assert swept < site.detect(Scope.LOOKBACK).started_at <= as_of()


def test_late_is_longer_than_twice_what_is_promised(site: Site) -> None:
    def late(first: int, last: int, minutes: int | None) -> bool:
        """Of a range by how many days ago it begins and ends, when all was compared so many minutes ago."""
        database.execute("delete from stats.detection_pass")
        if minutes is not None:
            database.execute(
                "insert into stats.detection_pass (started_at, finished_at, scope, days_checked, days_changed, "
                "compared_from, recent_from) values (now() - make_interval(mins => :m), now(), 'x', 9, 0, :c, :r)",
                m=minutes,
                c=today - timedelta(days=50),
                r=today - timedelta(days=3),
            )
        bounds = {"a": today - timedelta(days=first), "b": today - timedelta(days=last)}
        return bool(database.rows("select late from stats.range_state(:a, :b)", **bounds)[0]["late"])

    database, zone = site.database, site.database.settings.timezone
    # A zone in which it is noon: what was a few minutes ago was today.
    noon = f"Etc/GMT{site.now().astimezone(UTC).hour - 12:+}"
    database.execute("update stats.build_settings set time_zone = :z", z=noon)
    today = site.now().astimezone(ZoneInfo(noon)).date()
    try:
        assert [late(0, 0, minutes) for minutes in (1, 3)] == [False, True]
        assert [late(1, 1, minutes) for minutes in (9, 11)] == [False, True]
        assert [late(4, 4, minutes) for minutes in (11, 2 * 24 * 60 - 1, 2 * 24 * 60 + 1)] == [False, False, True]
        assert [late(40, last, 3) for last in (0, 1, 4)] == [True, False, False]
        assert [late(40, last, 11) for last in (0, 1, 3, 4)] == [True, True, True, False]
        assert late(-1, -9, None) is False, "days still to come"
        assert [late(first, first, None) for first in (0, 1, 9)] == [True] * 3
        # What was compared of the current day alone says nothing of the day before.
        late(0, 0, 11)
        database.execute(
            "insert into stats.detection_pass (started_at, finished_at, scope, days_checked, days_changed, "
            "compared_from, recent_from) values (now(), now(), 'x', 1, 0, :today, :today - 3), "
            "(now() - interval '1 second', now(), 'x', 0, 0, null, :today - 3)",
            today=today,
        )
        told = [
            database.rows("select late from stats.range_state(:a, :b)", a=today - timedelta(days=back), b=today)[0][
                "late"
            ]
            for back in (0, 1)
        ]
        assert told == [False, True]
    finally:
        database.execute("update stats.build_settings set time_zone = :z", z=zone)


class _History:
    """Random changes of a site's facts and dimensions."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.chance = site, random.Random(seed)

    def day(self) -> date:
        return self.site.day(self.chance.choice([0, 0, 1, 2, 3, 3, 10]))

    def some(self) -> str:
        """A condition that a few hits of the look-back days meet."""
        since = self.site.at(self.site.day(3), 0).isoformat()
        share = f"hashtext(id::text || {self.chance.random()}) % {self.chance.choice([3, 9])} = 0"
        return f"accessed_at >= '{since}' and {share}"

    def step(self) -> None:
        """One change, or none."""
        chance, run = self.chance, self.site.database.execute
        what = chance.choice([*"iiieuuurdlcxfosn"])
        if what == "i":
            self._insert()
        elif what == "e":
            self.site.entries(self.day(), 1, AUTUMN, chance.choice([ALPHA, BETA]))
        elif what == "u":
            values = ["session_id = 'e'", "utm_source = 'kakao'", f"campaign_id = '{AUTUMN}'", "user_agent = 'x'"]
            run(f"update event_access_logs set {chance.choice(values)} where {self.some()}")
        elif what == "r":
            moved = f"accessed_at - interval '{chance.choice([5, 1440, -1440])} minutes'"
            run(f"update event_access_logs set accessed_at = {moved} where {self.some()}")
        elif what == "d":
            run(f"delete from event_access_logs where {self.some()}")
        elif what == "l":
            cid = chance.choice(["ABCD1234", "ZZZZ9999"])
            run("update campaign_link_meta set utm_source = 'u' || :n, cid = :c", n=str(chance.randrange(3)), c=cid)
        elif what == "c":
            owner = chance.choice([ALPHA, BETA])
            run("update event_survey_campaigns set client_id = :c where id = :i", c=owner, i=AUTUMN)
        elif what == "x":
            run("delete from stats.exclusion")
            if chance.random() < 0.5:
                run(_EXCLUDE, c=AUTUMN)
        elif what == "f":
            run("delete from stats.fold_rule")
            if chance.random() < 0.5:
                run(_FOLD, c=BETA)
        elif what == "o":
            _restore(self.site, self.site.today)
        elif what == "s":
            self.site.detect(Scope.SWEEP)
        else:
            self.site.database.replace(self.day())

    def _insert(self) -> None:
        chance, site = self.chance, self.site
        hit = {
            "id": uuid4(),
            "session_id": f"s{chance.randrange(9)}",
            "accessed_at": site.at(self.day(), chance.choice([0, 4, 5, 60, 719, 1435, 1439])),
            "created_at": chance.choice([site.now(), _long_ago(site)]),
            "campaign_id": chance.choice([SPRING, AUTUMN, BETA_ONLY, uuid4()]),
            **chance.choice([{}, {"cid": "abcd1234"}, {"utm_source": "kakao"}, {"marketing_campaign_link_id": LINK}]),
        }
        site.database.insert("event_access_logs", [hit])


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
def test_whatever_changed_is_found_after_the_time_promised(site: Site, seed: int) -> None:
    """Random histories: what passes by chunk mark of the look-back days is what the whole comparison finds."""
    history = _History(site, seed)
    differed = 0
    for _ in range(8 if seed == 1 else 60):
        for _ in range(history.chance.randrange(1, 5)):
            history.step()
            if history.chance.random() < 0.3:
                site.detect(Scope.LOOKBACK, **_NO_GUARD)
        site.pass_time(FIVE)
        found = site.detect(Scope.LOOKBACK, **_NO_GUARD)
        recent = [day for day in found.days if day >= site.day(3)]
        assert recent == [day for day in site.truth() if day >= site.day(3)]
        _same_as_counted_whole(site)
        site.database.replace(*found.days)
        differed += len(recent)
    assert differed > 8


def _same_as_counted_whole(site: Site) -> None:
    """Chunks of the look-back days add up to what is counted from all facts, by client, entity and excluded."""
    days = [site.day(back) for back in (3, 2, 1, 0)]
    by_chunk = site.counts("storage/chunks/insert_chunked_day_counts", {"days": days})
    window = DayRange(days[0], days[-1]).window(site.database.settings.zone)
    bounds = {"window_start": window.start, "window_end": window.end}
    starts = [site.at(day, 0) for day in days]
    assert by_chunk == site.counts("storage/changes/insert_day_counts", {"dates": days, "starts": starts, **bounds})
    assert by_chunk
