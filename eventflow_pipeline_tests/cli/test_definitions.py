"""``eventflow definitions`` as a user meets it: in the database alone, with a reason, and what it costs said before."""

import json
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.definitions import parsed, spelled
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.site import ALPHA, SPRING, Site


def test_a_list_is_changed_with_a_reason_and_heals_the_days(eventflow: Eventflow, database: Database) -> None:
    site = Site(database)
    run = partial(eventflow, EVENTFLOW_START_DATE=str(database.settings.start_date))
    for back in (1, 2):
        site.visits(site.day(back), 2)
    site.heal()
    asked = ("definitions", "set", "hourly_clients", str(ALPHA), "--reason", "launch week", "--author", "ann")
    refused(run(*asked), f"hourly_clients becomes {ALPHA} (now none): 2 days are computed again", "--yes")
    assert database.rows("select from stats.definition_change") == []
    done = run(*asked, "--yes", "--json")
    assert json.loads(done.stdout) == {"name": "hourly_clients", "before": "none", "after": str(ALPHA), "days": 2}
    refused(run(*asked, "--yes"), f"hourly_clients is {ALPHA} already")
    # A shell that names other lists is told so; one that names nothing finds the days and computes them alike.
    refused(run("heal", EVENTFLOW_HOURLY_CLIENTS=str(UUID(int=9))), "EVENTFLOW_HOURLY_CLIENTS is no setting")
    healed = json.loads(run("heal", "--json").stdout)
    assert healed["causes"] == {str(site.day(back)): "definition_changed" for back in (1, 2)}
    hours = database.rows("select entity_id, hits from stats.campaign_hours(:a, :b)", a=site.day(2), b=site.day(1))
    assert hours == [{"entity_id": SPRING, "hits": 2}] * 2
    assert json.loads(run("heal", "--dry-run", "--json").stdout)["days"] == []
    shown = run("definitions", "show").stdout
    assert f"hourly_clients = {ALPHA}" in shown
    assert f"ann: hourly_clients from none to {ALPHA}  (launch week)" in shown
    changes = json.loads(run("definitions", "show", "--json").stdout)["changes"]
    assert [c["author"] for c in changes] == ["ann"]


def test_a_look_back_has_linkage_measured_again_and_computes_no_day(eventflow: Eventflow, database: Database) -> None:
    site = Site(database)
    run = partial(eventflow, EVENTFLOW_START_DATE=str(database.settings.start_date))
    entry = site.at(site.day(1)) + timedelta(hours=12)
    facts.visits(database, entry - timedelta(days=3), session_id="s", campaign_id=SPRING)
    facts.entries(database, entry, campaign_id=SPRING, client_id=ALPHA, session_id="s")
    site.heal()
    measure(database.pipeline, database.settings, DayRange(site.day(1), site.day(1)))
    linked = "select linked_entries from stats.quality_daily where scope = 'platform'"
    assert database.rows(linked) == [{"linked_entries": 1}]
    done = run("definitions", "set", "linkage_days_before", "2", "--reason", "as the contract says", "--yes")
    assert "linkage_days_before is 2; 1 days were measured again." in done.stdout, done.stderr
    assert database.rows(linked) == [{"linked_entries": 0}]
    assert json.loads(run("heal", "--dry-run", "--json").stdout)["days"] == []


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("hourly", "x", "use one of hourly_clients, hourly_campaigns"),
        ("hourly_clients", "spring", "has one that is no uuid"),
        ("linkage_days_before", "none", "a whole number from 1 to 400"),
        ("linkage_days_before", "0", "a whole number from 1 to 400"),
        ("linkage_minutes_after", "-1", "a whole number from 0 to 1,440"),
    ],
)
def test_what_a_definition_cannot_be(name: str, given: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        parsed(name, given)


def test_the_same_ids_in_another_order_are_the_same_list() -> None:
    a, b = UUID(int=1), UUID(int=2)
    assert parsed("hourly_clients", f"{b}, {a},{a}") == (a, b)
    assert parsed("hourly_campaigns", spelled(())) == ()
    assert spelled((a, b)) == f"{a},{b}"
