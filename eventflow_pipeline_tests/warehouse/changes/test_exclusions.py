"""Exclusions (E3): rules with reason and author; changing one changes the days it affects by itself."""

from uuid import uuid4

import pytest

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.changes.detection import count_out_of_range
from eventflow_pipeline.warehouse.changes.exclusions import add_exclusion, exclusions, remove_exclusion
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.site import ALPHA, SPRING, TEST_CLONE, Site


@pytest.fixture
def site(database: Database) -> Site:
    made = Site(database)
    for back in (1, 40):
        made.visits(made.day(back), 2)
        made.visits(made.day(back), 3, TEST_CLONE)
        made.entries(made.day(back), 1, TEST_CLONE)
    made.visits(made.day(8))
    made.visits(made.day(70), 4)
    made.entries(made.day(-2), 1)
    made.heal()
    return made


def test_a_rule_marks_and_heals_exactly_the_days_it_affects(site: Site) -> None:
    d = site.database
    days = add_exclusion(d.pipeline, d.settings, TEST_CLONE, "copied entries", "ann")
    assert days == [site.day(40), site.day(1)], "at once, however old"
    assert site.heal() == dict.fromkeys(days, "exclusions_changed")
    assert site.client_hits(site.day(40)) == {ALPHA: 2}
    state = site.state(site.day(40))
    assert (state["hits"], state["excluded_hits"], state["conversions"], state["excluded_conversions"]) == (2, 3, 0, 1)
    assert [(r["campaign_id"], r["reason"], r["author"]) for r in exclusions(d.pipeline)] == [
        (TEST_CLONE, "copied entries", "ann")
    ]
    assert remove_exclusion(d.pipeline, d.settings, TEST_CLONE, "was none", "bob") == days
    site.heal()
    assert site.client_hits(site.day(40)) == {ALPHA: 5}
    history = d.rows("select change, reason, author from stats.exclusion_change order by changed_at")
    assert [tuple(r.values()) for r in history] == [("added", "copied entries", "ann"), ("removed", "was none", "bob")]


def test_a_rule_that_is_there_or_is_not(site: Site) -> None:
    d = site.database
    with pytest.raises(UserError, match="is not excluded"):
        remove_exclusion(d.pipeline, d.settings, SPRING, "r", "a")
    with pytest.raises(UserError, match="There is no campaign"):
        add_exclusion(d.pipeline, d.settings, uuid4(), "a typing error", "ann")
    webinar, rowless = uuid4(), uuid4()
    d.insert("webinars", [{"id": webinar, "client_id": ALPHA, "title": "w"}])
    with pytest.raises(UserError, match="is a webinar's id: only campaigns"):
        add_exclusion(d.pipeline, d.settings, webinar, "r", "ann")
    site.visits(site.day(1), 1, rowless)
    assert add_exclusion(d.pipeline, d.settings, rowless, "its row is gone", "ann") == [site.day(1)]
    add_exclusion(d.pipeline, d.settings, SPRING, "r", "a")
    with pytest.raises(UserError, match="excluded already"):
        add_exclusion(d.pipeline, d.settings, SPRING, "r", "a")


def test_nothing_is_lost(site: Site) -> None:
    """Sum of buckets + excluded + out_of_range = raw rows (E3, T4)."""
    d = site.database
    add_exclusion(d.pipeline, d.settings, TEST_CLONE, "copied entries", "ann")
    site.heal()
    counted = d.rows(
        "select sum(hits) as hits, sum(conversions) as conversions, sum(excluded_hits) as excluded_hits, "
        "sum(excluded_conversions) as excluded_conversions from stats.partition_state"
    )[0]
    with connect(d.pipeline) as connection:
        beyond = count_out_of_range(connection, d.settings)
    raw = d.rows("select (select count(*) from stats.visit_facts) as v, (select count(*) from stats.entry_facts) as e")[
        0
    ]
    assert counted["hits"] + counted["excluded_hits"] + beyond.hits == raw["v"] == 15
    assert counted["conversions"] + counted["excluded_conversions"] + beyond.conversions == raw["e"] == 3
    assert (beyond.hits, beyond.conversions) == (4, 1)
