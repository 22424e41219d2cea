"""Fold rules (A6): invented members count in one, every number stays exact, and removal restores what was."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.folds import NIL, Fold
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.answers.explain import explain
from eventflow_pipeline.warehouse.changes.folds import (
    add_fold,
    days_of_fold,
    days_of_rule,
    fold_of_lines,
    fold_of_prefix,
    folds,
    remove_fold,
)
from eventflow_pipeline.warehouse.changes.kept_days import keep_days
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.parity.comparison import compare_days, compare_windows
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.repetitions import some
from eventflow_pipeline_tests.worlds.site import ALPHA, BETA, BETA_ONLY, LINK, SPRING, Site

#: What a day is stored as, whole.
_STORED = ("session_days", "bucket_daily", "campaign_hourly", "client_day", "return_histogram")
_WHO = ("a test", "ann")


def _stored(site: Site) -> dict[str, list[str]]:
    """Every row of every table of computed days, as bytes, without the times they were computed at."""
    rows = "(to_jsonb(t) - 'facts_at')::text as row"
    return {
        table: [r["row"] for r in site.database.rows(f"select {rows} from stats.{table} t order by 1")]
        for table in _STORED
    }


def _heal(site: Site) -> dict[Any, str]:
    """A full pass with the guard on; what it does not hold is computed, histograms too."""
    found = site.detect()
    assert found.held == ()
    site.database.replace(*found.days)
    site.database.merge_pending()
    return {stale.day: stale.cause.value for stale in found.changed}


def _agrees(site: Site, back: int = 40) -> bool:
    """Do buckets, hours, session-days and ranges agree with the facts, by the statements written apart from them?"""
    d, days = site.database, DayRange(site.day(back), site.today)
    found = compare_days(d.pipeline, d.settings, days) + compare_windows(d.pipeline, d.settings, days)
    return not (found.differences or found.stale or found.kept)


def _fold(site: Site, fold: Fold) -> tuple[int, list[Any]]:
    days, _ = days_of_fold(site.database.pipeline, fold)
    return add_fold(site.database.pipeline, site.database.settings, fold, days, *_WHO)


def _unfold(site: Site, rule_no: int) -> list[Any]:
    days, _ = days_of_rule(site.database.pipeline, rule_no)
    return remove_fold(site.database.pipeline, site.database.settings, rule_no, days, *_WHO)


def _members(site: Site, grain: str, back: int, client: UUID | None, key: str) -> dict[Any, tuple[int, int]]:
    """Hits and visits of a client's members of one day, by their key."""
    rows = site.database.rows(
        f"select {key} as key, hits, visits from stats.{grain}_daily "
        "where bucket_date = :day and client_id is not distinct from :client",
        day=site.day(back),
        client=client,
    )
    return {row["key"]: (row["hits"], row["visits"]) for row in rows}


@pytest.fixture
def site(database: Database) -> Site:
    """Three attacked days, one that is not, and hour buckets; all computed."""
    made = Site(database)
    database.define(hourly_clients=[ALPHA])
    for back in (2, 3, 40):
        for n in range(6):
            made.visits(made.day(back), 1, utm_campaign=f"Bot-{n} ", session_id=f"s{n % 4}")
            made.visits(made.day(back), 1, BETA_ONLY, utm_campaign=f"bot-{n}")
        for n in range(12):
            made.visits(made.day(back), 1, UUID(int=0xBAD0 + n), session_id=f"u{n % 5}")
            made.visits(made.day(back), 1, marketing_campaign_link_id=UUID(int=0xD00 + n), session_id=f"s{n % 3}")
            made.entries(made.day(back), 1, UUID(int=0xBAD0 + n))
        made.visits(made.day(back), 2, utm_campaign="spring", marketing_campaign_link_id=LINK)
        made.visits(made.day(back), 1, marketing_campaign_link_id=LINK)
    made.visits(made.day(8), 2)
    _heal(made)
    return made


RULES = {
    "values": ((ALPHA, "utm_campaign", "values", ["BOT-0", " bot-1\t", "", "bot-2", "bot-3", "bot-4", "bot-5"]), 4),
    "prefix": ((ALPHA, "utm_campaign", "prefix", "Bot-"), 4),
    "all but a set": ((ALPHA, "utm_campaign", "all_except", ["Spring"]), 4),
    "unresolved links": ((ALPHA, "link_id", "all_except", []), 3),
    "campaigns without a row": ((None, "entity_id", "all_except", []), 5),
    "entries of campaigns without a row": ((ALPHA, "entity_id", "prefix", "00000000-"), 0),
}


def _rule(site: Site, client: UUID | None, field: str, kind: str, given: Any) -> Fold:
    engine = site.database.pipeline
    if kind == "prefix":
        return fold_of_prefix(engine, client, field, given)
    return fold_of_lines(engine, client, field, kind, given)


