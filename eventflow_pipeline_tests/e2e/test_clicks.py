"""What people can launch in Dagster's user interface does what its name says, and colours say what is wrong.

One webserver and daemon for everything here. Clicks are made first and looked at when their runs are over.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Set
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import Any
from uuid import UUID

import dagster as dg
import psycopg
import pytest

from eventflow_pipeline.defs.buckets import ASSET_KEYS
from eventflow_pipeline.defs.quality import PARITY_KEYS, QUALITY_KEYS, RAW_PARITY
from eventflow_pipeline.defs.webinar import CHECK_KEYS as WEBINAR_KEYS
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline_tests.browser import chromium, needs_chromium
from eventflow_pipeline_tests.command_line import run_eventflow
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.defs.conftest import defs
from eventflow_pipeline_tests.defs.jobs import run_days
from eventflow_pipeline_tests.e2e.afternoon import quiet_afternoon
from eventflow_pipeline_tests.e2e.running_stack import RunningStack, running_stack
from eventflow_pipeline_tests.facts import CAMPAIGN, CLIENT, clients, entries, link, visits

__all__ = ["defs"]
pytestmark = [pytest.mark.long, pytest.mark.e2e, pytest.mark.timeout(3600)]

LINK = UUID(int=0x11)
_PATIENCE_SECONDS = 300
#: A check on a day, as the event log has it.
Evaluated = tuple[str, str, str]


LINKED = {"marketing_campaign_link_id": LINK, "utm_source": "naver", "utm_medium": "cpc", "utm_campaign": "spring"}


def visits_of(database: Database, day: date) -> None:
    """Forty visits, all of them as they should be."""
    at = datetime.combine(day, clock(hour=3), database.settings.zone)
    visits(database, *[at] * 40, session_id=f"{day}-{{n}}", cid="AAAA1111", **LINKED)


def write_facts(database: Database, days: list[date]) -> None:
    """A week: no visit on its second and its fifth day, and a quarter of the hits without session on its sixth."""
    clients(database, {CLIENT: [CAMPAIGN]})
    link(database, LINK, cid="AAAA1111")
    for number, day in enumerate(days):
        if number not in (1, 4):
            visits_of(database, day)
        at = datetime.combine(day, clock(hour=3), database.settings.zone)
        entries(database, *[at + timedelta(minutes=n) for n in range(5)], session_id=f"{day}-{{n}}", **LINKED)
    database.execute(
        "update event_access_logs set session_id = ' ' where session_id between :first and :last",
        first=f"{days[5]}-1",
        last=f"{days[5]}-19",
    )


def _messages(event: Any) -> Iterator[str]:
    """What an event says, and the errors behind it."""
    for key, value in event.items() if isinstance(event, dict) else ():
        if key == "message" and value:
            yield str(value)[:1000]
        yield from _messages(value)


class World(RunningStack):
    """The running stack, and what its runs did."""

    def ended(self, run: str) -> dict[str, Any]:
        """The run once it is over, with its tags; of one that could not be started (a busy machine) Dagster's retry."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            found = self.stack.graphql(_RUN, id=run)["runOrError"]
            found["tags"] = {tag["key"]: tag["value"] for tag in found["tags"]}
            if found["status"] in ("SUCCESS", "CANCELED"):
                return found
            if found["status"] == "FAILURE":
                if found["tags"].get("dagster/will_retry") != "true":
                    return found
                run = found["tags"].get("dagster/auto_retry_run_id", run)
            assert time.monotonic() < deadline, found
            time.sleep(0.5)

    def run_of_backfill(self, backfill: str) -> str:
        """The one run of a backfill, once the daemon has created it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (runs := self.stack.graphql(_BACKFILL, id=backfill)["partitionBackfillOrError"]["runs"]):
            assert time.monotonic() < deadline, backfill
            time.sleep(0.5)
        return str(runs[-1]["id"])

    def evaluated(self, run: str) -> list[Evaluated]:
        """What the run evaluated on single days."""
        found = self.dagster(
            "select asset_key, check_name, partition from asset_check_executions "
            "where run_id = %(run)s and partition is not null and execution_status <> 'PLANNED'",
            run=run,
        )
        return sorted((json.loads(asset)[-1], check, day) for asset, check, day in found)

    def failures(self, run: str) -> list[str]:
        """Why the run's steps failed."""
        events = self.dagster(
            "select event from event_logs where run_id = %(run)s and dagster_event_type = 'STEP_FAILURE'", run=run
        )
        return [said for (event,) in events for said in _messages(json.loads(event))]

    def standings(self, run: str) -> int:
        """Of how many checks the run said how they stand over all days."""
        ((count,),) = self.dagster(
            "select count(*) from asset_check_executions "
            "where run_id = %(run)s and partition is null and execution_status <> 'PLANNED'",
            run=run,
        )
        return int(count)


