"""Years of days by one click in Dagster's user interface, on the shipped configuration: started, ended, green.

30, 400 and 1,100 days: it watches that something is seen to happen all the time.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline_tests.browser import chromium, needs_chromium
from eventflow_pipeline_tests.command_line import run_eventflow
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.e2e.running_stack import RunningStack, running_stack
from eventflow_pipeline_tests.worlds.history import EVERY_DAY, load_history

#: Longest silence of a launched range, from the click to its end.
_QUIET = timedelta(minutes=1)
#: Per day of the range, on a machine that does much else; a hang must end some time.
_PATIENCE = timedelta(seconds=6)


class World(RunningStack):
    """A running stack over years of facts that nobody has computed."""

    def await_(self, what: Callable[[], bool]) -> None:
        """Until it is so."""
        deadline = datetime.now(UTC) + len(self.days) * _PATIENCE
        while not what():
            assert datetime.now(UTC) < deadline
            time.sleep(1)

    def silence(self, since: datetime, runs: str) -> timedelta:
        """The longest time without a new event of the ``runs`` (a condition on them) since a moment."""
        rows = self.dagster(
            f"select timestamp from event_logs where run_id in (select run_id from runs r where {runs}) "
            "and timestamp >= %(since)s order by timestamp",
            since=since.replace(tzinfo=None),
        )
        moments = [since.replace(tzinfo=None), *(row[0] for row in rows)]
        return max(later - earlier for earlier, later in itertools.pairwise(moments))


@pytest.fixture
def world(request: pytest.FixtureRequest, databases: Databases, _template: str, tmp_path: Path) -> Iterator[World]:
    """As many days as the test's parameter says, of 1,000 hits each."""

    def prepare(database: Database, days: DayRange) -> None:
        load_history(database.url, days, database.settings.timezone)

    with running_stack(databases, _template, tmp_path, request.param, prepare) as running:
        yield World(**vars(running))


@contextmanager
def _page() -> Iterator[Any]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(180_000)
        yield page


def _materialize_all(page: Any, url: str, days: int) -> str:
    """*Materialize all*, Show all partitions (of so many days), All, Launch; returns the backfill's id."""

    def launches(response: Any) -> bool:
        return "/graphql" in response.url and "launchPartitionBackfill" in (response.request.post_data or "")

    page.goto(f"{url}/asset-groups")
    page.get_by_role("button", name="Materialize all").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Partition selection").wait_for()
    if days > 90:  # else the dialog shows them all
        dialog.get_by_text("Show all partitions").click()
    dialog.get_by_text("All", exact=True).first.click()
    with page.expect_response(launches) as answer:
        dialog.get_by_role("button", name="Launch").click()
    (launched,) = answer.value.json()["data"].values()
    page.goto("about:blank")  # a page left open asks for every partition of every asset again and again
    return str(launched["backfillId"])


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.browser
@pytest.mark.timeout(4 * 3600)
@pytest.mark.long
@needs_chromium
@pytest.mark.parametrize("world", [30, 400, 1100], indirect=True)
def test_everything_of_years_in_one_click(world: World, tmp_path: Path) -> None:
    count = len(world.days)
    with _page() as page:
        clicked = datetime.now(UTC)
        backfill = _materialize_all(page, world.stack.url, count)
        of_backfill = f"exists (select from run_tags t where t.run_id = r.run_id and t.value = '{backfill}')"

        def over() -> bool:
            world.stack.require_alive()
            ((status,),) = world.dagster("select status from bulk_actions where key = %(id)s", id=backfill)
            assert status in ("REQUESTED", "COMPLETED_SUCCESS"), status
            return bool(status == "COMPLETED_SUCCESS")

        world.await_(over)
        minutes = (datetime.now(UTC) - clicked) / timedelta(minutes=1)
        quiet = world.silence(clicked, of_backfill)
        runs = world.dagster(f"select status, count(*) from runs r where {of_backfill} group by 1")
        print(f"{count} days: {minutes:.1f} minutes from the click to the end, {runs}, longest silence {quiet}")
        assert dict(runs) == {"SUCCESS": -(-count // 90)}
        _everything_is_there(world)
        page.goto(f"{world.stack.url}/assets/stats/campaign_daily?view=partitions")
        page.get_by_text(f"Materialized ({count:,})").or_(page.get_by_text(f"Materialized ({count})")).wait_for()
        page.screenshot(path=tmp_path / "campaign_daily.png")
        print(f"looks like {tmp_path / 'campaign_daily.png'}")
    if count > 30:
        assert quiet < _QUIET
    if count == 400:
        _heal_everything(world)


def _everything_is_there(world: World) -> None:
    """Every asset has every day, every hit is counted, and no parity check fails."""
    materialized = world.dagster(
        "select asset_key, count(distinct partition) from event_logs "
        "where dagster_event_type = 'ASSET_MATERIALIZATION' group by 1"
    )
    assert {count for _, count in materialized} == {len(world.days)}
    assert len(materialized) >= 14
    checked = world.dagster(
        "select execution_status, count(distinct (asset_key, partition)) from asset_check_executions "
        "where check_name = 'raw_parity' and partition is not null group by 1"
    )
    ((status, count),) = checked
    assert (status, count % len(world.days)) == ("SUCCEEDED", 0)
    (counted,) = world.database.summary("platform", world.days)
    with psycopg.connect(world.database.url) as connection:
        assert connection.execute("select count(*) from event_access_logs").fetchone() == (counted["hits"],)


def _heal_everything(world: World) -> None:
    """A campaign is excluded that every day has hits of: the daemon computes all of them again, a few at a time."""
    began = datetime.now(UTC)
    excluded = run_eventflow(world.environment, "exclude", "add", EVERY_DAY, "--reason", "a clone")
    assert excluded.returncode == 0, excluded.stderr
    stale = "select count(*) as days from stats.partition_state where excluded_hits = 0 or stale_since is not null"

    def healed() -> bool:
        world.stack.require_alive()
        return bool(world.database.rows(stale) == [{"days": 0}])

    world.await_(healed)
    since = began.replace(tzinfo=None).isoformat()
    healing = (
        "exists (select from run_tags t where t.run_id = r.run_id and t.value = 'heal') "
        f"and create_timestamp >= '{since}'"
    )
    quiet = world.silence(began, healing)
    minutes = (datetime.now(UTC) - began) / timedelta(minutes=1)
    print(f"{len(world.days)} days healed in {minutes:.1f} minutes, longest silence {quiet}")
    longest = world.dagster(
        "select max((t.value)::date - (f.value)::date) + 1 from runs r "
        "join run_tags f on f.run_id = r.run_id and f.key = 'dagster/asset_partition_range_start' "
        f"join run_tags t on t.run_id = r.run_id and t.key = 'dagster/asset_partition_range_end' where {healing}"
    )
    assert longest == [(90,)]
    assert quiet < _QUIET