@pytest.mark.parametrize("kinds", some([("values", "unresolved links"), tuple(RULES)], 1))
def test_a_rule_changes_exactly_its_days_and_removal_restores_every_byte(site: Site, kinds: tuple[str, ...]) -> None:
    before = _stored(site)
    days = [site.day(40), site.day(3), site.day(2)]
    for name in kinds:
        (client, field, kind, given), visits = RULES[name]
        rule = _rule(site, client, field, kind, given)
        assert days_of_fold(site.database.pipeline, rule) == (days, 0)
        number, marked = _fold(site, rule)
        assert marked == days, "at once, however old"
        assert _heal(site) == dict.fromkeys(days, "folds_changed")
        assert _agrees(site)
        grain = {"link_id": "link", "entity_id": "campaign"}.get(field, field)
        members = _members(site, grain, 2, client, field)
        folded = members.pop(NIL if field.endswith("_id") else "(folded)")
        if visits:
            assert folded == (6 if field == "utm_campaign" else 12, visits), "visits are distinct sessions"
        assert len(members) <= 3
        assert len(_members(site, "utm_campaign", 2, BETA, "utm_campaign")) == 6, "another client's are its own"
        assert _unfold(site, number) == days
        assert _heal(site) == dict.fromkeys(days, "folds_changed")
        assert _stored(site) == before
    assert folds(site.database.pipeline) == []
    assert len(folds(site.database.pipeline, also_removed=True)) == len(kinds)


def _nested(plan: dict[str, Any]) -> list[str]:
    """The lists of rules that a plan's nested loops go through."""
    below = [found for child in plan.get("Plans", ()) for found in _nested(child)]
    if plan["Node Type"] != "Nested Loop":
        return below
    return below + [child["CTE Name"] for child in plan["Plans"] if child.get("CTE Name", "").startswith("fold_")]


