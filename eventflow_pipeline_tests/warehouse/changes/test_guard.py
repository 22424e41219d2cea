"""The guard against mass loss: a disaster in the source does not quietly become the customers' numbers."""

from datetime import UTC, date, datetime
from random import Random
from uuid import UUID

import pytest

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.oncall.conditions import heal_held
from eventflow_pipeline.warehouse.answers.explain import explain
from eventflow_pipeline.warehouse.changes.detection import Scope, compare_first, stale_days
from eventflow_pipeline.warehouse.changes.guard import DayHeld
from eventflow_pipeline.warehouse.days.replacement import Request, replace_day
from eventflow_pipeline.warehouse.parity.comparison import compare_days
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.e2e.afternoon import zone_where_it_is_afternoon
from eventflow_pipeline_tests.worlds.site import ALPHA, AUTUMN, BETA, BETA_ONLY, LINK, SPRING, Site


@pytest.fixture
def site(database: Database) -> Site:
    """Days of two clients, all computed."""
    made = Site(database, zone_where_it_is_afternoon())
    for back in (0, 1, 20):
        made.visits(made.day(back), 30)
        made.visits(made.day(back), 30, AUTUMN, marketing_campaign_link_id=LINK)
        made.visits(made.day(back), 5, BETA_ONLY)
        made.entries(made.day(back), 12)
    made.heal()
    return made


def _held(site: Site) -> dict[object, str | None]:
    return {stale.day: stale.held_reason for stale in stale_days(site.database.pipeline) if stale.held_since}


def test_emptying_the_campaigns_zeroes_nobodys_screens(site: Site) -> None:
    before = site.client_hits(site.today)
    site.database.execute("create table kept as select * from event_survey_campaigns")
    site.database.execute("delete from event_survey_campaigns")
    found = site.detect()
    assert found.days == ()
    assert [s.day for s in found.held] == [site.day(20), site.day(1), site.day(0)]
    assert "because dimension rows vanished" in (found.held[0].held_reason or "")
    assert site.client_hits(site.today) == before
    # One condition for all days of a client.
    conditions = heal_held.conditions(site.database.pipeline, site.database.settings, datetime.now(UTC))
    assert {c.subject: c.summary.partition(":")[0] for c in conditions} == {
        str(ALPHA): "client alpha", str(BETA): "client beta",
    }  # fmt: skip
    condition = conditions[0]
    assert (condition.client_id, condition.severity, condition.numbers) == (ALPHA, Severity.ERROR, {"days": 3})
    assert f"--client {ALPHA} --reason" in condition.fix
    assert condition.days
    assert (condition.days.first, condition.days.last) == (site.day(20), site.today)
    assert condition.since < datetime.now(UTC)
    # A run leaves them alone, whoever asked for it, unless somebody accepts the loss; the unknown client, too, whom
    # their facts would enter.
    done = replace_day(site.database.pipeline, site.today, site.database.settings, Request())
    assert (done.held, done.hits) == (found.held[-1].held_reason, 65)
    assert site.client_hits(site.today) == before
    assert list(found.held[-1].held_names.values()) == ["alpha", "beta", "unknown"]
    # Later passes of any scope keep the hold; new facts do not lift it.
    site.visits(site.today)
    assert site.detect(Scope.LOOKBACK).days == ()
    assert len(_held(site)) == 3
    replace_day(
        site.database.pipeline,
        site.today,
        site.database.settings,
        Request(reason="accepted: they left", author="ann", accepted=True),
    )
    assert site.client_hits(site.today) == {ALPHA: 0, None: 66}, "its entries have a client of their own"
    ledger = site.database.rows(
        "select client_id, cause, reason, author, hits_before, hits_after from stats.day_ledger"
    )
    assert ("dimensions_vanished", "accepted: they left", "ann", 60, 0) in {tuple(r.values())[1:] for r in ledger}
    # The rows come back: what was held is again what was computed, what was accepted heals.
    site.database.execute("insert into event_survey_campaigns select * from kept")
    found = site.detect()
    assert (found.days, found.held) == ((site.today,), ())
    assert heal_held.conditions(site.database.pipeline, site.database.settings, datetime.now(UTC)) == []


