"""What capture loses, refuses and holds reaches on-call: metrics, readiness, a condition, `eventflow probe`."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.capture_processes import capture_processes
from eventflow_pipeline.oncall.conditions import capture_losses
from eventflow_pipeline.oncall.probe import probe
from eventflow_pipeline.settings import Settings
from eventflow_pipeline_tests.capture.serving import Serving, capture_settings
from eventflow_pipeline_tests.databases import Database, Databases

C = "00000000-0000-0000-0000-00000000000c"
NOW = datetime.now(UTC)
VISIT = {"campaign_id": C, "session_id": "s", "phone": "01012345678", "name": "Kim Hana"}


def _asking(app: Serving) -> Settings:
    return app.settings.changed(capture={"processes": app.metrics})


def _wrong(settings: Settings) -> dict[str, Severity]:
    return {wrong.subject.partition(" ")[0]: wrong.severity for wrong in capture_losses.losses(settings, NOW)}


def _await(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _samples(text: str) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, tuple(sample.labels.values()), sample.value


@pytest.fixture
def away(databases: Databases, database: Database) -> Iterator[Settings]:
    """Settings of a capture with room for two events, whose database takes nothing until it is told to."""
    name = database.url.rsplit("/", 1)[1].split("?")[0]
    database.close()
    databases.admin(f'alter database "{name}" allow_connections false')
    yield capture_settings(database.settings, queue=2, visit_wait_ms=0, metrics="127.0.0.1:0")
    databases.admin(f'alter database "{name}" allow_connections true')


def test_a_full_queue_reaches_on_call_and_nobody_restarts_the_process(
    away: Settings, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready while events are held, not while they are refused, alive throughout; ready again once one is stored."""
    with Serving(away) as app, app.client() as browser:
        for _ in range(2):
            assert browser.post("/visit", json=VISIT).status_code == 202
        assert browser.get("/ready").status_code == 200, "held is not refused"
        assert browser.post("/visit", json=VISIT).status_code == 429
        assert browser.get("/ready").status_code == 503
        assert browser.get("/health").status_code == 200, "a restart would kill what it holds"
        assert _wrong(_asking(app)) == {"refusing": Severity.ERROR, "lost": Severity.ERROR}
        monkeypatch.setattr(capture_losses, "_AWAY_SECONDS", 0)
        _await(lambda: _wrong(_asking(app)).get("away") is Severity.ERROR)
        assert app.metrics
        with urlopen(app.metrics) as answer:
            text = answer.read().decode()
        found = {(name, labels): value for name, labels, value in _samples(text)}
        assert found["eventflow_capture_lines_total", ("capture_lost", "queue full")] == 1
        assert found["eventflow_capture_queue_events", ()] == 2
        assert found["eventflow_capture_refusing", ()] == 1
        assert found["eventflow_capture_database_away_seconds", ()] > 0
        for value in (*VISIT.values(), "s1"):
            assert f'"{value}"' not in text, "counted, not quoted"
        databases.admin(f'alter database "{_name(away)}" allow_connections true')
        _await(lambda: browser.get("/ready").status_code == 200)
        asked = probe(_asking(app))
        assert asked.as_json()["capture_problems"] == [f"Capture at {app.metrics} lost 1 events in the last hour."]
        assert not asked.healthy


def _name(settings: Settings) -> str:
    assert settings.database.url
    return settings.database.url.get_secret_value().rsplit("/", 1)[1].split("?")[0]


def test_calls_refused_for_their_rate_are_a_warning_once_they_are_many(database: Database) -> None:
    settings = capture_settings(database.settings, rate="1/minute", metrics="127.0.0.1:0", limited_calls=3)
    with Serving(settings) as app, app.client() as browser:
        asking = _asking(app)

        def call() -> None:
            browser.cookies.clear()
            browser.post("/visit", json=VISIT)

        for _ in range(4):
            call()
        assert _wrong(asking) == {}
        call()
        assert _wrong(asking) == {"limited": Severity.WARN}
        (process,) = capture_processes(asking)
        assert (process.limited, process.lost, process.held) == (4, 0, 0)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/metrics", "file:///etc/hostname", "nonsense"])
def test_a_process_that_does_not_answer_is_said(database: Database, url: str) -> None:
    (process,) = capture_processes(database.settings.changed(capture={"processes": url}))
    assert process.silent
    assert _wrong(database.settings.changed(capture={"processes": url})) == {"silent": Severity.ERROR}


def test_what_shows_no_metrics_of_capture_is_said(database: Database) -> None:
    with Serving(capture_settings(database.settings)) as app:
        for url in (f"{app.url}/health", f"{app.url}/metrics"):
            assert _wrong(database.settings.changed(capture={"processes": url})) == {"silent": Severity.ERROR}


def test_metrics_are_not_on_the_public_port(database: Database) -> None:
    with Serving(capture_settings(database.settings, metrics="127.0.0.1:0")) as app, app.client() as browser:
        assert browser.get("/metrics").status_code == 404
        assert str(app.metrics).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("where", ["8601", "127.0.0.1:x", "127.0.0.1:99999", "203.0.113.1:8601"])
def test_where_they_cannot_be_shown_is_said(database: Database, where: str) -> None:
    with pytest.raises(UserError, match="EVENTFLOW_CAPTURE_METRICS"):
        Serving(capture_settings(database.settings, metrics=where)).__enter__()
