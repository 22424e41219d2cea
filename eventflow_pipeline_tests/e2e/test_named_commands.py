"""Dagster's own commands that alerts name, run as they stand there on a running stack: each does what it is for."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from eventflow_pipeline.dev.dagster_process import DAEMON
from eventflow_pipeline.domain.checks import CHECKS
from eventflow_pipeline_tests.command_line import run_eventflow
from eventflow_pipeline_tests.databases import Databases
from eventflow_pipeline_tests.e2e.running_stack import RunningStack, running_stack
from eventflow_pipeline_tests.facts import CAMPAIGN, CLIENT, clients

pytestmark = [pytest.mark.long, pytest.mark.e2e, pytest.mark.timeout(1800)]
_PATIENCE_SECONDS = 240
_SENSORS = """
{ sensorsOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "eventflow_pipeline"})
  { ... on Sensors { results { id name sensorState { status ticks(limit: 1) { timestamp } } } } } }
"""
_STOP = "mutation Stop($id: String!) { stopSensor(id: $id) { __typename } }"


@pytest.fixture(scope="module")
def world(databases: Databases, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    home = tmp_path_factory.mktemp("home")
    settings = {
        "EVENTFLOW_ALERTS_URLS": "",
        "EVENTFLOW_CAPTURE_METRICS": "off",
        "EVENTFLOW_ALERTS_INTERVAL_SECONDS": "5",
    }
    with running_stack(
        databases, _template, home, 2, lambda database, _: clients(database, {CLIENT: [CAMPAIGN]}), **settings
    ) as found:
        yield found


def _await(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def _named(world: RunningStack, said: str) -> str | None:
    """The command that doctor gives for what it says so; None when it says no such thing."""
    findings = json.loads(run_eventflow({**os.environ, **world.environment}, "doctor", "--json").stdout)["findings"]
    return next((f["command"] for f in findings if said in f["summary"]), None)


def _run(world: RunningStack, line: str) -> str:
    """As somebody types it whose environment is that of the other commands."""
    program, *arguments = shlex.split(line)
    assert program == "eventflow"
    done = run_eventflow({**os.environ, **world.environment}, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _runs(world: RunningStack, job: str) -> list[str]:
    return [status for (status,) in world.dagster("select status from runs where pipeline_name = %(job)s", job=job)]


def test_a_sensor_is_switched_on_again(world: RunningStack) -> None:
    def sensor() -> dict[str, object]:
        found = world.stack.graphql(_SENSORS)["sensorsOrError"]["results"]
        return next({**s["sensorState"], "id": s["id"]} for s in found if s["name"] == "conditions_sensor")

    _await("it ticks", lambda: bool(sensor()["ticks"]))
    world.stack.graphql(_STOP, id=sensor()["id"])
    assert sensor()["status"] == "STOPPED"
    command = _named(world, "conditions_sensor is switched off")
    assert command
    before = sensor()["ticks"]
    _run(world, command)
    assert sensor()["status"] == "RUNNING"
    _await("and ticks", lambda: sensor()["ticks"] != before)
    assert _named(world, "conditions_sensor is switched off") is None


def test_a_job_that_failed_runs_again(world: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        create_run_for_test(instance, job_name="prune_history_job", status=dg.DagsterRunStatus.FAILURE)
    command = _named(world, "failed run of prune_history_job")
    assert command
    said = _run(world, command)
    ((launched,),) = world.dagster(
        "select run_id from runs where pipeline_name = 'prune_history_job' and status <> 'FAILURE'"
    )
    assert f"Run {launched} is launched" in said
    _await("it succeeds", lambda: sorted(_runs(world, "prune_history_job")) == ["FAILURE", "SUCCESS"])
    assert _named(world, "failed run of prune_history_job") is None


def test_days_of_webinars_are_computed_again(world: RunningStack) -> None:
    days = world.days
    named = CHECKS["min_average_max"].command.format(client=CLIENT, day=days.last, first=days.first, last=days.last)
    _run(world, named)
    _await("a run a day succeeds", lambda: _runs(world, "webinar_stats_job") == ["SUCCESS"] * 2)


def test_a_daemon_is_started(world: RunningStack) -> None:
    """In the folder of workspace.yaml, with the environment of docs/running.md; the code server is up."""
    os.killpg(world.stack.pid(DAEMON), 9)
    beats = "select max(timestamp) from daemon_heartbeats"
    line = "dagster-daemon run -w workspace.yaml"
    assert line in (Path(__file__).parents[2] / "eventflow_pipeline" / "oncall" / "doctor.py").read_text()
    ((last,),) = world.dagster(beats)
    folder = Path(world.environment["DAGSTER_HOME"], "output")
    with (folder / "again.log").open("w") as log:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # as in an environment that is active
        environment = {**os.environ, **world.environment, "PATH": path}
        daemon = subprocess.Popen(shlex.split(line), cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _await("it beats", lambda: world.dagster(beats)[0][0] > last)
    finally:
        daemon.terminate()
        daemon.wait(60)