def test_deleted_facts_are_held_for_the_client_that_loses_them(site: Site) -> None:
    ids = site.database.rows("select id from stats.visit_facts where campaign_id = :c and accessed_at >= :at",
                             c=SPRING, at=site.at(site.today, 0))  # fmt: skip
    gone = [row["id"] for row in ids]
    site.database.execute("delete from event_access_logs where id = any(:ids)", ids=gone[:12])
    assert site.heal() == {site.today: "facts_deleted"}, "12 of 60 are not more than 20 %"
    site.database.execute("delete from event_access_logs where id = any(:ids)", ids=gone[12:])
    # As many new facts of another client do not hide it.
    site.visits(site.today, 40, BETA_ONLY)
    found = site.detect()
    assert [(s.day, s.held_reason) for s in found.held] == [
        (site.today, "hits of client alpha would fall from 48 to 30 because facts were deleted")
    ]


def test_of_one_deletion_each_client_is_told_its_own_loss(site: Site) -> None:
    """What the day is marked with names the worst; alerts, checks and `explain` of a client name what is its own."""
    day = site.day(1)
    site.visits(day, 15, BETA_ONLY)
    site.heal()
    site.database.execute("delete from event_access_logs where campaign_id = any(:ids) and accessed_at >= :first"
                          " and accessed_at < :next", ids=[SPRING, BETA_ONLY], first=site.at(day, 0),
                          next=site.at(site.today, 0))  # fmt: skip
    (held,) = site.detect().held
    own = {
        ALPHA: "hits of client alpha would fall from 60 to 30 because facts were deleted",
        BETA: "hits of client beta would fall from 20 to 0 because facts were deleted",
    }
    assert held.held_reason == own[BETA]
    conditions = heal_held.conditions(site.database.pipeline, site.database.settings, datetime.now(UTC))
    told = {c.client_id: c.summary for c in conditions}
    assert {client for client, said in told.items() if client and own[client] in said} == {ALPHA, BETA}
    for client, reason in own.items():
        state = explain(site.database.pipeline, site.database.settings, str(client), day).state
        assert state
        assert state["held_reason"] == reason
    # A later pass has it from the mark.
    assert [stale.reasons for stale in site.detect().held] == [own]


def test_deleted_entries_alone_are_enough(site: Site) -> None:
    site.database.execute("delete from event_survey_entries where created_at = :at", at=site.at(site.day(1)))
    assert [s.held_reason for s in site.detect().held] == [
        "conversions of client alpha would fall from 12 to 0 because facts were deleted"
    ]


@pytest.mark.parametrize(
    "change",
    [
        "update event_survey_campaigns set client_id = :beta where client_id = :alpha",
        "insert into stats.exclusion (campaign_id, reason, author) values (:spring, 'test clone', 'ann')",
        "update event_access_logs set campaign_id = :autumn where campaign_id = :spring",
    ],
    ids=["campaigns moved to another client", "campaign excluded", "facts moved to another campaign"],
)
def test_what_only_moved_is_not_held(site: Site, change: str) -> None:
    values: dict[str, UUID] = {"alpha": ALPHA, "beta": BETA, "spring": SPRING, "autumn": AUTUMN}
    site.database.execute(change, **{k: v for k, v in values.items() if f":{k}" in change})
    found = site.detect()
    assert (len(found.days), found.held) == (3, ())


def test_a_loss_between_detection_and_the_run_is_met_in_the_run(site: Site) -> None:
    site.visits(site.day(1))
    assert site.detect().days == (site.day(1),)
    site.database.execute("delete from event_access_logs")
    done = replace_day(site.database.pipeline, site.day(1), site.database.settings, Request())
    assert "because facts were deleted" in (done.held or "")
    assert site.client_hits(site.day(1)) == {ALPHA: 60, BETA: 5}
    assert list(_held(site)) == [site.day(1)]