@pytest.fixture(scope="module")
def world(databases: Databases, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Webserver and daemon over a week that is computed and checked."""

    def prepare(database: Database, days: DayRange) -> None:
        write_facts(database, list(days))
        computed = run_eventflow({**os.environ}, "backfill", "--from", days.first.isoformat())
        assert computed.returncode == 0, computed.stderr

    with running_stack(
        databases, _template, tmp_path_factory.mktemp("clicks"), 7, prepare, **quiet_afternoon()
    ) as running:
        yield World(**vars(running))


class Clicks:
    """A person with a browser; every click gives the id of the run or backfill that it launched."""

    def __init__(self, page: Any, url: str) -> None:
        self._page, self._url = page, url
        page.set_default_timeout(90_000)

    def _launch(self, button: Any) -> str:
        def launches(response: Any) -> bool:
            return "/graphql" in response.url and "mutation Launch" in (response.request.post_data or "")

        with self._page.expect_response(launches) as answer:
            button.click()
        (launched,) = answer.value.json()["data"].values()
        return str(launched["backfillId"] if "backfillId" in launched else launched["run"]["id"])

    def materialize(self, path: str, partitions: str) -> str:
        """*Materialize* on the page of a job, an asset or all assets, with a selection as one types it."""
        self._page.goto(self._url + path)
        self._page.get_by_role("button", name="Materialize").first.click()
        dialog = self._page.get_by_role("dialog")
        confirm, selection = dialog.get_by_role("button", name="Confirm"), dialog.get_by_text("Partition selection")
        confirm.or_(selection).first.wait_for()
        if confirm.is_visible():  # tables that are computed in one step go together
            confirm.click()
        selection.wait_for()
        typed = dialog.locator("input[type=text]").first
        typed.fill(partitions)
        typed.press("Enter")
        return self._launch(dialog.get_by_role("button", name="Launch"))

    def execute_all(self, asset: str) -> str:
        """*Execute all* of the checks of an asset."""
        self._page.goto(f"{self._url}/assets/{asset}?view=checks")
        return self._launch(self._page.get_by_role("button", name="Execute all"))

    def why_execute_is_grey(self, asset: str, check: str) -> str:
        """What Dagster says at the *Execute* of one check."""
        self._page.goto(f"{self._url}/assets/{asset}?view=checks&checkDetail={check}")
        button = self._page.locator("button", has_text=re.compile("^Execute$"))
        button.wait_for()
        assert button.is_disabled()
        button.hover(force=True)
        return str(self._page.get_by_text("not yet supported").inner_text())

    def execute_again(self, run: str, what: str) -> str:
        """*Re-execute* on the page of a run: what its menu calls ``All steps in root run``, ``From failure``."""
        self._page.goto(f"{self._url}/runs/{run}")
        self._page.get_by_text(re.compile("^Re-execute ")).first.wait_for()
        self._page.locator("button", has=self._page.get_by_label("arrow_drop_down")).last.click()
        return self._launch(self._page.get_by_role("menuitem", name=what))

    def terminate(self, run: str) -> None:
        """*Terminate* on the page of a run, and yes."""
        self._page.goto(f"{self._url}/runs/{run}")
        self._page.get_by_role("button", name="Terminate").click()
        self._page.get_by_role("dialog").get_by_role("button", name="Terminate").click()


@pytest.fixture(scope="module")
def clicked(world: World) -> dict[str, str]:
    """What was clicked, and the run it led to. Dagster is given everything at once."""
    days, job = [day.isoformat() for day in world.days], "/locations/eventflow_pipeline/jobs"
    world.database.execute(
        "create function public.refuse() returns trigger language plpgsql as $$ begin "
        f"if new.bucket_date = '{days[0]}' then raise exception 'disk on fire'; end if; return new; end $$"
    )
    world.database.execute(
        "create trigger refuse before insert on stats.quality_daily for each row execute function public.refuse()"
    )
    with chromium() as browser:
        clicks = Clicks(browser.new_page(reduced_motion="reduce"), world.stack.url)
        backfill = clicks.materialize(f"{job}/verify_days_job", f"[{days[1]}...{days[3]}]")
        found = {
            "a bucket table, a day whose checks break": clicks.materialize("/assets/stats/client_daily", days[0]),
            "execute all": clicks.execute_all("stats/client_daily"),
            "verify_days, a day": clicks.materialize(f"{job}/verify_days_job", days[4]),
            "everything, a day": clicks.materialize("/asset-groups", days[6]),
        }
        found["grey"] = clicks.why_execute_is_grey("stats/client_daily", "linkage")
        broken = world.ended(found["a bucket table, a day whose checks break"])
        assert broken["status"] == "FAILURE"
        world.database.execute("drop trigger refuse on stats.quality_daily")
        found["from failure"] = clicks.execute_again(broken["id"], "From failure")
        first = world.ended(found["execute all"])
        found["execute all, again"] = clicks.execute_again(first["id"], "All steps in root run")
        found["verify_days, a range"] = world.run_of_backfill(backfill)
    return found


ALL = PARITY_KEYS | QUALITY_KEYS
CLIENT_DAILY = {key for key in ALL if key.asset_key.path[-1] == "client_daily"}


def _each(checks: Set[dg.AssetCheckKey], days: Iterable[date]) -> list[Evaluated]:
    return sorted((check.asset_key.path[-1], check.name, day.isoformat()) for check in checks for day in days)


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize(
    ("click", "checks", "numbers"),
    [
        ("verify_days, a range", ALL, [1, 2, 3]),
        ("verify_days, a day", ALL, [4]),
        ("everything, a day", ALL | WEBINAR_KEYS, [6]),
        ("execute all", CLIENT_DAILY, [3, 4, 5, 6]),
        ("execute all, again", CLIENT_DAILY, [3, 4, 5, 6]),
        ("from failure", QUALITY_KEYS, [0]),
    ],
)
def test_a_click_evaluates_each_of_its_checks_once_on_each_of_its_days(
    world: World, clicked: dict[str, str], click: str, checks: Set[dg.AssetCheckKey], numbers: list[int]
) -> None:
    run = world.ended(clicked[click])
    assert run["status"] == "SUCCESS", world.failures(run["id"])
    days = [list(world.days)[number] for number in numbers]
    assert world.evaluated(run["id"]) == _each(checks, days)
    assert world.standings(run["id"]) == len(checks), "and how each stands over all days"
    first, last = (run["tags"].get(tag) or run["tags"]["dagster/partition"] for tag in (RANGE_START, RANGE_END))
    assert (first, last) == (days[0].isoformat(), days[-1].isoformat()), "the run says which days it was about"


@needs_chromium
@pytest.mark.browser
def test_one_check_alone_is_what_dagster_does_not_offer_yet(clicked: dict[str, str]) -> None:
    """The runbook says so; when this fails it can say something better."""
    assert clicked["grey"] == "Executing checks on their own for partitioned assets is not yet supported"


@pytest.fixture
def instance(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The stack's own instance, for runs in this process."""
    for variable, value in world.environment.items():
        monkeypatch.setenv(variable, value)
    with dg.DagsterInstance.get() as made:
        yield made


@needs_chromium
@pytest.mark.browser
def test_terminate_ends_a_run_whatever_it_waits_for_and_it_changes_nothing_afterwards(
    world: World, clicked: dict[str, str]
) -> None:
    """Another session has the day: the run waits in Postgres."""
    for run in clicked.values():
        if run != clicked["grey"]:
            world.ended(run)
    day = list(world.days)[3]
    waits = "select 1 from pg_locks where locktype = 'advisory' and objid = %s and not granted"
    computed = "select computed_at from stats.partition_state where bucket_date = %s"
    with psycopg.connect(world.database.url, autocommit=True) as other, chromium() as browser:
        before = other.execute(computed, [day]).fetchall()
        other.execute("select pg_advisory_lock(%s, %s)", [0x0EF10001, day.toordinal()])
        clicks = Clicks(browser.new_page(reduced_motion="reduce"), world.stack.url)
        run = clicks.materialize("/assets/stats/client_daily", day.isoformat())
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not other.execute(waits, [day.toordinal()]).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        clicks.terminate(run)
        assert world.ended(run)["status"] == "CANCELED"
        assert other.execute(waits, [day.toordinal()]).fetchall() == [], "nobody waits for the day any more"
        other.execute("select pg_advisory_unlock_all()")
        assert other.execute(computed, [day]).fetchall() == before


def _colours(world: World, asset: str) -> dict[str, set[str]]:
    """Of each check the colours that the graph, the catalog and the lists of checks give it, from what they ask for.

    Lists count failing partitions, summaries and the frame of a graph's node look at the newest execution; all take
    the severity from there.
    """
    node = world.stack.graphql(_CHECKS, asset={"path": ["stats", asset]})["assetNodeOrError"]
    colours = {}
    for check in node["assetChecksOrError"]["checks"]:
        newest = check["executionForLatestMaterialization"] or {"status": None, "evaluation": None}
        bad = "WARN" if (newest["evaluation"] or {}).get("severity") == "WARN" else "ERROR"
        fails = any(r["status"] in ("FAILED", "EXECUTION_FAILED") for r in check["partitionStatuses"]["ranges"])
        colours[check["name"]] = {
            bad if fails else "SUCCEEDED",
            bad if newest["status"] == "FAILED" else newest["status"],
        }
    return colours


def test_a_check_is_as_bad_as_its_worst_day_whichever_was_evaluated_last(
    world: World, instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    """Lost visits two days ago are red, those of an older day amber; a healthy or an amber day hides neither."""
    client_daily = dg.AssetKey(["stats", "client_daily"])
    checks = {dg.AssetCheckKey(client_daily, name) for name in ("deficit", "sessionless", RAW_PARITY)}
    job = defs.resolve_implicit_global_asset_job_def()

    def colours_after(days: DayRange | date) -> dict[str, set[str]]:
        evaluate = job.get_subset(asset_selection=set(), asset_check_selection=checks)
        assert run_days(evaluate, instance, days).success
        found = _colours(world, "client_daily")
        return {check.name: found[check.name] for check in checks}

    old, red, amber, healthy = (list(world.days)[number] for number in (1, 4, 5, 6))
    evaluated_last = [healthy, old, red, amber, DayRange(amber, healthy), world.days]
    for days in evaluated_last:
        assert colours_after(days) == {"deficit": {"ERROR"}, "sessionless": {"WARN"}, RAW_PARITY: {"SUCCEEDED"}}, days
    visits_of(world.database, red)
    buckets = job.get_subset(asset_selection=set(ASSET_KEYS))
    assert run_days(buckets, instance, red).success
    for days in evaluated_last:
        assert colours_after(days)["deficit"] == {"WARN"}, days


_CHECKS = """query Checks($asset: AssetKeyInput!) { assetNodeOrError(assetKey: $asset) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { status evaluation { severity } }
    partitionStatuses { ... on AssetCheckTimePartitionStatuses { ranges { status } } } } } } } } }"""
_RUN = """query Run($id: ID!) { runOrError(runId: $id) { ... on Run { id status tags { key value } } } }"""
_BACKFILL = """query Backfill($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
  runs(limit: 10) { id } } } }"""
