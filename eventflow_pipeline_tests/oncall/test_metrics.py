"""``eventflow metrics``: what Prometheus reads of the pipeline."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline_tests.capture.serving import Serving, capture_settings
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.test_deploy import DEPLOY, drawn, shown_metrics
from eventflow_pipeline_tests.worlds.oncall_facts import OTHER_CAMPAIGN, clients, entries, visits


def _samples(printed: str) -> dict[tuple[str, ...], float]:
    """Values by name and values of labels."""
    families = text_string_to_metric_families(printed)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_metrics_say_what_doctor_and_probe_find_and_name_nobody(eventflow: Eventflow, database: Database) -> None:
    clients(database)
    now = datetime.now(UTC)
    entries(database, 20, now, 30, session_id="s1")
    visits(database, 20, now, 30, OTHER_CAMPAIGN)
    detect_changes(database.pipeline, database.settings, Scope.LOOKBACK)
    done = eventflow("metrics")
    assert done.returncode == 0, done.stderr
    found = _samples(done.stdout)
    assert found["eventflow_healthy",] == 0, "no daemon runs"
    assert found["eventflow_stale_days",] >= 1
    assert found["eventflow_held_days",] == 0
    assert found["eventflow_oldest_stale_day_age_seconds",] > 0
    assert 0 <= found["eventflow_change_detection_age_seconds",] < 600
    assert found["eventflow_findings", "dead", "error"] >= 1
    assert any(name[0] == "eventflow_findings" and name[1].startswith("deficit") for name in found)
    assert "Acme" not in done.stdout
    # Rules and dashboard read what is there; two ages are known only where a daemon once ran.
    ours = {name for name in shown_metrics() if not name.startswith("eventflow_capture_")}
    assert ours - {name for name, *_ in found} == {"eventflow_newest_tick_age_seconds"}


def test_metrics_of_a_database_that_is_away_say_so(eventflow: Eventflow) -> None:
    done = eventflow("metrics", EVENTFLOW_DATABASE_URL="postgresql://nobody:topsecret@127.0.0.1:9/none")
    assert done.returncode == 2
    assert "topsecret" not in done.stdout + done.stderr


Asked = Callable[..., Any]


@contextmanager
def _prometheus(folder: Path, ports: dict[str, int]) -> Iterator[Asked]:
    """Debian's Prometheus with what deploy/ ships, on these ports and more often; how its API is asked."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        job |= {"scrape_interval": "10s", "scrape_timeout": "10s"}
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"global": {"evaluation_interval": "2s"}, **config}))
    shutil.copy(DEPLOY / "prometheus" / "eventflow.rules.yml", folder)
    port = free_port()
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def asked(path: str, **parameters: str) -> Any:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    try:
        yield asked
    finally:
        process.terminate()
        process.wait(20)


def _until(holds: Callable[[], bool], seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian: prometheus) is not installed")
def test_a_real_prometheus_reads_all_that_rules_and_dashboard_show(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    clients(database)
    detect_changes(database.pipeline, database.settings, Scope.LOOKBACK)
    port = free_port()
    capturing = capture_settings(database.settings, metrics="127.0.0.1:0")
    with (
        Serving(capturing) as capture,
        capture.client() as browser,
        subprocess.Popen(
            [Path(sys.executable).with_name("eventflow"), "metrics", "--port", str(port)],
            env=environment, stderr=subprocess.DEVNULL,
        ) as served,
        _prometheus(
            tmp_path, {"eventflow": port, "eventflow-capture": int(str(capture.metrics).split(":")[2].split("/")[0])}
        ) as asked,
    ):  # fmt: skip
        try:
            assert browser.post("/visit", json={"campaign_id": str(OTHER_CAMPAIGN), "session_id": "s"}).is_success
            wanted = shown_metrics() - {"eventflow_newest_tick_age_seconds"}
            _until(lambda: not wanted - set(asked("label/__name__/values")))
            _until(lambda: {target["health"] for target in asked("targets")["activeTargets"]} == {"up"})
            _until(lambda: {rule["health"] for group in asked("rules")["groups"] for rule in group["rules"]} == {"ok"})
            # A rate wants two scrapes. No daemon ever ticked here.
            shown = set(drawn()) - {"eventflow_newest_tick_age_seconds"}
            _until(lambda: all(asked("query", query=expression)["result"] for expression in shown))
            # No daemon runs, and Prometheus says so by the rule's own words.
            _until(lambda: "EventflowUnhealthy" in {a["labels"]["alertname"] for a in asked("alerts")["alerts"]})
        finally:
            served.terminate()
