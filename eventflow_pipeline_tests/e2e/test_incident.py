"""The founding incident replayed on the running stack: the real daemon ticks, a real receiver is told."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from eventflow_pipeline.dev.dagster_process import DagsterStack, free_port
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.settings import packaged
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline_tests.command_line import run_eventflow
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.defs.conftest import instance, postgres_instance
from eventflow_pipeline_tests.e2e.afternoon import zone_where_it_is_afternoon
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver
from eventflow_pipeline_tests.worlds.oncall_facts import CLIENT, OTHER, OTHER_CAMPAIGN, clients, entries, visits

__all__ = ["instance", "postgres_instance"]
_PATIENCE_SECONDS = 240


@pytest.fixture
def incident(
    database: Database, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HttpReceiver]:
    """Two healthy clients, Dagster's webserver and daemon, and somebody to be told."""
    zone, now = zone_where_it_is_afternoon(), datetime.now(UTC)
    # Yesterday and today: earlier days that were never computed would keep the daemon busy.
    first = today(ZoneInfo(zone)) - timedelta(days=1)
    database.set_build_settings(zone, first)
    clients(database)
    for campaign in ({}, {"campaign": OTHER_CAMPAIGN}):
        visits(database, 600, now - timedelta(minutes=61), 60, **campaign)
    detect_changes(database.pipeline, database.settings, Scope.LOOKBACK)
    receiver = HttpReceiver()
    for name, value in {
        "EVENTFLOW_TIMEZONE": zone,
        "EVENTFLOW_START_DATE": first.isoformat(),
        "EVENTFLOW_HOME": str(tmp_path),
        "EVENTFLOW_ALERTS_URLS": receiver.url,
        "EVENTFLOW_ALERTS_INTERVAL_SECONDS": "5",
        "EVENTFLOW_ALERTS_CLEAR_SECONDS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert (tmp_path / "dagster.yaml").read_bytes() == packaged("dagster.yaml").read_bytes()
    with DagsterStack(tmp_path / "output", free_port()):
        yield receiver
    receiver.down()


def _await(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def _ticks(instance: dg.DagsterInstance) -> dict[float, str]:
    """When the sensor looked and what it said, newest first; not when the other sensor was notifying."""
    for state in instance.all_instigator_state():
        if state.instigator_name == "conditions_sensor":
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=50)
            said = {tick.timestamp: tick.skip_reason or tick.status.value for tick in ticks}
            return {at: what for at, what in said.items() if "another process is notifying" not in what}
    return {}


@pytest.mark.slow
@pytest.mark.e2e
def test_visits_stop_while_entries_go_on(
    incident: HttpReceiver, database: Database, instance: dg.DagsterInstance
) -> None:
    def about(client: str) -> list[str]:
        told = [m for m in incident.messages if "deficit of" in m["message"]]  # and not what checks say of the links
        return [m["title"] for m in told if f"client {client}" in m["message"]]

    _await("the sensor looks", lambda: bool(_ticks(instance)))
    assert not about("Acme") + about("Other")

    # Entries go on, visits do not: everybody else's pages are fine.
    now = datetime.now(UTC)
    visits(database, 10, now, 50, OTHER_CAMPAIGN)
    entries(database, 40, now, 50, session_id="s1")
    committed = time.time()
    _await("one alert names client and hour", lambda: bool(about("Acme")))
    (title,) = about("Acme")
    assert title.startswith("[error] client Acme Events: 0 visits against 40 entries in the hour ")
    message = next(m for m in incident.messages if m["title"] == title)
    assert f"what: deficit of {CLIENT}" in message["message"]
    assert "docs/runbook.md#visits-zero-or-low" in message["message"]
    begun = database.rows("select begun_at from stats.incident where subject = :c and name = 'deficit'", c=str(CLIENT))
    ticks, told_at = _ticks(instance), begun[0]["begun_at"].timestamp()
    looks_before = [at for at in ticks if committed < at < told_at]
    assert len(looks_before) <= 1, f"the first look after the facts tells it: {committed}, {ticks}, {told_at}"

    # 10 visits against 546 entries: an error, not a warning.
    entries(database, 546, datetime.now(UTC), 50, OTHER_CAMPAIGN, OTHER)
    _await("the other client", lambda: bool(about("Other")))
    assert about("Other")[0].startswith("[error] client Other: 10 visits against 546 entries in the hour ")

    done = run_eventflow({**os.environ}, "doctor", "--json")
    assert done.returncode == 1, done.stderr
    causes = {f["subject"]: f["cause"] for f in json.loads(done.stdout)["findings"] if f["name"] == "deficit"}
    assert causes == {str(CLIENT): "visit_call_lost", str(OTHER): "few_visits"}

    # Visits resume: one recovery each, and nothing was repeated meanwhile.
    seen = len(_ticks(instance))
    visits(database, 40, datetime.now(UTC), 40)
    visits(database, 400, datetime.now(UTC), 40, OTHER_CAMPAIGN)
    _await("recovery", lambda: any("ended" in t for t in about("Acme")) and any("ended" in t for t in about("Other")))
    _await("another look", lambda: len(_ticks(instance)) >= seen + 3)
    deficits = [m["title"] for m in incident.messages if f"deficit of {CLIENT}" in m["message"]]
    assert [title.split("] ")[0] for title in deficits] == ["[error", "[ok"]
    output = (Path(os.environ["EVENTFLOW_HOME"]) / "output" / "dagster-code-server.log").read_text()
    told = [json.loads(line) for line in output.splitlines() if '"alert_begin"' in line]
    assert {line["subject"] for line in told if line["condition"] == "deficit"} == {str(CLIENT), str(OTHER)}