def test_too_many_old_days_are_held_together(database: Database) -> None:
    """Each day alone would lose little: a link's row goes, and with it the history of everything it led to."""
    site = Site(database)
    days = [site.day(back) for back in range(4, 36)]
    for day in days:
        site.visits(day, 2)
        site.visits(day, 1, marketing_campaign_link_id=LINK)
    site.heal()
    site.visits(site.day(5))  # its own change is no loss, but the loss is in it
    site.database.execute("create table kept as select * from campaign_link_meta")
    site.database.execute("delete from campaign_link_meta")
    assert site.detect(guard={"old_days": 32}).days == tuple(sorted(days))
    found = site.detect(guard={"old_days": 31})
    assert (found.days, len(found.held)) == ((), 32)
    assert "32 old days would change" in (found.held[0].held_reason or "")
    # A pass that sees a few of them only does not lift the hold, nor does a run.
    assert site.detect(Scope.SWEEP, changes={"sweep_days": 6}).days == ()
    with pytest.raises(DayHeld, match="eventflow accept held --from"):
        replace_day(database.pipeline, site.day(10), database.settings, Request())
    database.replace(site.day(10), site.day(11))
    assert len(site.detect().held) == 30, "accepting some days is not accepting all"
    site.database.execute("insert into campaign_link_meta select * from kept")
    assert (site.detect().days, _held(site)) == ((site.day(11), site.day(10), site.day(5)), {})


def test_facts_that_moved_to_another_client_are_held_as_moved(site: Site) -> None:
    site.database.execute(
        "update event_access_logs set campaign_id = :beta where campaign_id = :spring and accessed_at >= :at",
        beta=BETA_ONLY, spring=SPRING, at=site.at(site.today, 0),
    )  # fmt: skip
    (held,) = site.detect().held
    assert held.cause.value == "facts_moved"
    assert (
        held.held_reason == "hits of client alpha would fall from 60 to 30 because facts were moved to another client"
    )


def test_both_days_of_a_re_dating_are_held(site: Site) -> None:
    """So that nothing is published twice: not on a day that was never computed, either, nor by a backfill."""
    database, target, new = site.database, site.day(1), site.day(3)
    redate = "update event_access_logs set accessed_at = accessed_at + make_interval(days => :by) where "
    redate += "accessed_at < :at and campaign_id = "
    database.execute(f"{redate} :spring", by=19, spring=SPRING, at=site.at(site.day(19)))
    database.execute(f"{redate} :autumn", by=17, autumn=AUTUMN, at=site.at(site.day(19)))
    before = {day: site.client_hits(day) for day in (site.day(20), target, new)}
    assert before[new] == {}
    held = site.detect().held
    assert {s.day: s.cause.value for s in held} == {
        site.day(20): "facts_redated", new: "facts_redated_here", target: "facts_redated_here",
    }  # fmt: skip
    assert (
        held[0].held_reason == "hits of client alpha would fall from 60 to 0 because facts were re-dated to another day"
    )
    assert all(list(s.held_names.values()) == ["alpha"] for s in held)
    for day in before:
        assert replace_day(database.pipeline, day, database.settings).held
    site.visits(target)
    assert site.detect(Scope.LOOKBACK).days == (), "a pass that does not see where they came from"
    assert {day: site.client_hits(day) for day in before} == before
    # Where they came from is accepted: the others follow by themselves.
    database.replace(site.day(20))
    assert site.client_hits(site.day(20)) == {ALPHA: 0, BETA: 5}, "entries are left"
    found = site.detect()
    assert (found.days, found.held) == ((new, target), ())
    for day in found.days:
        replace_day(database.pipeline, day, database.settings)
    assert (site.client_hits(new), site.client_hits(target)) == ({ALPHA: 30}, {ALPHA: 91, BETA: 5})


def test_a_new_day_is_not_complete_while_dimension_rows_have_vanished(site: Site) -> None:
    database, day = site.database, site.day(5)

    def complete(day: date) -> bool:
        return bool(database.rows("select complete from stats.range_state(:day, :day)", day=day)[0]["complete"])

    database.execute("create table kept as select * from event_survey_campaigns")
    database.execute("delete from event_survey_campaigns")
    assert len(site.detect().held) == 3
    # A day computed for the first time, as today is tomorrow; and one without facts of a campaign that vanished.
    site.visits(day, 7)
    site.visits(site.day(6), 7, UUID(int=0xDD))
    for new in (day, site.day(6), site.day(7)):
        replace_day(database.pipeline, new, database.settings)
    assert (site.client_hits(day), complete(day)) == ({None: 7}, False)
    assert complete(site.day(6))
    assert complete(site.day(7))
    assert site.state(day)["stale_cause"] == "dimensions_missing"
    assert [_complete(site, who, day) for who in (ALPHA, BETA, None)] == [False, True, False]
    assert (
        _held(site)[day]
        == "visits are counted as unknown while dimension rows are missing that other days are held for"
    )
    # It goes on counting, and stays marked.
    assert day not in site.detect().days
    site.visits(day)
    assert site.detect().days == (day,)
    replace_day(database.pipeline, day, database.settings)
    assert (site.client_hits(day), complete(day)) == ({None: 8}, False)
    assert site.detect().days == ()
    assert not complete(day)
    # The rows come back: it is computed again by itself.
    database.execute("insert into event_survey_campaigns select * from kept")
    assert site.detect().days == (day,)
    replace_day(database.pipeline, day, database.settings)
    assert (site.client_hits(day), complete(day), _held(site)) == ({ALPHA: 8}, True, {})


