"""Days that changed after session-days were pruned: named, decided by a person, kept; never silently another number."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.oncall.conditions import missing, pruned, stale
from eventflow_pipeline.warehouse.changes.detection import Scope
from eventflow_pipeline.warehouse.changes.due_days import changed_days, underived_days
from eventflow_pipeline.warehouse.changes.kept_days import days_to_decide, keep_days
from eventflow_pipeline.warehouse.parity.comparison import compare_days, compare_windows
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline.warehouse.ranges.pruning import prune_session_days
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.site import ALPHA, BETA, BETA_ONLY, Site

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def site(database: Database) -> Site:
    """Two clients' visits 30 days ago and yesterday; a week can still be computed."""
    made = Site(database)
    for back in (30, 1):
        made.visits(made.day(back), 12)
        made.visits(made.day(back), 12, BETA_ONLY)
    made.heal()
    database.replace(*DayRange(made.day(30), made.day(28)))
    database.merge_pending()
    assert prune_session_days(database.pipeline, database.settings.changed(ranges={"longest_days": 7})) > 0
    return made


def _complete(site: Site, client: UUID | None) -> bool:
    day = site.day(30)
    (row,) = site.database.rows("select complete from stats.range_state(:d, :d, :c)", d=day, c=client)
    return bool(row["complete"])


def _waiting(site: Site) -> list[Any]:
    database = site.database
    assert changed_days(database.pipeline) == [], "a run for it could only fail"
    assert stale.conditions(database.pipeline, database.settings, LATER) == []
    return [c.command for c in pruned.conditions(database.pipeline, database.settings, LATER)]


@pytest.mark.parametrize("change", ["added", "deleted"])
def test_a_changed_day_waits_for_a_decision_and_is_kept_until_it_changes_again(site: Site, change: str) -> None:
    database, old = site.database, site.day(30)
    engine, settings = database.pipeline, database.settings
    if change == "added":
        (added,) = site.visits(old)
    else:
        database.execute("delete from event_access_logs where campaign_id <> :b and accessed_at < :at",
                         b=BETA_ONLY, at=site.at(site.day(29)))  # fmt: skip
    found = site.detect()
    assert (found.changed, found.held, [waits.day for waits in found.pruned]) == ((), (), [old])
    assert _waiting(site) == [f'eventflow accept pruned --from {old} --to {old} --reason "..."']
    assert compare_days(engine, settings, DayRange(old, old)).stale == (old,)

    assert [waits.day for waits in days_to_decide(engine, settings, DayRange(site.day(31), old))] == [old]
    keep_days(engine, settings, [old], "the books are closed", "ann")
    assert site.detect().pruned == ()
    assert _waiting(site) == []
    assert [_complete(site, client) for client in (ALPHA, BETA, None)] == [False, True, False]
    assert site.client_hits(old) == {ALPHA: 12, BETA: 12}
    measure(engine, settings, DayRange(old, old))
    assert old not in {due.day for due in underived_days(engine)}
    compared = compare_days(engine, settings, DayRange(old, old))
    assert (compared.checked, compared.stale, compared.differences) == ((), (), ())
    facts_now = 25 if change == "added" else 12
    assert compared.kept == {
        old: "kept as it is by ann: the books are closed; published are 24 hits and 0 conversions, its facts give "
        f"{facts_now} and 0"
    }
    assert site.day(28) in compare_windows(engine, settings, DayRange(site.day(28), site.day(28)), lengths=[3]).kept
    assert database.rows(
        "select grain, client_id, reason, author, hits_before, hits_after from stats.day_ledger "
        "where cause = 'kept' order by grain desc"
    ) == [
        {"grain": grain, "client_id": client, "reason": "the books are closed", "author": "ann",
         "hits_before": hits, "hits_after": hits}
        for grain, client, hits in (("platform", None, 24), ("client", ALPHA, 12))
    ]  # fmt: skip

    (another,) = site.visits(old, campaign=BETA_ONLY)
    assert [waits.day for waits in site.detect().pruned] == [old], "accepted were other facts"
    assert not _complete(site, BETA)
    if change == "added":  # put back as they were, the day is what it was
        database.execute("delete from event_access_logs where id in (:a, :b)", a=added, b=another)
        assert site.detect().pruned == ()
        assert _complete(site, None)
        assert database.rows("select from stats.kept_day") == []


def test_another_client_s_damage_is_still_found_on_a_day_that_is_kept(site: Site) -> None:
    database, old = site.database, site.day(30)
    site.visits(old)
    site.detect()
    keep_days(database.pipeline, database.settings, [old], "r", "ann")
    for client in (ALPHA, BETA):
        database.execute(
            "update stats.client_daily set conversions = 7 where bucket_date = :d and client_id = :c", d=old, c=client
        )
    found = compare_days(database.pipeline, database.settings, DayRange(old, old))
    assert {d.member["client_id"] for d in found.differences} == {str(BETA)}


def test_a_day_never_computed_can_be_left_so(site: Site) -> None:
    """Nothing is published of it, and nobody is told any more to compute it."""
    database = site.database
    day = site.day(40)
    site.visits(day)
    assert [waits.day for waits in site.detect(Scope.ALL).pruned] == [day]
    keep_days(database.pipeline, database.settings, [day], "before our time", "ann")
    assert site.detect(Scope.ALL).pruned == ()
    (found,) = missing.conditions(database.pipeline, database.settings, LATER)
    assert f"..{site.day(41)}, {site.day(39)}.." in found.summary


def test_the_commands_say_what_there_is_to_decide_and_take_the_decision(
    site: Site, eventflow: Eventflow, database: Database
) -> None:
    old = str(site.day(30))
    run = partial(eventflow, EVENTFLOW_START_DATE=str(database.settings.start_date))
    site.visits(site.day(30))
    found = run("heal")
    assert (found.returncode, "failed" in found.stdout.lower()) == (3, False), found.stdout + found.stderr
    assert f"1 changed days can no longer be computed, because session-days were pruned: {old}." in found.stdout
    assert f'eventflow accept pruned --from {old} --to {old} --reason "..."' in found.stdout
    failed = run("backfill", "--from", old, "--to", old)
    assert failed.returncode == 1
    assert f"eventflow accept pruned --from {old}" in failed.stdout + failed.stderr
    refused(run("accept", "pruned", "--reason", " "), "--reason is empty")
    none = run("accept", "pruned", "--reason", "r", "--from", str(site.day(29)))
    assert (none.returncode, none.stdout) == (0, "Nothing there waits for that decision.\n")
    kept = run("accept", "pruned", "--reason", "books are closed", "--author", "ann", "--json")
    assert json.loads(kept.stdout) == {"kept": [old]}
    assert run("heal", "--dry-run").returncode == 0
    verified = run("verify", "--from", old, "--to", old)
    assert verified.returncode == 0
    assert f"{old} is kept as it is by ann: books are closed; published are 24 hits" in verified.stdout
    explained = run("explain", "--client", "alpha", "--date", old)
    assert "kept as it is, though its facts differ, by ann since" in " ".join(explained.stdout.split())
