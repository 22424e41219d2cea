"""``eventflow heal`` and ``exclude`` as a user meets them."""

import json
from datetime import UTC, date, datetime

from eventflow_pipeline.warehouse.days.replacement import replace_day
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.site import ALPHA, BETA, BETA_ONLY, SPRING, TEST_CLONE, Site


def test_heal_finds_does_and_then_finds_nothing(eventflow: Eventflow, database: Database) -> None:
    site = Site(database)
    first = {"EVENTFLOW_START_DATE": str(database.settings.start_date)}
    for back in (1, 2, 9):
        site.visits(site.day(back), 12)
    days = [str(site.day(back)) for back in (9, 2, 1)]
    seen = eventflow("heal", "--dry-run", "--json", **first)
    assert json.loads(seen.stdout)["days"] == days
    assert database.rows("select from stats.partition_state") == []
    assert database.rows("select from stats.detection_pass") == []
    done = eventflow("heal", **first)
    assert done.returncode == 0, done.stderr
    assert "61 days compared, 3 changed." in done.stdout
    assert f"{site.day(9)}  never_computed" in done.stdout
    assert "3 of 3 days materialized." in done.stdout
    assert "3/3 days" in done.stderr
    assert len(database.rows("select distinct run_id from stats.partition_state")) == 2, "one run a contiguous range"
    # Held, seen as held, accepted with a reason.
    database.execute("delete from event_access_logs where accessed_at < :at", at=site.at(site.day(8)))
    held = eventflow("heal", **first)
    assert held.returncode == 3
    assert "1 day is HELD: the clients named keep" in held.stdout
    assert f"eventflow accept held --from {site.day(9)} --to {site.day(9)}" in held.stdout
    assert "hits of client alpha would fall from 12 to 0 because facts were deleted" in held.stdout
    assert site.client_hits(site.day(9)) == {ALPHA: 12}
    seen = eventflow("heal", "--dry-run", "--json", **first)
    assert json.loads(seen.stdout)["days"] == []
    assert [h["day"] for h in json.loads(seen.stdout)["held"]] == [str(site.day(9))]
    refused(eventflow("heal", "--reason", "because", **first), "--accept")
    refused(eventflow("heal", "--accept", **first), "--accept needs --reason")
    accepted = eventflow("heal", "--accept", "--reason", "asked to be forgotten", "--author", "ann", "--json", **first)
    assert json.loads(accepted.stdout)["done"] == [str(site.day(9))]
    assert site.client_hits(site.day(9)) == {}
    ledger = database.rows("select cause, reason, author from stats.day_ledger order by entry_no desc limit 1")
    assert ledger == [{"cause": "facts_deleted", "reason": "accepted: asked to be forgotten", "author": "ann"}]


def test_a_backfill_is_no_way_round_the_guard(eventflow: Eventflow, database: Database) -> None:
    site = Site(database)
    first = {"EVENTFLOW_START_DATE": str(database.settings.start_date)}
    for back in (1, 2, 9):
        site.visits(site.day(back), 12)
        site.visits(site.day(back), 12, BETA_ONLY)
    site.heal()
    database.execute("delete from event_survey_campaigns where client_id = :alpha", alpha=ALPHA)
    database.execute("delete from event_access_logs where accessed_at < :at", at=site.at(site.day(8)))
    days = ("--from", str(site.day(9)), "--to", str(site.day(1)))
    done = eventflow("backfill", *days, "--json", **first)
    report = json.loads(done.stdout)
    assert (done.returncode, report["done"], report["failed"]) == (3, 9, []), "computed for who is not held"
    assert [(h["day"], [c["name"] for c in h["clients"]]) for h in report["held"]] == [
        (str(site.day(9)), ["alpha", "beta"]),
        *((str(site.day(back)), ["alpha", "unknown"]) for back in (2, 1)),
    ]  # fmt: skip
    assert site.client_hits(site.day(9)) == site.client_hits(site.day(2)) == {ALPHA: 12, BETA: 12}
    said = eventflow("backfill", *days, **first)
    assert "3 days are HELD" in said.stdout
    assert f"  {site.day(2)}  hits of client alpha would fall from 12 to 0" in said.stdout
    # One verb passes it, with a reason, for the days asked for.
    assert eventflow("accept", "held", **first).returncode == 2, "a reason"
    refused(eventflow("accept", "held", "--reason", " ", **first), "--reason is empty")
    both = eventflow("accept", "held", "--client", "alpha", "--reason", "they left", **first)
    refused(both, f"{site.day(9)} is held for alpha, beta", "leave out --client")
    some = ("accept", "held", "--from", str(site.day(2)), "--reason", "they left")
    none = eventflow(*some, "--client", "beta", **first)
    assert (none.returncode, none.stdout) == (0, "Nothing is held there.\n")
    accepted = eventflow(*some, "--to", str(site.day(2)), "--client", "alpha", "--author", "ann", **first)
    assert (accepted.returncode, accepted.stdout) == (0, "1 of 1 held days accepted.\n")
    assert site.client_hits(site.day(2)) == {BETA: 12, None: 12}
    assert site.client_hits(site.day(1)) == {ALPHA: 12, BETA: 12}
    assert database.rows("select distinct author, reason from stats.day_ledger where author = 'ann'") == [
        {"author": "ann", "reason": "accepted: they left"}
    ]