def test_a_new_day_is_complete_once_the_vanished_rows_are_accepted(site: Site) -> None:
    site.database.execute("delete from event_survey_campaigns")
    site.detect()
    site.visits(site.day(5), 7)
    replace_day(site.database.pipeline, site.day(5), site.database.settings)
    assert len(site.detect().held) == 4
    site.database.replace(site.day(20), site.day(1), site.today)
    assert (site.detect().days, _held(site)) == ((), {})


def test_what_a_backfill_would_publish_twice_is_held_first(site: Site) -> None:
    """Facts of yesterday were re-dated to a day that was never computed; somebody asks for that day alone."""
    database, new = site.database, site.day(7)
    database.execute(
        "update event_access_logs set accessed_at = accessed_at - interval '6 days' "
        "where accessed_at between :a and :b",
        a=site.at(site.day(1), 0), b=site.at(site.today, -1),
    )  # fmt: skip
    compare_first(database.pipeline, database.settings, [new])
    assert sorted(_held(site)) == [new, site.day(1)]
    assert replace_day(database.pipeline, new, database.settings).held
    assert site.client_hits(new) == {}


def _complete(site: Site, client: UUID | None, *days: date) -> bool:
    rows = site.database.rows(
        "select complete from stats.range_state(:first, :last, :client)", first=days[0], last=days[-1], client=client
    )
    return bool(rows[0]["complete"])


def test_a_day_held_for_one_client_is_complete_for_the_others(site: Site) -> None:
    database, day = site.database, site.today
    gone = "delete from event_access_logs where campaign_id = :spring and accessed_at >= :at"
    database.execute(gone, spring=SPRING, at=site.at(day, 0))
    assert [s.day for s in site.detect().held] == [day]
    assert [_complete(site, who, day) for who in (ALPHA, BETA, None)] == [False, True, False]
    # What is new of another client goes on.
    site.visits(day, 1, BETA_ONLY, created_at=datetime.now(UTC))
    assert site.detect(Scope.LOOKBACK).days == (day,)
    assert [_complete(site, who, day) for who in (ALPHA, BETA, None)] == [False, False, False]
    assert replace_day(database.pipeline, day, database.settings).held
    assert site.client_hits(day) == {ALPHA: 60, BETA: 6}
    assert [_complete(site, who, day) for who in (ALPHA, BETA, None)] == [False, True, False]
    assert site.detect(Scope.LOOKBACK).days == ()
    database.replace(day)
    assert [_complete(site, who, day) for who in (ALPHA, BETA, None)] == [True, True, True]


def test_a_day_held_for_one_client_is_compared_for_the_others(site: Site) -> None:
    database, day = site.database, site.today
    database.execute("delete from event_access_logs where campaign_id = :spring and accessed_at >= :at",
                     spring=SPRING, at=site.at(day, 0))  # fmt: skip
    site.detect()
    database.execute("update stats.bucket_daily set hits = hits + 1 where bucket_date = :d and client_id is not null",
                     d=day)  # fmt: skip
    found = compare_days(database.pipeline, database.settings, DayRange(day, day))
    assert (found.checked, found.stale) == ((day,), ())
    assert [str(held) for held in found.held] == ["alpha -30 hits, +0 entries"]
    of = {d.member["client_id"]: {(x.raw, x.stored) for x in found.differences if x.member == d.member and
          x.grain == "client"} for d in found.differences}  # fmt: skip
    assert of == {str(ALPHA): {(60, 61)}, str(BETA): {(5, 6)}}, "of facts or, of what is held, of session-days"


