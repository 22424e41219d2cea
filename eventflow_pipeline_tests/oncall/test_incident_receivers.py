"""PagerDuty, Opsgenie and Alertmanager get what their published formats say, by one key from beginning to end."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.oncall.alerts import notify
from eventflow_pipeline.oncall.answers import acknowledge, close
from eventflow_pipeline.oncall.incident_receivers import HEARTBEAT, silences_of, usable
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.incident_services import Service


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.stop()


Pass = Callable[..., None]


@pytest.fixture
def run_pass(database: Database) -> Pass:
    """A pass some minutes from now, with the condition or without, at a receiver."""

    def run(url: str, severity: Severity | None, minutes: float) -> None:
        now = datetime.now(UTC) + timedelta(minutes=minutes)
        seen = [] if severity is None else [
            Condition(
                "heal_held", "c", severity, now, "client <b>Acme</b>: 1 day is held", "heal-held", "eventflow heal",
                page="runs/1",
            )
        ]  # fmt: skip
        settings = database.settings.changed(
            alerts={"urls": SecretStr(url), "clear_seconds": 0}, docs={"dagster_url": "https://dagster.example"}
        )
        assert notify(database.pipeline, settings, {"s": seen}, now)

    return run


def _a_life(run_pass: Pass, database: Database, url: str) -> str:
    """An incident that begins, gets worse, is acknowledged, lasts two days and ends; its key."""
    run_pass(url, Severity.WARN, -2)
    run_pass(url, Severity.ERROR, -1)
    (row,) = database.rows("select key from stats.incident")
    acknowledge(database.pipeline, row["key"], "kim", "at it")
    run_pass(url, Severity.ERROR, 2)
    run_pass(url, Severity.ERROR, 2 * 24 * 60)
    run_pass(url, None, 2 * 24 * 60 + 1)
    run_pass(url, None, 2 * 24 * 60 + 10)
    return str(row["key"])


def test_pagerduty_has_one_incident_by_one_key(run_pass: Pass, database: Database, service: Service) -> None:
    key = _a_life(run_pass, database, f"pagerduty://{'K' * 32}@{service.host}")
    assert service.refused == []
    events = [body for _, body in service.taken]
    assert [e["event_action"] for e in events] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert {e["dedup_key"] for e in events} == {f"eventflow-{key}"}
    assert [e["payload"]["severity"] for e in events[:2]] == ["warning", "critical"]
    assert events[0]["client_url"] == "https://dagster.example/runs/1"


def test_opsgenie_has_one_alert_by_one_alias(run_pass: Pass, database: Database, service: Service) -> None:
    key = _a_life(run_pass, database, f"opsgenie://the-key@{service.host}")
    assert service.refused == []
    assert [path for path, _ in service.taken] == [
        "/v2/alerts",
        "/v2/alerts",
        f"/v2/alerts/eventflow-{key}/acknowledge",
        f"/v2/alerts/eventflow-{key}/close",
    ]
    assert [body["priority"] for _, body in service.taken[:2]] == ["P3", "P1"]
    assert service.taken[2][1] == {"user": "kim", "source": "eventflow", "note": "at it"}


def test_closing_resolves(run_pass: Pass, database: Database, service: Service) -> None:
    url = f"pagerduty://{'K' * 32}@{service.host}"
    run_pass(url, Severity.ERROR, 0)
    (row,) = database.rows("select key from stats.incident")
    close(database.pipeline, row["key"], "kim", "a test", false_alarm=True)
    run_pass(url, Severity.ERROR, 1)
    run_pass(url, Severity.ERROR, 2)
    assert [body["event_action"] for _, body in service.taken] == ["trigger", "resolve"]


def test_a_pager_that_refuses_is_told_later(run_pass: Pass, service: Service, database: Database) -> None:
    url = f"pagerduty://{'K' * 32}@{service.host}"
    run_pass("pagerduty://short@" + service.host, Severity.ERROR, 0)
    assert (len(service.refused), service.taken) == (1, [])
    run_pass(url, Severity.ERROR, 1)
    assert len(service.taken) == 1


def test_alertmanager_is_sent_what_is_open_in_every_pass(run_pass: Pass, database: Database, service: Service) -> None:
    url = f"alertmanager://{service.host}"
    _a_life(run_pass, database, url)
    assert service.refused == []
    passes = [{alert["labels"]["alertname"]: alert for alert in body} for _, body in service.taken]
    assert len(passes) == 6
    assert all(HEARTBEAT in alerts for alerts in passes)
    assert ["heal_held" in alerts for alerts in passes] == [True] * 5 + [False]
    lasts = [
        datetime.fromisoformat(p["heal_held"]["endsAt"]) - datetime.fromisoformat(p[HEARTBEAT]["startsAt"])
        for p in passes[:5]
    ]
    dead = timedelta(seconds=database.settings.alerts.daemon_silent_seconds)
    assert [last > dead for last in lasts] == [True] * 4 + [False], "the end is sent"
    labels = {json.dumps({k: v for k, v in p["heal_held"]["labels"].items() if k != "severity"}) for p in passes[:5]}
    assert len(labels) == 1, "one alert from beginning to end"
    assert passes[0]["heal_held"]["generatorURL"] == "https://dagster.example/runs/1"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("pagerduty://KEY", True),
        ("pagerduty://", False),
        ("opsgenie://KEY@api.eu.opsgenie.com", True),
        ("alertmanager://127.0.0.1:9093", True),
        ("alertmanagers://alerts.example/prefix", True),
        ("alertmanager://", False),
        ("alertmanager://host:port", False),
    ],
)
def test_addresses(url: str, good: bool) -> None:
    assert usable(url) is good


@pytest.mark.skipif(not shutil.which("prometheus-alertmanager"), reason="no prometheus-alertmanager is installed")
def test_a_real_alertmanager(run_pass: Pass, database: Database, tmp_path: Path) -> None:
    """Debian's, with a silence: it takes what is sent, shows it until it ends, and names what is silenced."""
    (tmp_path / "config.yml").write_text("route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n")
    port = free_port()
    api = f"http://127.0.0.1:{port}/api/v2"
    process = subprocess.Popen(
        ["prometheus-alertmanager", f"--config.file={tmp_path}/config.yml", f"--storage.path={tmp_path}",
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def asked(path: str) -> Any:
        with urllib.request.urlopen(f"{api}/{path}", timeout=5) as answer:
            return json.load(answer)

    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                asked("status")
                break
            except OSError:
                time.sleep(0.1)
        url = f"alertmanager://127.0.0.1:{port}"
        run_pass(url, Severity.ERROR, 0)
        assert {alert["labels"]["alertname"] for alert in asked("alerts")} == {HEARTBEAT, "heal_held"}
        ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        silence = {
            "matchers": [{"name": "alertname", "value": "heal_held", "isRegex": False}],
            "startsAt": datetime.now(UTC).isoformat(), "endsAt": ends, "createdBy": "kim", "comment": "moving house",
        }  # fmt: skip
        request = urllib.request.Request(
            f"{api}/silences", json.dumps(silence).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=5).close()
        while not (named := silences_of(url)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "by kim: moving house (alertname=heal_held)" in named[0]
        run_pass(url, None, 0)
        while len(left := asked("alerts")) > 1 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert {alert["labels"]["alertname"] for alert in left} == {HEARTBEAT}
    finally:
        process.terminate()
        process.wait(10)