def test_no_command_is_a_way_round_the_guard(eventflow: Eventflow, database: Database) -> None:
    """Facts of a client vanished, and somebody does something else that has the day computed again."""
    site = Site(database)
    first = {"EVENTFLOW_START_DATE": str(database.settings.start_date)}
    day = site.day(1)
    site.visits(day, 12)
    site.visits(day, 2, TEST_CLONE)
    site.heal()
    database.execute("delete from event_access_logs where campaign_id = :id", id=SPRING)
    because = ("--reason", "r")
    for others, changes in enumerate((
        ("definitions", "set", "hourly_clients", str(BETA), "--yes", *because),
        ("exclude", "add", str(TEST_CLONE), *because),
        ("fold", "add", "--client", "alpha", "--field", "utm_source", "--prefix", "b", "--yes", *because),
    ), start=1):  # fmt: skip
        site.visits(day, 1, BETA_ONLY, created_at=datetime.now(UTC))
        changed = eventflow(*changes, **first)
        assert changed.returncode == 0, changed.stderr
        assert site.detect().days == (day,), "for those who are not held"
        assert replace_day(database.pipeline, day, database.settings).held
        assert site.client_hits(day) == {ALPHA: 14, BETA: others}, changes
    for others, command in enumerate((("backfill", "--from", str(day), "--to", str(day)), ("heal",)), start=4):
        site.visits(day, 1, BETA_ONLY, created_at=datetime.now(UTC))
        done = eventflow(*command, "--json", **first)
        held = [(h["day"], [c["name"] for c in h["clients"]]) for h in json.loads(done.stdout)["held"]]
        assert (done.returncode, held) == (3, [(str(day), ["alpha"])]), command
        assert site.client_hits(day) == {ALPHA: 14, BETA: others}, command
    hours = "select sum(hits) as hits from stats.campaign_hourly where client_id = :beta"
    assert database.rows(hours, beta=BETA) == [{"hits": 5}]
    assert site.state(day)["excluded_hits"] == 2


def test_exclude(eventflow: Eventflow, database: Database) -> None:
    site = Site(database)
    first = {"EVENTFLOW_START_DATE": str(database.settings.start_date)}
    site.visits(site.day(30), 2, TEST_CLONE)
    site.visits(site.day(30), 1, SPRING)
    site.heal()
    refused(eventflow("exclude", "add", "spring", "--reason", "r", **first), "'spring' is not a campaign id", "uuid")
    assert "--reason" in eventflow("exclude", "add", str(TEST_CLONE), **first).stderr
    added = eventflow("exclude", "add", str(TEST_CLONE), "--reason", "test clone", "--author", "ann", "--json", **first)
    assert [date.fromisoformat(day) for day in json.loads(added.stdout)["days"]] == [site.day(30)]
    assert f"{TEST_CLONE}" in eventflow("exclude", "list", **first).stdout
    healed = eventflow("heal", "--json", **first)
    assert json.loads(healed.stdout)["causes"] == {str(site.day(30)): "exclusions_changed"}
    assert site.client_hits(site.day(30)) == {ALPHA: 1}
    removed = eventflow("exclude", "remove", str(TEST_CLONE), "--reason", "was none", **first)
    assert "1 days are marked" in removed.stdout
    assert json.loads(eventflow("exclude", "list", "--json", **first).stdout) == {"exclusions": []}
    refused(eventflow("exclude", "remove", str(TEST_CLONE), "--reason", "again", **first), "is not excluded")


def test_what_a_run_did_not_get_to_is_a_failure_that_the_next_heal_makes_good(
    eventflow: Eventflow, database: Database
) -> None:
    """Indicators that cannot be written: the buckets are right, the command says which step failed."""
    database.execute(
        "create function public.refuse() returns trigger language plpgsql as "
        "$$ begin raise exception 'disk on fire'; end $$"
    )
    database.execute(
        "create trigger refuse before insert on stats.quality_daily for each row execute function public.refuse()"
    )
    facts.visits(database, datetime.fromisoformat("2024-03-01 12:00+09"))
    done = eventflow("backfill", "--from", "2024-03-01", "--to", "2024-03-02")
    assert done.returncode == 1
    assert "2 of 2 days materialized" in done.stdout
    assert "Step stats__quality_daily of run" in done.stdout
    assert "  2024-03-01  disk on fire" in done.stdout
    failed = eventflow("heal", "--json")
    assert failed.returncode == 1
    answer = json.loads(failed.stdout)
    assert (answer["done"], answer["measured"]) == ([], ["2024-03-01", "2024-03-02"])
    (step,) = answer["failed_steps"]
    assert (step["step"], step["days"]["2024-03-02"]) == ("stats__quality_daily", "disk on fire")
    database.execute("drop trigger refuse on stats.quality_daily")
    healed = eventflow("heal")
    assert healed.returncode == 0, healed.stdout
    assert "2 computed days were to be measured and checked again: 2024-03-01..2024-03-02." in healed.stdout
    assert "measured" not in eventflow("heal").stdout
