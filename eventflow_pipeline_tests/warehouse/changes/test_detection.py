"""Change detection: every kind of change is found, named and healed; nothing is found where nothing changed."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse import registry as definition
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes, stale_days
from eventflow_pipeline.warehouse.changes.due_days import delete_running_days
from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import day_lock
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.site import ALPHA, AUTUMN, BETA, BETA_ONLY, LINK, SPRING, Site


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


@pytest.fixture
def healed(site: Site) -> Site:
    """Facts on three days, all computed; the oldest is merged."""
    for back in (0, 2, 20):
        site.visits(site.day(back), 5)
        site.visits(site.day(back), 3, marketing_campaign_link_id=LINK)
        site.visits(site.day(back), 2, cid=" abcd1234 ")
        site.visits(site.day(back), 4, BETA_ONLY, utm_source="kakao")
        site.entries(site.day(back), 2)
    assert set(site.heal().values()) == {"never_computed"}
    assert site.detect().changed == ()
    return site


def test_only_days_with_facts_count_as_changed_before_they_are_computed(site: Site) -> None:
    site.visits(site.day(7))
    assert site.detect().days == (site.day(7),)
    state = site.state(site.day(7))
    assert (state["computed_at"], state["grains"], state["stale_cause"]) == (None, [], "never_computed")
    with pytest.raises(Exception, match="not computed for the grain"):
        site.database.summary("platform", site.day(7))
    # The facts go again before anybody computed the day: nothing is left of it.
    site.database.execute("delete from event_access_logs")
    assert site.detect().days == ()
    assert site.database.rows("select from stats.partition_state") == []


def _sql(command: str) -> Callable[[Site, date], None]:
    """A change written as SQL; :day_start and :day_end bound the day, LINK and so on are spelled out."""

    def change(site: Site, day: date) -> None:
        names = {"link": LINK, "spring": SPRING, "autumn": AUTUMN, "alpha": ALPHA, "beta": BETA}
        values: dict[str, Any] = {"day_start": site.at(day, 0), "day_end": site.at(day, 1440), **names}
        site.database.execute(command, **{k: v for k, v in values.items() if f":{k}" in command})

    return change


_IN_DAY = "accessed_at >= :day_start and accessed_at < :day_end"
_ENTRY_IN_DAY = "created_at >= :day_start and created_at < :day_end"
_ONE = f"id = (select min(id::text)::uuid from event_access_logs where {_IN_DAY} and campaign_id = :spring)"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        pytest.param(lambda s, d: s.visits(d), "facts_added", id="new visit"),
        pytest.param(lambda s, d: s.entries(d), "facts_added", id="new entry"),
        pytest.param(_sql(f"delete from event_access_logs where {_ONE}"), "facts_deleted", id="visit deleted"),
        pytest.param(_sql(f"delete from event_survey_entries where {_ENTRY_IN_DAY}"), "facts_deleted", id="entries"),
        pytest.param(_sql(f"delete from event_access_logs where {_IN_DAY}"), "facts_deleted", id="day emptied"),
        pytest.param(
            _sql(f"update event_access_logs set session_id = 'other' where {_ONE}"),
            "facts_changed",
            id="session edited",
        ),
        pytest.param(
            _sql(f"update event_access_logs set utm_medium = 'x' where {_ONE}"), "facts_changed", id="utm edited"
        ),
        pytest.param(
            _sql(f"update event_access_logs set campaign_id = :autumn where {_ONE}"), "facts_changed", id="campaign"
        ),
        pytest.param(
            _sql(f"update event_survey_entries set client_id = :beta where {_ENTRY_IN_DAY}"),
            "facts_changed",
            id="client",
        ),
    ],
)
def test_changed_facts(healed: Site, change: Callable[[Site, date], None], cause: str) -> None:
    days = healed.day(20), healed.today
    for day in days:
        change(healed, day)
    assert healed.heal() == dict.fromkeys(days, cause)
    assert healed.heal() == {}


def test_values_exchanged_between_two_facts_do_not_cancel_out(site: Site) -> None:
    """On 16 days, because an exclusive or, or a sum of column hashes, would miss every other one, not every one."""
    days = tuple(site.day(back) for back in range(20, 4, -1))
    for day in days:
        site.visits(day, session_id="a")
        site.visits(day, campaign=AUTUMN, session_id="b")
    site.heal()
    site.database.execute("update event_access_logs set session_id = case session_id when 'a' then 'b' else 'a' end")
    assert site.detect().days == days


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("update event_survey_campaigns set client_id = :beta where id = :spring", "dimensions_changed"),
        ("delete from event_survey_campaigns where id = :spring", "dimensions_vanished"),
        ("delete from campaign_link_meta", "dimensions_vanished"),
        ("update campaign_link_meta set utm_source = 'daum'", "dimensions_changed"),
        ("update campaign_link_meta set cid = 'ZZZZ9999'", "dimensions_vanished"),
    ],
    ids=["campaign moved", "campaign gone", "link gone", "link retagged", "cid resolved no more"],
)
def test_changed_dimensions_change_every_day_they_reach(healed: Site, change: str, cause: str) -> None:
    _sql(change)(healed, healed.today)
    found = healed.detect(guard={"loss_share": 1.0})
    assert {stale.day: stale.cause.value for stale in found.changed} == {healed.day(b): cause for b in (0, 2, 20)}
    healed.database.replace(*found.days)
    assert healed.detect().changed == ()


def test_a_link_that_appears_after_its_visits(site: Site) -> None:
    late = uuid4()
    site.visits(site.day(9), 2, marketing_campaign_link_id=late)
    site.visits(site.day(8), 2, cid="late0000")
    site.heal()
    site.database.insert(
        "campaign_link_meta", [{"id": late, "client_id": ALPHA, "name": "l", "cid": "LATE0000", "utm_source": "x"}]
    )
    assert site.heal() == {site.day(9): "dimensions_changed", site.day(8): "dimensions_changed"}
    for day in (site.day(9), site.day(8)):
        link = site.database.summary("link", day)[0]
        assert (link["link_id"], link["link_status"]) == (late, "resolved")
        assert site.database.summary("utm_source", day)[0]["utm_source"] == "x"


def test_deleted_and_restored_facts_leave_no_trace(healed: Site) -> None:
    day = healed.day(20)
    healed.database.execute("create table kept as select * from event_access_logs")
    healed.database.execute("delete from event_access_logs where accessed_at = :at", at=healed.at(day, 4))
    assert healed.detect().days == (day,)
    healed.database.execute("insert into event_access_logs select * from kept on conflict do nothing")
    assert healed.detect().days == ()
    assert healed.state(day)["stale_since"] is None


def test_what_the_computation_does_not_read_changes_nothing(healed: Site) -> None:
    for change in (
        "update event_access_logs set user_agent = 'x', referrer = 'https://a.example', utm_term = 't'",
        "update event_access_logs set entry_id = gen_random_uuid(), converted_at = now()",
        "update event_access_logs set utm_source = ' KAKAO ' where utm_source = 'kakao'",
        "update event_access_logs set cid = 'ABCD1234' where cid is not null",
        "update event_survey_entries set name = 'n', company = 'c', phone_norm = id || 'x'",
        "update event_survey_campaigns set title = 'renamed', status = 'closed'",
        "update campaign_link_meta set name = 'renamed', status = 'paused'",
        "insert into campaign_link_meta (client_id, name, cid) select id, 'unused', 'UNUSED00' from clients",
        "insert into event_survey_campaigns (client_id, title) select id, 'unused' from clients",
    ):
        healed.database.execute(change)
        assert healed.detect().days == (), change


def test_definition_grains_and_zone_are_part_of_a_day(healed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definition, "DEFINITION_VERSION", definition.DEFINITION_VERSION + 1)
    days = (healed.day(20), healed.day(2), healed.day(0))
    assert {d.cause.value for d in healed.detect().changed} == {"definition_changed"}
    assert healed.detect().days == days
    healed.heal()
    assert healed.detect().days == ()
    # A grain that is added fills its history.
    healed.database.execute("select stats.add_grain('entity', '{entity_type,entity_id}')")
    assert healed.heal() == dict.fromkeys(days, "definition_changed")
    assert healed.database.summary("entity", healed.today)


def test_scopes_look_where_they_should(site: Site) -> None:
    for back in (1, 3, 5, 59):
        site.visits(site.day(back))
    assert site.detect(Scope.LOOKBACK).days == (site.day(3), site.day(1))
    assert site.detect(Scope.SWEEP, changes={"sweep_days": 10}).days == (site.day(5), site.day(3), site.day(1))
    assert site.detect(Scope.ALL).days == tuple(site.day(b) for b in (59, 5, 3, 1))
    passes = site.database.rows(
        "select scope, days_checked, days_changed from stats.detection_pass order by started_at"
    )
    assert [tuple(p.values()) for p in passes] == [("lookback", 4, 2), ("sweep", 11, 3), ("all", 61, 4)]


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("America/Havana", [date(2025, 3, 9), date(2025, 11, 2)]),  # midnight missing, midnight twice
        pytest.param("Atlantic/Azores", [date(2025, 3, 30), date(2025, 10, 26)], marks=pytest.mark.long),
        ("Asia/Kathmandu", [date(2025, 5, 1)]),
    ],
)
def test_detection_and_replacement_agree_on_days_whose_clock_changes(
    database: Database, zone: str, changes: list[date]
) -> None:
    database.set_build_settings(zone, date(2025, 1, 1))
    for number, change in enumerate(changes):
        noon = datetime(change.year, change.month, change.day, 12, tzinfo=UTC)
        database.execute(
            "insert into event_access_logs (campaign_id, session_id, accessed_at) select :c, 's' || n, "
            "cast(:noon as timestamptz) + n * interval '15 minutes' from generate_series(-200, 200) n",
            c=UUID(int=number + 1),
            noon=noon,
        )
    found = detect_changes(database.pipeline, database.settings, Scope.ALL)
    assert len(found.days) >= 4 * len(changes)
    database.replace(*found.days)
    assert sum(row["hits"] for row in database.rows("select hits from stats.partition_state")) == 401 * len(changes)
    assert detect_changes(database.pipeline, database.settings, Scope.ALL).days == ()


def test_a_late_fact_is_found_by_when_it_was_recorded(healed: Site) -> None:
    healed.visits(healed.day(50), created_at=healed.at(healed.day(50)))
    assert healed.detect(Scope.LOOKBACK).days == (), "back-dated as well: only a pass over its day sees it"
    healed.database.execute(
        "insert into event_access_logs (campaign_id, session_id, accessed_at) values (:c, 's', :at)",
        c=SPRING,
        at=healed.at(healed.day(40)),
    )
    assert healed.detect(Scope.LOOKBACK).days == (healed.day(40),)


def test_facts_outside_all_partitions_are_counted(site: Site) -> None:
    site.visits(site.day(61), 2)
    site.entries(site.day(-1), 3)
    found = site.detect()
    assert found.days == ()
    assert found.out_of_range
    assert (found.out_of_range.hits, found.out_of_range.conversions) == (2, 3)
    stored = site.database.rows("select out_of_range_hits, out_of_range_conversions from stats.detection_pass")
    assert [tuple(row.values()) for row in stored] == [(2, 3)]


def test_readers_are_told(healed: Site) -> None:
    day = healed.day(2)

    def told() -> tuple[Any, bool]:
        row = healed.database.rows("select * from stats.range_state(:a, :a)", a=day)[0]
        return row["as_of"], row["complete"]

    started = healed.detect().started_at
    compared, complete = told()
    assert (compared >= started, complete) == (True, True)
    healed.visits(day)
    assert told() == (compared, True), "nobody has looked yet"
    healed.detect()
    assert told() == (healed.state(day)["facts_at"], False)
    healed.database.replace(day)
    assert told() == (healed.state(day)["facts_at"], True), "what was said of the day before says nothing of this one"
    started = healed.detect().started_at
    assert told()[0] >= started
    assert healed.database.rows("select complete from stats.range_state(:a, :b)", a=healed.day(3), b=healed.day(2)) == [
        {"complete": False}
    ], "a day was never computed"


def test_a_range_is_as_of_when_its_days_were_compared_not_others(healed: Site) -> None:
    """A pass over the look-back days says nothing of an older one, into which an import may have brought facts."""
    old = healed.day(20)

    def as_of(first: date, last: date) -> Any:
        return healed.database.rows("select as_of from stats.range_state(:a, :b)", a=first, b=last)[0]["as_of"]

    swept = healed.detect(Scope.SWEEP).started_at
    healed.visits(old, created_at=healed.at(old))
    passed = healed.detect(Scope.LOOKBACK).started_at
    assert swept <= as_of(old, old) < passed <= as_of(healed.today, healed.today)
    assert as_of(old, healed.today) == as_of(old, old), "a range is as old as its oldest day"
    assert detect_changes(healed.database.pipeline, healed.database.settings, Scope.NAMED, [old]).days == (old,)
    assert as_of(old, old) < swept, "a day found changed is as of when it was computed"


def test_a_replacement_from_before_a_comparison_is_as_of_its_own_snapshot(healed: Site) -> None:
    """A day computed from older facts than those it was last compared with may lack what came in between."""
    day, database = healed.today, healed.database
    with connect(database.pipeline) as connection:
        connection.execute(text("begin isolation level repeatable read"))
        connection.execute(text("select 1 from stats.visit_facts limit 1"))
        healed.detect()
        compared = database.rows("select compared_at from stats.day_comparison where bucket_date = :d", d=day)
        connection.execute(
            text(
                "update stats.partition_state set computed_at = clock_timestamp(), facts_at = now() "
                "where bucket_date = :d"
            ),
            {"d": day},
        )
        connection.execute(text("commit"))
    (told,) = database.rows("select as_of from stats.range_state(:d, :d)", d=day)
    assert told["as_of"] == healed.state(day)["facts_at"] < compared[0]["compared_at"]


def test_a_fact_committed_while_a_worker_waits_is_in_its_result(healed: Site) -> None:
    """The snapshot is taken after the lock: a lock taken inside the transaction would compute from older facts."""
    day, database = healed.today, healed.database
    before = healed.client_hits(day)[ALPHA]
    with connect(database.pipeline) as connection:
        with day_lock(connection, day):
            worker = threading.Thread(target=database.replace, args=(day,))
            worker.start()
            _wait_until_waiting(database)
            healed.visits(day)
        worker.join()
    assert healed.client_hits(day)[ALPHA] == before + 1
    assert healed.detect().days == ()


def test_a_pass_beside_a_replacement_breaks_neither(healed: Site) -> None:
    """A mark written into a day that is being replaced would make the replacement fail; the pass waits instead."""
    day, database = healed.today, healed.database
    healed.visits(day)
    problems: list[BaseException] = []

    def replace_often() -> None:
        try:
            for _ in range(15):
                healed.visits(day)
                replace_day(database.pipeline, day, database.settings)
        except BaseException as problem:
            problems.append(problem)

    worker = threading.Thread(target=replace_often)
    worker.start()
    while worker.is_alive():
        healed.detect(Scope.LOOKBACK)
    worker.join()
    assert problems == []
    healed.heal()
    assert healed.client_hits(day)[ALPHA] == 10 + 1 + 15


def test_marks_survive_until_the_day_is_replaced(healed: Site) -> None:
    healed.visits(healed.day(20))
    since = healed.detect().changed[0].stale_since
    healed.detect(Scope.LOOKBACK)
    assert [(s.day, s.stale_since) for s in stale_days(healed.database.pipeline)] == [(healed.day(20), since)]
    healed.database.replace(healed.day(20))
    assert stale_days(healed.database.pipeline) == []


def test_the_ledger_says_why_a_number_changed(healed: Site) -> None:
    day = healed.day(2)
    healed.visits(day, 3, BETA_ONLY)
    healed.database.execute("delete from event_survey_entries where created_at = :at", at=healed.at(day))
    healed.database.replace(day)
    healed.database.replace(day)
    rows = healed.database.rows(
        "select grain, client_id, cause, reason, hits_before, hits_after, visits_before, visits_after, "
        "conversions_before, conversions_after from stats.day_ledger where bucket_date = :d order by entry_no",
        d=day,
    )
    by_client = {(r["grain"], r["client_id"]): tuple(r.values())[2:] for r in rows[-4:-1]}
    assert by_client == {
        ("platform", None): ("facts_deleted", "backfill", 14, 17, 5, 5, 2, 0),
        ("client", ALPHA): ("facts_deleted", "backfill", 10, 10, 5, 5, 2, 0),
        ("client", BETA): ("facts_deleted", "backfill", 4, 7, 4, 4, 0, 0),
    }
    assert tuple(rows[-1].values())[:4] == ("platform", None, "unchanged", "backfill")


def test_the_ledger_of_a_day_that_was_still_running_is_forgotten_later(healed: Site) -> None:
    database, ended = healed.database, healed.day(2)
    database.execute(
        "insert into stats.day_ledger (bucket_date, grain, cause, reason, author, replaced_at, hits_before, "
        "hits_after, visits_before, visits_after, conversions_before, conversions_after) "
        "values (:d, 'platform', 'facts_added', 'heal', 'x', :at, 1, 2, 1, 2, 0, 0)",
        d=ended,
        at=healed.at(ended, 600),
    )
    delete_running_days(database.pipeline, ended)
    assert len(database.rows("select from stats.day_ledger where author = 'x'")) == 1
    delete_running_days(database.pipeline, healed.today)
    assert database.rows("select from stats.day_ledger where author = 'x'") == []
    assert database.rows("select from stats.day_ledger where bucket_date = :d", d=ended), "after its end: kept"


def test_waiting_for_another_workers_day_ends_with_the_setting(healed: Site) -> None:
    impatient = Database(healed.database.settings.changed(database={"lock_timeout_seconds": 1}))
    try:
        with (
            connect(healed.database.pipeline) as connection,
            day_lock(connection, healed.today),
            pytest.raises(UserError, match="EVENTFLOW_DATABASE_LOCK_TIMEOUT_SECONDS"),
        ):
            impatient.replace(healed.today)
        assert impatient.replace(healed.today)
        assert impatient.rows("show statement_timeout") == [{"statement_timeout": "10min"}]
    finally:
        impatient.close()


def _wait_until_waiting(database: Database) -> None:
    query = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
    with connect(database.owner) as connection:
        for _ in range(500):
            if connection.execute(query).scalar():
                return
            connection.execute(text("select pg_sleep(0.02)"))
    raise AssertionError("nobody waits")