def test_facts_nobody_analysed_are_not_compared_with_all_that_rules_list(site: Site) -> None:
    """Taken for a handful, 500,000 facts of a day that is new were compared with each of 100,000 values."""
    d, plans = site.database, {}
    # The planner knows the days before, and takes a new one for a row or two.
    d.execute("analyze")
    site.visits(site.day(1), 20, utm_campaign="bot-0")

    @event.listens_for(d.pipeline, "before_cursor_execute")
    def _explain(connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if "fold_listed" in sql and "fact_record_hash" in sql:
            raw = connection.connection.driver_connection
            # Once a client's values are many the planner merges by the client alone, which is their product again.
            assert raw.execute("show enable_mergejoin").fetchone() == ("off",)
            plans[sql] = raw.execute("explain (format json) " + sql, parameters).fetchone()[0][0]["Plan"]

    _fold(site, _rule(site, ALPHA, "utm_campaign", "values", ["bot-0", "bot-1"]))
    _heal(site)
    keep_days(d.pipeline, d.settings, [site.day(1)], *_WHO)
    explain(d.pipeline, d.settings, str(ALPHA), site.day(1))
    measure(d.pipeline, d.settings, DayRange(site.day(1), site.day(1)))
    with connect(d.pipeline) as connection:
        for way in ("enable_nestloop", "enable_mergejoin"):
            assert connection.execute(text(f"show {way}")).scalar_one() == "on", "for these statements only"
    assert len(plans) == 4, "counts, a day's stage, hours, explain"
    assert {sql: _nested(plan) for sql, plan in plans.items() if _nested(plan)} == {}


def test_what_has_a_row_and_what_was_not_supplied_never_folds(site: Site) -> None:
    before = _stored(site)
    # What is typed as it counts in that member.
    site.visits(site.day(2), 1, utm_campaign="(Folded)", session_id="typed")
    for field in ("link_id", "entity_id", "utm_source"):
        for client in (ALPHA, BETA):
            rule = _rule(site, client, field, "values", [str(SPRING), str(LINK), str(BETA_ONLY)])
            assert _fold(site, rule)[1] in ([], [site.day(2)]), "no day but the one that was changed"
    site.database.execute("delete from public.event_access_logs where session_id = 'typed'")
    assert _heal(site) == {}
    assert _stored(site) == before
    _fold(site, _rule(site, ALPHA, "utm_source", "all_except", []))
    _heal(site)
    # What a link lends a fact (A3) folds as what the fact brought; NULL is a member of its own (B5).
    assert _members(site, "utm_source", 2, ALPHA, "utm_source").keys() == {None, "(folded)"}
    assert _members(site, "link", 2, ALPHA, "link_status::text").keys() == {"resolved", "unresolved", "unknown"}


def test_the_guard_tells_folding_from_losing(site: Site) -> None:
    """Its limits are for facts that are gone: folding hundreds is none, what is gone from a folded member is."""
    site.visits(site.day(2), 50, UUID(int=0xBAD0))
    _heal(site)
    number, _ = _fold(site, _rule(site, None, "entity_id", "all_except", []))
    _heal(site)
    # A row that vanishes is not taken for one more of those without a row.
    owner = {"id": SPRING, "client_id": ALPHA, "title": "title"}
    site.database.execute("delete from public.event_survey_campaigns where id = :id", id=SPRING)
    held = site.detect().held
    assert {(h.day, h.cause.value, *h.held_names.values()) for h in held} == {
        (site.day(back), "dimensions_vanished", "alpha", "unknown") for back in (2, 3, 8, 40)
    }
    site.database.insert("event_survey_campaigns", [owner])
    assert site.detect().held == ()
    # Nor is a row that appears.
    site.database.insert("event_survey_campaigns", [{"id": UUID(int=0xBAD0), "client_id": ALPHA, "title": "late"}])
    assert _heal(site).keys() == {site.day(40), site.day(3), site.day(2)}
    assert _members(site, "campaign", 2, ALPHA, "entity_id")[UUID(int=0xBAD0)][0] == 51
    site.database.execute("delete from public.event_access_logs where campaign_id::text like '%bad1'")
    site.database.execute("delete from public.event_access_logs where campaign_id::text like '%bad2'")
    site.database.execute("delete from public.event_access_logs where campaign_id::text like '%bad3'")
    held = site.detect().held
    assert {h.day: h.cause.value for h in held} == dict.fromkeys(
        (site.day(40), site.day(3), site.day(2)), "facts_deleted"
    )
    assert all("of the unknown client would fall from 11 to 8" in (h.held_reason or "") for h in held)
    site.database.replace(*(h.day for h in held))
    _unfold(site, number)
    _heal(site)


@pytest.mark.parametrize(
    ("field", "kind", "given", "why"),
    [
        ("cid", "prefix", "x", "use one of utm_source"),
        ("utm_source", "values", [" ", ""], "has no value"),
        ("utm_source", "prefix", " \u3000", "--prefix is empty"),
        ("utm_source", "prefix", "x" * 161, "give at most 160"),
        ("link_id", "values", [str(LINK), "spring"], "Line 2 is 'spring', which is no id"),
        ("entity_id", "prefix", "spring", "begins no id"),
    ],
)
def test_what_a_rule_cannot_be(database: Database, field: str, kind: str, given: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        _rule(Site(database), ALPHA, field, kind, given)


def test_a_rule_that_is_not_there(database: Database) -> None:
    with pytest.raises(UserError, match="no fold rule 7 in force"):
        days_of_rule(database.pipeline, 7)


def _attack(site: Site, kind: str, count: int) -> None:
    """Hits as an attacker sends them, every one another member, of few sessions."""
    site.database.execute(
        "insert into public.event_access_logs (id, session_id, campaign_id, utm_campaign, marketing_campaign_link_id, "
        "accessed_at, created_at) "
        "select gen_random_uuid(), 'attack' || n % 7, "
        "case when :kind = 'entity_id' then gen_random_uuid() else :spring end, "
        "case when :kind = 'utm_campaign' then 'bot ' || n end, "
        "case when :kind = 'link_id' then gen_random_uuid() end, :at, :at from generate_series(1, :count) n",
        kind=kind,
        spring=SPRING,
        at=site.at(site.day(1), 90),
        count=count,
    )


@pytest.mark.parametrize("count", [300, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_every_attack_by_invented_members_is_folded_away(database: Database, count: int) -> None:
    site = Site(database)
    site.visits(site.day(1), 3, utm_campaign="spring")
    _heal(site)
    before = _stored(site)
    for kind, client in (("utm_campaign", ALPHA), ("link_id", ALPHA), ("entity_id", None)):
        _attack(site, kind, count)
        _heal(site)
        grain = {"link_id": "link", "entity_id": "campaign"}.get(kind, kind)
        members = _members(site, grain, 1, client, kind)
        invented = [key for key in members if key not in (None, SPRING, "spring")]
        assert len(invented) == count
        # All of them listed, the largest set there can be.
        rule = fold_of_lines(database.pipeline, client, kind, "values", [str(key) for key in invented])
        number, days = _fold(site, rule)
        assert days == [site.day(1)]
        _heal(site)
        folded = _members(site, grain, 1, client, kind)
        assert folded[NIL if kind.endswith("_id") else "(folded)"] == (count, 7)
        assert len(folded) <= 3
        assert _agrees(site, 1)
        _unfold(site, number)
        site.database.execute("delete from public.event_access_logs where session_id like 'attack%'")
        site.database.replace(site.day(1))
        site.database.merge_pending()
        assert _stored(site) == before
