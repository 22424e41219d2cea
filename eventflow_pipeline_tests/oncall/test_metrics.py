"""``eventflow metrics``: what Prometheus reads of the pipeline."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.test_deploy import shown_metrics
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
