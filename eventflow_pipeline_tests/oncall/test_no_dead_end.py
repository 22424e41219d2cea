"""Every command an alert names is one, it shows that very finding, and a section of the runbook says what it means."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import click
import pytest
import typer
from dagster._cli import create_dagster_cli
from dagster._daemon.cli import create_dagster_daemon_cli

from eventflow_pipeline.cli import app
from eventflow_pipeline.domain.checks import CHECKS, QUALITY_CHECKS
from eventflow_pipeline.domain.days import DayRange, day_window, today
from eventflow_pipeline.domain.quality import DEFAULT_THRESHOLDS, Threshold
from eventflow_pipeline.oncall import conditions
from eventflow_pipeline.oncall.conditions import NAMES
from eventflow_pipeline.warehouse.quality.indicators import findings, measure
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import Database

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
PROGRAMS: dict[str, click.Command] = {
    "eventflow": typer.main.get_command(app),
    "dagster": create_dagster_cli(),
    "dagster-daemon": create_dagster_daemon_cli(),
}
#: What is not ours to look into: Postgres' client.
OTHERS = {"psql"}
#: What stands in a command for what a condition fills in, by a word of the expression.
FILLED = {
    "client": str(UUID(int=0xA1)),
    "pid": "1",
    "stopped": "conditions_sensor",
    "job": "prune_history_job",
    "span": "--from 2026-11-24",
}


def _sections() -> dict[str, str]:
    """Sections of the runbook by anchor, each with those below it."""
    found, anchors = {}, list(re.finditer(r"^(#+) (.+)$", RUNBOOK, re.MULTILINE))
    for n, heading in enumerate(anchors):
        ends = [a.start() for a in anchors[n + 1 :] if len(a[1]) <= len(heading[1])]
        anchor = re.sub(r"[^a-z0-9_ -]", "", heading[2].lower()).strip().replace(" ", "-")
        found[anchor] = RUNBOOK[heading.start() : min(ends, default=len(RUNBOOK))]
    return found


def _require_command(line: str) -> None:
    """Parse the line as its program would; nothing is run."""
    words = shlex.split(line)
    if words[:2] == ["eventflow", "dagster"]:
        words = words[1:]
    if words[0] in OTHERS:
        return
    command, path, rest = PROGRAMS[words[0]], words[0], words[1:]
    context = click.Context(command, info_name=path)
    while hasattr(command, "get_command"):
        found = command.get_command(context, rest[0])
        assert found, f"{line}: there is no {path} {rest[0]}"
        command, path, rest = found, f"{path} {rest[0]}", rest[1:]
        context = click.Context(command, parent=context, info_name=path)
    try:
        command.make_context(path, rest)
    except Exception as problem:  # Typer has click's exceptions as classes of its own
        raise AssertionError(f"{line}: {problem}") from problem


def _named() -> Iterator[tuple[str, str]]:
    """Commands that conditions, probe and doctor name, as their sources say; a date for what is filled in otherwise."""
    package = Path(conditions.__file__).parent
    for file in (*package.glob("*.py"), package.parent / "probe.py", package.parent / "doctor.py"):
        nodes = [*ast.walk(ast.parse(file.read_text()))]
        pieces = {id(piece) for node in nodes if isinstance(node, ast.JoinedStr) for piece in node.values}
        for node in nodes:
            if id(node) in pieces:
                continue
            if isinstance(node, ast.JoinedStr):
                text = "".join(map(_part, node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            # A whole command: what is quoted in a sentence is no string of its own.
            if re.match(rf"({'|'.join((*PROGRAMS, *OTHERS))}) [a-z\"]", text):
                yield file.stem, text


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    said = ast.unparse(part)
    return next((value for word, value in FILLED.items() if word in said), "2026-11-24")


def test_every_command_that_is_named_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    by_file = [*_named()]
    assert {stem for stem, _ in by_file} >= {"__init__", "probe", "doctor", "stale", "run_failed", "heal_held"}
    filled = {"client": UUID(int=0xA1), "day": "2026-11-24", "first": "2026-11-23", "last": "2026-11-24"}
    of_checks = [check.command.format(**filled) for check in CHECKS.values()]
    for line in {*(line for _, line in by_file), *of_checks}:
        _require_command(line)
    with pytest.raises(AssertionError, match="there is no eventflow mend"):
        _require_command("eventflow mend")
    with pytest.raises(AssertionError, match="No such option"):
        _require_command("eventflow heal --from 2026-11-24")


def test_commands_of_the_runbook_exist() -> None:
    """Their options, too; what stands for a value is whatever."""
    quoted = re.findall(r"`((?:eventflow|dagster|dagster-daemon) [a-z][^`]*)`", RUNBOOK)
    assert len(quoted) > 40
    for line in quoted:
        words = line.removeprefix("eventflow ").split() if line.startswith("eventflow dagster ") else line.split()
        command, path = PROGRAMS[words[0]], words[0]
        context = click.Context(command)
        for word in words[1:]:
            if not hasattr(command, "get_command") or word == "…":
                break
            found = command.get_command(context, word)
            assert found, f"{line}: there is no {path} {word}"
            command, path = found, f"{path} {word}"
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word.strip("(),") for word in words if word.startswith("--")} <= options, line


def test_each_has_a_place_of_its_own_and_an_owner() -> None:
    sections = _sections()
    for check in CHECKS.values():
        assert sections[check.runbook].startswith(f"### Check {check.name}\n")
        assert all((check.fix, check.command, check.owner)), check.name
    anchors: dict[str, str] = {}
    for file in Path(conditions.__file__).parent.glob("*.py"):
        for name, anchor in re.findall(r'name="(\w+)".*?runbook="([a-z-]+)"', file.read_text(), re.DOTALL):
            anchors[name] = anchor
    anchors |= {"deficit": "visits-zero-or-low", "deficit_day": "visits-zero-or-low", "dead": "job-failed"}
    assert anchors.keys() | {"check_failed"} == NAMES
    for name, anchor in anchors.items():
        assert f"`{name}`" in sections[anchor], f"{anchor} does not say what {name} is"


CLIENT, OTHER = UUID(int=0xA1), UUID(int=0xA2)
BAD, COPY, TENANT, SHORT = (UUID(int=n) for n in (0xC1, 0xC2, 0xC3, 0xC4))


@pytest.fixture
def broken_day(database: Database) -> date:
    """A day some days ago on which every check of quality fails, but those of the present."""
    day = today(database.settings.zone) - timedelta(days=6)
    noon = day_window(day, database.settings.zone).start + timedelta(hours=12)
    database.settings = database.settings.changed(start_date=day)
    database.execute("update stats.build_settings set first_partition = :day", day=day)
    database.execute("alter table event_access_logs drop constraint event_access_logs_target_check")
    facts.clients(database, {CLIENT: [BAD, COPY, SHORT], OTHER: [TENANT]}, names={CLIENT: "Acme", OTHER: "Other"})
    times = facts.spread(40, noon, 60)
    facts.visits(database, *times, session_id="s{n}", campaign_id=BAD, cid="no cid")
    facts.visits(database, *times, session_id=" ", campaign_id=BAD, marketing_campaign_link_id=UUID(int=0x99))
    facts.visits(database, *facts.spread(210, noon, 60), session_id="robot", campaign_id=BAD)
    facts.visits(database, *facts.spread(31, noon, 60), session_id="t{n}", campaign_id=SHORT)
    for campaign in (BAD, COPY, SHORT):
        facts.entries(database, *times, session_id="x{n}", campaign_id=campaign, client_id=CLIENT)
    facts.entries(database, *facts.spread(170, noon, 90), campaign_id=BAD, client_id=CLIENT)
    facts.entries(database, *times[:3], campaign_id=TENANT, client_id=CLIENT)
    facts.visits(database, noon, session_id="u", campaign_id=uuid4())
    facts.visits(database, noon, session_id="v", campaign_id=None)
    database.execute("update event_access_logs set utm_campaign = id::text where session_id like 't%'")
    database.replace(day)
    database.merge_pending()
    measure(database.pipeline, database.settings, DayRange(day, day))
    return day


#: Needs weeks of history; its finding is shown as the others are.
_OF_OTHER_TIMES = {"silence"}


def test_the_command_of_a_check_shows_that_very_finding(
    eventflow: Eventflow, database: Database, broken_day: date
) -> None:
    thresholds = {**database.settings.quality.thresholds, **DEFAULT_THRESHOLDS, "members": Threshold(None, 20)}
    settings = database.settings.changed(quality={"thresholds": thresholds})
    environment = {
        "EVENTFLOW_QUALITY_THRESHOLDS": '{"members": {"error": 20}}',
        "EVENTFLOW_START_DATE": str(broken_day),
    }
    found = findings(database.pipeline, settings, DayRange(broken_day, broken_day))
    assert {one.check for one in found} | _OF_OTHER_TIMES == set(QUALITY_CHECKS)
    said: dict[str, dict[str, Any]] = {}
    for one in found:
        if one.client_id is None and any(o.check == one.check and o.client_id for o in found):
            continue  # of everybody, because of somebody
        line = CHECKS[one.check].command.format(client=one.client_id or "unknown", day=broken_day)
        if line not in said:
            done = eventflow(*shlex.split(line)[1:], "--json", **environment)
            assert done.returncode in (0, 1), done.stderr
            said[line] = json.loads(done.stdout)
        assert (one.check, one.said) in {(f["check"], f["said"]) for f in said[line]["failing_checks"]}
    assert len(said) <= 3
