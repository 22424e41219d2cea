"""While a server is stopped: commands answer, the probe notifies what it can, and remembers in whatever is left."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest

from eventflow_pipeline.defs.alerts import poll_conditions
from eventflow_pipeline.defs.resources import WAREHOUSES
from eventflow_pipeline.dev.embedded import start_embedded
from eventflow_pipeline.oncall.probe import Probe, probe, tell
from eventflow_pipeline.settings import load_settings
from eventflow_pipeline_tests.command_line import Eventflow, refused
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.incident_services import Service
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver
from eventflow_pipeline_tests.servers import server_folder

NOW = datetime.now(UTC)
AWAY = "The database "


@pytest.fixture(scope="module")
def stopped() -> Iterator[str]:
    """Address of a server that was there and was stopped."""
    folder = Path(tempfile.mkdtemp(prefix="eventflow-stopped-", dir="/var/tmp"))
    folder.chmod(0o755)
    server = start_embedded(folder)
    url = server.url("postgres").render_as_string(hide_password=False)
    server.stop()
    yield url
    shutil.rmtree(folder, ignore_errors=True)


Run = Callable[..., Probe]


@pytest.fixture
def run(instance: dg.DagsterInstance, receiver: HttpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``probe --alert`` some minutes from now, on a machine of that name; ``down``: variables of what is stopped."""

    def look(minutes: float, machine: str = "a", **addresses: str) -> Probe:
        assert instance.is_persistent
        with monkeypatch.context() as patch:
            patch.setenv("EVENTFLOW_ALERTS_URLS", addresses.pop("EVENTFLOW_ALERTS_URLS", receiver.url))
            patch.setenv("EVENTFLOW_HOME", str(tmp_path / machine))
            for name, value in addresses.items():
                patch.setenv(name, value)
            settings, now = load_settings(), NOW + timedelta(minutes=minutes)
            found = probe(settings, now)
            tell(settings, found, now)
            return found

    return look


def test_the_database_of_facts_is_stopped(
    run: Run, stopped: str, receiver: HttpReceiver, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines and sensors share what Dagster's database keeps: told once an hour, and once of its end."""
    found = run(0, EVENTFLOW_DATABASE_URL=stopped)
    assert (found.database_reachable, found.dagster_database_reachable) == (False, True)
    assert set(found.daemon_heartbeat_ages.values()) == {None}, "of the rest it says what it found"
    run(5, "b", EVENTFLOW_DATABASE_URL=stopped)
    with monkeypatch.context() as patch, dg.build_resources(WAREHOUSES) as resources:
        patch.setenv("EVENTFLOW_DATABASE_URL", stopped)
        patch.setenv("EVENTFLOW_ALERTS_URLS", receiver.url)
        poll_conditions(instance, resources.alert_warehouse, None, NOW + timedelta(minutes=10))
    assert [title.startswith(f"[error] {AWAY}") for title in receiver.titles] == [True]
    run(61, "b", EVENTFLOW_DATABASE_URL=stopped)
    assert len(receiver.titles) == 2
    run(70, "b")
    run(75, "a")
    about = [title for title in receiver.titles if "database could not be reached" in title]
    assert about == ["[ok] ended: The database could not be reached."]


def test_a_receiver_that_was_down_is_told_of_both_when_it_is_back_and_nobody_twice(
    run: Run, stopped: str, receiver: HttpReceiver, new_receiver: Callable[[], HttpReceiver]
) -> None:
    other = new_receiver()
    urls = {"EVENTFLOW_ALERTS_URLS": f"{receiver.url} {other.url}"}
    other.down()
    run(0, EVENTFLOW_DATABASE_URL=stopped, **urls)
    other.up()
    run(5, EVENTFLOW_DATABASE_URL=stopped, **urls)
    assert [len(receiver.titles), len(other.titles)] == [1, 1]
    other.down()
    run(10, **urls)
    other.up()
    for minutes in (15, 20):
        run(minutes, **urls)
    about = "[ok] ended: The database could not be reached."
    assert [receiver.titles.count(about), other.titles.count(about)] == [1, 1]


def test_whom_alone_the_database_does_not_answer_ends_it_alone(
    run: Run, stopped: str, receiver: HttpReceiver, instance: dg.DagsterInstance
) -> None:
    """And what somebody else has written there is no reason to be silent."""
    instance.run_storage.set_cursor_values({"eventflow/database_unreachable": "[nothing of ours"})
    for minutes in (0, 10):
        run(minutes, "a", EVENTFLOW_DATABASE_URL=stopped)
        run(minutes + 5, "b")
    about = [title for title in receiver.titles if AWAY in title]
    assert [title.startswith("[error]") for title in about] == [True]
    run(20, "a")
    run(25, "b")
    about = [title for title in receiver.titles if AWAY in title]
    assert about[1:] == ["[ok] ended: The database could not be reached."]


def test_dagsters_database_is_stopped(run: Run, stopped: str, receiver: HttpReceiver, database: Database) -> None:
    for minutes in (0, 5):
        found = run(minutes, DAGSTER_POSTGRES_URL=stopped)
    assert (found.database_reachable, found.migrated, found.dagster_database_reachable) == (True, True, False)
    (title,) = receiver.titles
    assert "cannot be reached" in title
    (row,) = database.rows("select name, subject from stats.incident")
    assert row == {"name": "dead", "subject": "dagster"}


def test_both_are_stopped(run: Run, stopped: str, eventflow: Eventflow) -> None:
    """Under one key, at most once an hour, though another receiver is down all the while."""
    service, down = Service(), HttpReceiver()
    down.down()
    both = {
        "EVENTFLOW_DATABASE_URL": stopped,
        "DAGSTER_POSTGRES_URL": stopped,
        "EVENTFLOW_ALERTS_URLS": f"pagerduty://{'K' * 32}@{service.host} {down.url}",
    }
    for minutes in (0, 5, 59, 60, 65):
        assert not run(minutes, **both).healthy
    assert [event["event_action"] for _, event in service.taken] == ["trigger", "trigger"]
    run(70, EVENTFLOW_ALERTS_URLS=both["EVENTFLOW_ALERTS_URLS"])
    events = [event for _, event in service.taken if event["dedup_key"] == "eventflow-database_unreachable"]
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "resolve"]
    assert service.refused == []
    service.stop()
    done = eventflow("probe", "--alert", **both)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert (found["healthy"], found["database_reachable"], found["dagster_database_reachable"]) == (False, False, False)
    assert len(found["problems"]) == 2
    assert "Traceback" not in done.stderr