def test_what_is_excluded_of_a_held_client_is_counted_at_once(site: Site) -> None:
    database, day = site.database, site.today
    gone = "delete from event_access_logs where campaign_id = :spring and accessed_at >= :at"
    database.execute(gone, spring=SPRING, at=site.at(day, 0))
    assert [s.day for s in site.detect().held] == [day]
    database.execute("insert into stats.exclusion (campaign_id, reason, author) values (:id, 'r', 'a')", id=AUTUMN)
    assert day in site.detect().days, "nobody else's part differs, and yet the sum of the day must close"
    assert replace_day(database.pipeline, day, database.settings).held
    assert (site.client_hits(day), site.state(day)["excluded_hits"]) == ({ALPHA: 60, BETA: 5}, 30)
    found = compare_days(database.pipeline, database.settings, DayRange(day, day))
    assert (found.checked, found.differences, found.stale) == ((day,), (), ())
    assert [str(held) for held in found.held] == ["alpha -60 hits, +0 entries"]
    assert day not in site.detect().days


_CHANGES = (
    "insert into event_access_logs (campaign_id, session_id, accessed_at, created_at) values (:campaign, :s, :at, :at)",
    "delete from event_access_logs where id in "
    "(select id from event_access_logs where campaign_id = :campaign limit 2)",
    "update event_access_logs set campaign_id = :other where id in "
    "(select id from event_access_logs where campaign_id = :campaign limit 4)",
    "update event_access_logs set accessed_at = :at where id in "
    "(select id from event_access_logs where campaign_id = :campaign limit 3)",
    "update event_access_logs set utm_source = :s where id in "
    "(select id from event_access_logs where campaign_id = :campaign limit 1)",
    "delete from event_survey_campaigns where id = :campaign",
    "insert into event_survey_campaigns select * from kept where id = :campaign on conflict do nothing",
)


def _check_reads_tell_whose_numbers_are_stale(site: Site, seed: int, steps: int) -> None:
    """After any change and pass, a client's day is complete when its published numbers are what its facts say."""
    random = Random(seed)
    database, days = site.database, [site.day(back) for back in (0, 1, 20)]
    database.execute("create table kept as select * from event_survey_campaigns")
    for step in range(steps):
        day, campaign, other = random.choice(days), *random.sample((SPRING, AUTUMN, BETA_ONLY), 2)
        change = random.choice(_CHANGES)
        values = {"campaign": campaign, "other": other, "s": f"n{step}", "at": site.at(day, random.randrange(60))}
        database.execute(change, **{name: value for name, value in values.items() if f":{name}" in change})
        found = site.detect()
        for due in random.sample(found.days, random.randint(0, len(found.days))):
            replace_day(database.pipeline, due, database.settings)
        if found.held and random.random() < 0.2:
            database.replace(random.choice(found.held).day)
        site.detect()
        for day in days:
            published = _numbers(site, "stats.bucket_daily where grain = 'utm_source' and bucket_date = :d", day)
            facts = _numbers(site, _FACTS, day)
            wrong = {who for who in (ALPHA, BETA) if published.get(who) != facts.get(who)}
            told = {who for who in (ALPHA, BETA) if not _complete(site, who, day)}
            assert wrong <= told, (seed, step, day)
            assert published == facts or not _complete(site, None, day), (seed, step, day)


_FACTS = """(
    select c.client_id, coalesce(v.utm_source, l.utm_source) as utm_source, count(*) as hits,
           count(distinct v.session_id) as visits
    from stats.visit_facts v left join stats.campaigns c on c.id = v.campaign_id
    left join stats.links l on l.id = v.link_id and l.client_id = c.client_id
    where (v.accessed_at at time zone (select time_zone from stats.build_settings))::date = :d group by 1, 2
) f"""


def _numbers(site: Site, source: str, day: date) -> dict[UUID | None, set[tuple[object, ...]]]:
    query = f"select client_id, utm_source, hits, visits from {source}"
    found: dict[UUID | None, set[tuple[object, ...]]] = {}
    for row in site.database.rows(query, d=day):
        if row["hits"]:
            found.setdefault(row["client_id"], set()).add((row["utm_source"], row["hits"], row["visits"]))
    return found


@pytest.mark.parametrize("seed", range(2))
def test_reads_tell_whose_numbers_are_stale(site: Site, seed: int) -> None:
    _check_reads_tell_whose_numbers_are_stale(site, seed, steps=12)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_reads_tell_whose_numbers_are_stale_for_long(site: Site, seed: int) -> None:
    _check_reads_tell_whose_numbers_are_stale(site, seed, steps=60)
