"""A day to which facts were added is, table by table, the day computed whole; what is not proven is refused."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import event, text

from eventflow_pipeline.domain.deltas import Refusal
from eventflow_pipeline.warehouse.changes.detection import Scope
from eventflow_pipeline.warehouse.changes.guard import DayHeld
from eventflow_pipeline.warehouse.days.delta import update_day
from eventflow_pipeline.warehouse.days.delta_comparison import differing_deltas
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.db.engine import connect, pipeline_engine
from eventflow_pipeline.warehouse.db.locks import day_lock
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.ranges.test_ranges import (
    AT,
    CHANGES_BUT_ADDED,
    DAY,
    DAYS,
    ENTRIES,
    FIXED,
    PHASES,
    VISITS,
    Engineer,
    killed_before,
)
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import Fold
from eventflow_pipeline_tests.worlds.site import ALPHA, AUTUMN, BETA, BETA_ONLY, LINK, SPRING, Site

#: A campaign without a row: its hits are the unknown client's.
NOBODYS = UUID(int=0xC9)
_PUBLISHED = {
    "session_days": "select * from stats.session_days where bucket_date = :day",
    "bucket_daily": "select * from stats.bucket_daily where bucket_date = :day",
    "campaign_hourly": "select * from stats.campaign_hourly where bucket_date = :day",
    "client_day": "select bucket_date, client_id, facts, folded_facts, excluded_hits, excluded_conversions, fact_ids, "
    "settled_fact_ids, fingerprint, attribution_fingerprint from stats.client_day where bucket_date = :day",
    "partition_state": "select to_jsonb(s) - '{computed_at,facts_at,run_id}'::text[] from stats.partition_state s "
    "where bucket_date = :day",
}


def _published(connection: Any, day: date) -> dict[str, list[str]]:
    return {
        table: sorted(str(tuple(row)) for row in connection.execute(text(query), {"day": day}))
        for table, query in _PUBLISHED.items()
    }


def computed_whole(database: Database, day: date, loss_share: float = 1.0) -> dict[str, list[str]]:
    """What ``day`` would be if it were computed whole now, table by table; nothing of it is committed."""
    found: list[dict[str, list[str]]] = []
    engine = pipeline_engine(database.settings)

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _roll_back(connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        if sql != "commit":
            return sql, parameters
        found.append(_published(connection, day))
        return "rollback", parameters

    try:
        never = database.settings.changed(changes={"deltas": "never"}, guard={"loss_share": loss_share})
        replace_day(engine, day, never)
    finally:
        engine.dispose()
    return found[-1]


def published(database: Database, day: date) -> dict[str, list[str]]:
    """What is published of ``day``, table by table."""
    with database.pipeline.connect() as connection:
        return _published(connection, day)


class Adding(Engineer):
    """Adds what was added wherever it is allowed, and compares every publication with the whole day."""

    def __init__(self, database: Database) -> None:
        database.settings = database.settings.changed(changes={"deltas": "everywhere"}, guard={"loss_share": 1.0})
        super().__init__(database)
        #: Days since whose publication nothing but additions happened.
        self.only_added: set[date] = set()
        self.refused: list[Refusal] = []
        self.deltas = self.whole = 0

    def start_over(self) -> None:
        super().start_over()
        self.only_added.clear()

    def replace(self, day: date) -> None:
        refusal = update_day(self.database.pipeline, day, self.database.settings)
        if refusal is None:
            self.deltas += 1
        else:
            assert day not in self.only_added, refusal
            self.refused.append(refusal)
            self.whole += 1
            replace_day(self.database.pipeline, day, self.database.settings)
        self.published(day)

    def published(self, day: date) -> None:
        self.only_added.add(day)
        self.computed[day] = self.facts().get(day, ())
        assert published(self.database, day) == computed_whole(self.database, day)
        self.check()

    def crash(self, statement: int, day: date | None) -> None:
        """Lose the connection before the nth statement, whether facts are added or the day is computed whole."""
        assert day
        run_id = str(uuid4())
        with killed_before(self.database, statement) as engine:
            replace_day(engine, day, self.database.settings, Request(run_id=run_id))
        if self._committed(day, run_id):
            self.published(day)
        self.check()


@pytest.fixture
def adding(database: Database) -> Iterator[Adding]:
    database.define(hourly_clients=[small.CLIENT], hourly_campaigns=[small.FOREIGN])
    made = Adding(database)
    yield made
    made.close()


_ADD = st.tuples(st.just("add"), st.lists(small.visits(AT), min_size=1, max_size=12), ENTRIES)
_WORK: Sequence[st.SearchStrategy[tuple[Any, ...]]] = (
    st.tuples(st.just("replace"), DAY),
    st.tuples(st.just("replace"), DAY),
    st.tuples(st.just("replace"), DAY),
    st.tuples(st.just("merge_pending")),
    st.tuples(st.just("crash"), st.integers(0, 70), DAY),
)
_HISTORY = st.lists(
    _ADD | st.one_of(*CHANGES_BUT_ADDED) | st.one_of(*_WORK) | st.one_of(*_WORK), min_size=8, max_size=25
)


_HISTORIES = given(
    visits=VISITS,
    entries=ENTRIES,
    folds=st.lists(st.sampled_from(small.FOLDS), unique=True, max_size=4),
    merged=st.booleans(),
    added=st.tuples(st.lists(small.visits(AT), min_size=5, max_size=20), ENTRIES),
    history=_HISTORY,
)


def _examples(most: int) -> limits:
    return limits(**{**FIXED, "max_examples": most}, phases=PHASES)  # type: ignore[arg-type]


@pytest.mark.slow
@_examples(2)
@_HISTORIES
def test_every_publication_is_the_whole_day(adding: Adding, **drawn: Any) -> None:
    _run(adding, **drawn)


@pytest.mark.long
@pytest.mark.timeout(3600)
@_examples(60)
@_HISTORIES
def test_every_publication_is_the_whole_day_many_times(adding: Adding, **drawn: Any) -> None:
    _run(adding, **drawn)


def _run(
    adding: Adding,
    visits: list[dict[str, Any]],
    entries: list[dict[str, Any]],
    folds: list[Fold],
    merged: bool,
    added: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    history: list[tuple[Any, ...]],
) -> None:
    """Random histories, run both ways; whatever only had facts added to it must not be computed whole."""
    adding.start_over()
    adding.mirror.add(visits, entries)
    for rule in folds:
        adding.mirror.fold(rule)
    for day in DAYS:
        adding.replace(day)
    if merged:
        adding.merge_pending()
    deltas = adding.deltas
    for name, *arguments in [("add", *added), *(("replace", day) for day in DAYS), *history]:
        action: Callable[..., None] = getattr(adding, name, None) or getattr(adding.mirror, name)
        if not hasattr(adding, name) and name != "add":
            adding.only_added.clear()
        action(*arguments)
    for day in DAYS:
        adding.replace(day)
    adding.merge_pending()
    assert adding.deltas - deltas >= len(DAYS)
    assert adding.database.rows("select from stats.partition_state where histogram_pending") == []


@pytest.fixture
def site(database: Database) -> Site:
    """A site where it is noon, whose today is published whole, with facts that were recorded long ago."""
    noon = f"Etc/GMT{datetime.now(UTC).hour - 12:+}"
    site = Site(database, noon)
    long_ago: dict[str, Any] = {"created_at": site.at(site.day(5))}
    for back in (0, 1):
        site.visits(site.day(back), 20, **long_ago)
        site.visits(site.day(back), 5, BETA_ONLY, utm_source="kakao", **long_ago)
        site.visits(site.day(back), 2, NOBODYS, **long_ago)
        site.visits(site.day(back), 1, NOBODYS, session_id="", **long_ago)
        site.visits(site.day(back), 3, session_id=" ", marketing_campaign_link_id=LINK, **long_ago)
        site.entries(site.day(back), 4)
    database.replace(site.day(1), site.today)
    assert database.merge_pending() == [site.day(1), site.today]
    return site


def _come(site: Site, **columns: Any) -> list[UUID]:
    """Facts that come in now, of known and unknown clients, with and without a session, of new and old sessions."""
    at = {"created_at": site.now(), **columns}
    new = [*site.visits(site.today, 3, **at), *site.visits(site.today, 2, AUTUMN, session_id="n{n}", **at)]
    new += site.visits(site.today, 2, NOBODYS, session_id="", **at)
    new += site.visits(site.today, 1, BETA_ONLY, session_id="s1", cid="nosuch", **at)
    site.database.insert(
        "event_survey_entries",
        [
            {
                "id": uuid4(),
                "campaign_id": campaign,
                "client_id": ALPHA,
                "phone_norm": str(uuid4()),
                "created_at": site.now(),
            }
            for campaign in (SPRING, NOBODYS)
        ],
    )
    return new


def _update(site: Site, **changes: Any) -> Refusal | None:
    return update_day(site.database.pipeline, site.today, site.database.settings.changed(**changes))


def _ledger(site: Site) -> list[dict[str, Any]]:
    return site.database.rows(
        "select published, cause, hits_before, hits_after from stats.day_ledger "
        "where grain = 'platform' and bucket_date = :d order by entry_no",
        d=site.today,
    )


def _minutes_pass(site: Site, minutes: float) -> None:
    """As if everything of today had been published so much earlier, and its hits recorded."""
    for change in (
        "update stats.delta_day set whole_at = whole_at - :t",
        "update stats.partition_state set facts_at = facts_at - :t, computed_at = computed_at - :t",
        "update stats.client_day set facts_at = facts_at - :t",
        "update stats.day_ledger set replaced_at = replaced_at - :t",
        "update event_access_logs set created_at = created_at - :t where created_at > now() - interval '1 day'",
    ):
        site.database.execute(change, t=timedelta(minutes=minutes))


def test_what_comes_in_is_added_and_marks_on_hits_do_not_matter(site: Site) -> None:
    """Every table as the whole day; one row in the ledger for all of a minute, beginning where the last one ended."""
    database, hits = site.database, len(site.visits(site.day(2), 0)) + 31
    for n in range(3):
        new = _come(site)
        # EventFlow marks the hits of who registers, old ones and those that have just come: no number depends on it.
        database.execute("update event_access_logs set entry_id = id where id = :i or session_id = 's2'", i=new[0])
        assert site.detect(Scope.LOOKBACK).days == (site.today,)
        assert _update(site) is None
        assert published(database, site.today) == computed_whole(database, site.today)
        assert site.state(site.today)["stale_since"] is None
        assert site.detect(Scope.SWEEP).days == ()
        whole = {"published": "whole", "cause": "never_computed", "hits_before": 0, "hits_after": hits}
        delta = {"published": "delta", "cause": "facts_added", "hits_before": hits, "hits_after": hits + 8 * (n + 1)}
        assert _ledger(site) == [whole, delta]
    assert database.merge_pending() == [site.today]
    _minutes_pass(site, 1)
    site.visits(site.today, 1, created_at=site.now())
    assert _update(site) is None
    assert [(row["published"], row["hits_before"], row["hits_after"]) for row in _ledger(site)] == [
        ("whole", 0, hits), ("delta", hits, hits + 24), ("delta", hits + 24, hits + 25),
    ]  # fmt: skip
    clients = database.rows(
        "select client_id, sum(hits_after - hits_before) as hits from stats.day_ledger "
        "where grain = 'client' and bucket_date = :d group by client_id",
        d=site.today,
    )
    assert {row["client_id"]: row["hits"] for row in clients} == site.client_hits(site.today)


def test_nothing_but_the_running_row_of_the_ledger_can_be_changed(site: Site) -> None:
    _come(site)
    assert _update(site) is None
    _come(site)
    _minutes_pass(site, 2)
    before = _ledger(site)
    with connect(site.database.pipeline) as connection:
        connection.execute(text("update stats.day_ledger set hits_after = hits_after + 1"))
    assert _ledger(site) == before
    with pytest.raises(Exception, match="permission denied"), connect(site.database.pipeline) as connection:
        connection.execute(text("update stats.day_ledger set reason = 'another'"))


def test_what_settles_is_what_a_whole_computation_says_has_settled(site: Site) -> None:
    database = site.database
    for minutes in (1, 30, 50, 58):
        site.visits(site.today, 2, created_at=site.now() - timedelta(seconds=30), session_id="{id}")
        site.visits(site.today, 1, uuid4(), created_at=site.now() - timedelta(seconds=30), session_id="{id}")
        database.execute("update stats.delta_day set whole_at = now()")
        assert _update(site) is None
        assert published(database, site.today) == computed_whole(database, site.today)
        _minutes_pass(site, minutes)
    settled = database.rows("select fact_ids = settled_fact_ids as is_all from stats.client_day where bucket_date = :d",
                            d=site.today)  # fmt: skip
    assert {"is_all": False} in settled


_REFUSED: dict[Refusal, Callable[[Site], object]] = {
    Refusal.NOT_PUBLISHED: lambda site: site.database.execute("delete from stats.delta_day"),
    Refusal.HOURLY: lambda site: _minutes_pass(site, 61),
    Refusal.DEFINITION: lambda site: site.database.define(hourly_clients=[ALPHA]),
    Refusal.MARKED: lambda site: site.database.execute(
        "update stats.partition_state set stale_since = now(), stale_cause = 'facts_changed' where bucket_date = :d",
        d=site.today,
    ),
    Refusal.HELD: lambda site: site.database.execute(
        "update stats.partition_state set stale_since = now(), stale_cause = 'facts_deleted', held_since = now(), "
        "held_reason = 'r', held_clients = '{}' where bucket_date = :d",
        d=site.day(1),
    ),
    Refusal.KEPT: lambda site: site.database.execute(
        "insert into stats.kept_day (bucket_date, fingerprint, reason, author) values (:d, 'f', 'r', 'a')", d=site.today
    ),
    Refusal.DIFFERED: lambda site: site.database.execute("update stats.delta_day set differing = 1"),
    Refusal.CLOCK: lambda site: _minutes_pass(site, -5),
}


@pytest.mark.parametrize("refusal", _REFUSED)
def test_whatever_is_in_the_way_has_the_day_be_computed_whole(site: Site, refusal: Refusal) -> None:
    before = published(site.database, site.today)
    _come(site)
    _REFUSED[refusal](site)
    if refusal is not Refusal.MARKED:
        assert published(site.database, site.today) == before
    assert _update(site) is refusal
    assert _ledger(site)[1:] == []


def test_settings_and_workers_in_the_way(site: Site) -> None:
    _come(site)
    assert _update(site, changes={"deltas": "never"}) is Refusal.SWITCHED_OFF
    assert _update(site, engine="spark") is Refusal.OTHER_ENGINE
    assert update_day(site.database.pipeline, site.day(1), site.database.settings) is Refusal.NOT_PUBLISHED
    with connect(site.database.pipeline) as connection, day_lock(connection, site.today):
        assert _update(site) is Refusal.IN_WORK
    assert _update(site) is None


def _entry_moves(site: Site) -> None:
    site.database.execute("update event_survey_entries set client_id = :b where created_at >= :s", b=BETA,
                          s=site.at(site.today))  # fmt: skip


_CHANGED: dict[str, Callable[[Site], object]] = {
    "a hit is edited": lambda site: site.database.execute(
        "update event_access_logs set utm_source = 'x' where session_id = 's3'"
    ),
    "a hit is deleted": lambda site: site.database.execute("delete from event_access_logs where session_id = 's3'"),
    "a hit is re-dated to another day": lambda site: site.database.execute(
        "update event_access_logs set accessed_at = accessed_at - interval '1 day' where session_id = 's3'"
    ),
    "a hit comes from another day": lambda site: site.database.execute(
        "update event_access_logs set accessed_at = accessed_at + interval '1 day' "
        "where session_id = 's3' and accessed_at < :s",
        s=site.at(site.today, 0),
    ),
    "a hit is recorded late": lambda site: site.visits(site.today, 1, created_at=site.now() - timedelta(minutes=10)),
    "a hit takes the place of another": lambda site: (
        site.database.execute("delete from event_access_logs where session_id = 's3'"),
        site.visits(site.today, 2, created_at=site.now()),
    ),
    "an entry goes to another client": _entry_moves,
    "a campaign vanishes": lambda site: site.database.execute(
        "delete from event_survey_campaigns where id = :i", i=BETA_ONLY
    ),
    "a campaign goes to another client": lambda site: site.database.execute(
        "update event_survey_campaigns set client_id = :c where id = :i", c=BETA, i=SPRING
    ),
    "a link's UTM changes": lambda site: site.database.execute("update campaign_link_meta set utm_source = 'daum'"),
    "a campaign is excluded": lambda site: site.database.execute(
        "insert into stats.exclusion (campaign_id, reason, author) values (:c, 'r', 'a')", c=SPRING
    ),
    "a member is folded": lambda site: site.database.execute(
        "insert into stats.fold_rule (rule_no, client_id, field, kind, prefix, reason, author) "
        "values (1, :c, 'utm_source', 'prefix', 'ka', 'r', 'a')",
        c=BETA,
    ),
}


@pytest.mark.parametrize("what", _CHANGED)
@pytest.mark.parametrize("beside", [True, False])
def test_what_is_not_proven_is_not_published(site: Site, what: str, beside: bool) -> None:
    """Alone, and beside facts that were added; computing the day whole makes it right, and the next delta goes on."""
    if beside:
        _come(site)
        assert _update(site) is None
        _come(site)
    before = published(site.database, site.today)
    _CHANGED[what](site)
    assert _update(site) is Refusal.NOT_PROVEN
    assert published(site.database, site.today) == before
    replace_day(site.database.pipeline, site.today, site.database.settings, Request(accepted=True))
    assert differing_deltas(site.database.pipeline, [site.today]) == {}
    _come(site)
    assert _update(site) is None
    assert published(site.database, site.today) == computed_whole(site.database, site.today)


@pytest.mark.parametrize(
    "tampered", ["session_days", "bucket_daily", "client_day", "campaign_hourly", "partition_state"]
)
def test_a_wrong_delta_is_found_when_the_day_is_computed_whole(site: Site, tampered: str) -> None:
    """Its rows are put right, it is said how many were wrong, and the day takes no more deltas."""
    database = site.database
    database.define(hourly_clients=[ALPHA])
    late = {"accessed_at": site.at(site.today, 600), "campaign_id": SPRING, "session_id": "late"}
    database.insert("event_access_logs", [{**late, "created_at": site.at(site.day(5))}])
    database.replace(site.today)
    _come(site)
    assert _update(site) is None
    more = {"client_day": "excluded_hits", "bucket_daily": "conversions"}.get(tampered, "hits")
    database.execute(f"update stats.{tampered} set {more} = {more} + 1 where bucket_date = :d", d=site.today)
    _come(site)
    replace_day(database.pipeline, site.today, database.settings.changed(guard={"loss_share": 1.0}))
    assert published(database, site.today) == computed_whole(database, site.today)
    found = differing_deltas(database.pipeline, [site.today, site.day(1)])
    assert list(found) == [site.today]
    assert found[site.today] > 0
    _come(site)
    assert _update(site) is Refusal.DIFFERED


def test_deltas_that_were_right_are_found_right(site: Site) -> None:
    for _ in range(2):
        _come(site)
        assert _update(site) is None
    _come(site)
    replace_day(site.database.pipeline, site.today, site.database.settings)
    assert differing_deltas(site.database.pipeline, [site.today]) == {}
    (row,) = site.database.rows("select deltas from stats.delta_day")
    assert row == {"deltas": 0}
    assert [row["published"] for row in _ledger(site)] == ["whole", "delta", "whole"]


def test_two_workers_while_facts_come(site: Site) -> None:
    """Two add, one computes whole, facts come and are marked: nobody fails, and all is right in the end."""
    database, problems, over = site.database, [], threading.Event()
    deltas: list[Refusal | None] = []

    def work(what: Callable[[], object], times: int) -> None:
        try:
            for _ in range(times):
                what()
        except BaseException as problem:
            problems.append(problem)

    def add() -> None:
        while (refusal := _update(site)) is Refusal.IN_WORK:
            over.wait(0.01)
        deltas.append(refusal)

    def come() -> None:
        with psycopg.connect(database.url) as connection:
            while not over.wait(0.01):
                connection.execute(
                    "insert into event_access_logs (campaign_id, session_id, accessed_at) "
                    "select %s, 's' || floor(random() * 30), now() from generate_series(1, 3)",
                    (SPRING,),
                )
                connection.execute(
                    "update event_access_logs set entry_id = gen_random_uuid() where id in (select id from "
                    "event_access_logs where created_at > now() - interval '1 minute' order by random() limit 1)"
                )
                connection.commit()

    whole = threading.Thread(
        target=work, args=(lambda: replace_day(database.pipeline, site.today, database.settings), 4)
    )
    adding = [threading.Thread(target=work, args=(add, 5)) for _ in range(2)]
    coming = threading.Thread(target=come)
    for thread in (coming, whole, *adding):
        thread.start()
    for thread in (whole, *adding):
        thread.join()
    over.set()
    coming.join()
    assert problems == []
    assert deltas == [None] * 10
    assert _update(site) is None
    assert published(database, site.today) == computed_whole(database, site.today)
    assert differing_deltas(database.pipeline, [site.today]) == {}
    ledger = _ledger(site)
    assert [row["hits_before"] for row in ledger[1:]] == [row["hits_after"] for row in ledger[:-1]]


class _Holding:
    """Random changes of facts of which some are held, on days that all take deltas."""

    def __init__(self, site: Site, seed: int) -> None:
        site.database.settings = site.database.settings.changed(changes={"deltas": "everywhere"})
        self.site, self.chance = site, random.Random(seed)
        site.database.execute("create table gone (like event_access_logs)")

    def step(self) -> None:
        site, run, chance = self.site, self.site.database.execute, self.chance
        day = site.day(chance.choice([0, 0, 1]))
        what = chance.choice("iiiiidudrx")
        if what == "i":
            count = chance.randrange(1, 9)
            site.visits(day, count, chance.choice([SPRING, AUTUMN, BETA_ONLY]), created_at=site.now())
        elif what == "d":
            run(
                "with gone as (delete from event_access_logs where campaign_id = :c and accessed_at >= :s "
                "and accessed_at < :e and hashtext(id::text) % 5 <> :n returning *) "
                "insert into gone select * from gone",
                c=chance.choice([SPRING, BETA_ONLY]), s=site.at(day, 0), e=site.at(day, 1440), n=chance.randrange(5),
            )  # fmt: skip
        elif what == "r":
            run("with back as (delete from gone returning *) insert into event_access_logs select * from back")
        elif what == "u":
            run(
                "update event_access_logs set utm_source = 'u' where hashtext(id::text) % 9 = :n", n=chance.randrange(9)
            )
        else:
            run("delete from stats.exclusion")
            if chance.random() < 0.5:
                run("insert into stats.exclusion (campaign_id, reason, author) values (:c, 'r', 'a')", c=AUTUMN)

    def publish(self) -> int:
        """Detect and publish what was found; every table is that of the whole day. Returns how many parts are held."""
        database = self.site.database
        found = self.site.detect(self.chance.choice([Scope.LOOKBACK, Scope.SWEEP]))
        for day in found.days:
            with suppress(DayHeld):
                replace_day(database.pipeline, day, database.settings)
                assert published(database, day) == computed_whole(database, day, database.settings.guard.loss_share)
        return len(found.held)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 8))])
def test_what_is_held_is_held_where_days_take_deltas(site: Site, seed: int) -> None:
    history, held = _Holding(site, seed), 0
    for _ in range(25):
        for _ in range(history.chance.randrange(1, 3)):
            history.step()
        held += history.publish()
    kinds = site.database.rows("select published, count(*) as n from stats.day_ledger group by 1")
    counted = {row["published"]: row["n"] for row in kinds}
    assert held > 0
    assert counted["delta"] >= 5
    assert counted["whole"] >= 5