FACTS, DAGSTER = "EVENTFLOW_DATABASE_URL", "DAGSTER_POSTGRES_URL"


@pytest.mark.parametrize("down", [(FACTS,), (DAGSTER,), (FACTS, DAGSTER)])
def test_commands_of_last_resort_answer(eventflow: Eventflow, stopped: str, down: tuple[str, ...]) -> None:
    """Each server that is away is one sentence with the remedy, once, and what can be asked is asked."""
    away = dict.fromkeys(down, stopped)
    of_a_client = ("--client", str(UUID(int=0xA1))) if FACTS in down else ()
    commands = ("probe",), ("doctor", "--json", *of_a_client), ("doctor",), ("alerts", "list")
    probe_says, doctor_says, text, listed = (eventflow(*command, **away) for command in commands)
    problems = [p for p in json.loads(probe_says.stdout)["problems"] if "cannot be reached" in p]
    for problem, variable in zip(problems, down, strict=True):
        assert problem.startswith("The database ")
        assert problem.endswith(f"check {variable} and that the server is up.")
    findings = json.loads(doctor_says.stdout)["findings"]
    unreachable = [f for f in findings if "cannot be reached" in f["summary"]]
    assert [f["summary"] for f in unreachable] == problems
    for finding in unreachable:
        assert (finding["severity"], finding["name"], finding["command"]) == ("error", "dead", "eventflow probe")
        assert f"ERROR  {finding['summary']}\n" in text.stdout
        assert f"\n  fix      {finding['fix']}\n" in text.stdout
        assert "Bring the server up" in finding["fix"]
    for said, variable in {"No heartbeat": DAGSTER, "never computed": FACTS}.items():
        assert any(said in f["summary"] for f in findings) == (variable not in down), said
    if FACTS in down:
        refused(listed, "cannot be reached", FACTS)
        assert listed.stdout == ""
    else:
        assert (listed.returncode, listed.stdout) == (0, "Nothing is open.\n")
    assert [probe_says.returncode, doctor_says.returncode, text.returncode] == [1, 1, 1]
    assert "Traceback" not in "".join(done.stderr for done in (probe_says, doctor_says, text, listed))


@pytest.mark.long  # it makes a server
def test_the_projects_own_server_answers_while_dagsters_database_is_stopped(
    eventflow: Eventflow, stopped: str, environment: dict[str, str]
) -> None:
    """Facts in the embedded server, Dagster's elsewhere: only that is called away."""
    del environment[FACTS]
    home = server_folder("home")
    done = eventflow("doctor", "--json", EVENTFLOW_HOME=str(home), DAGSTER_POSTGRES_URL=stopped)
    shutil.rmtree(home, ignore_errors=True)
    said = [f["summary"] for f in json.loads(done.stdout)["findings"] if f["name"] == "dead"]
    assert [DAGSTER in said[0], "run `eventflow migrate`" in said[1], len(said)] == [True, True, 2], said
