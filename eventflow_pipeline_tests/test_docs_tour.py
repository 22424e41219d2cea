"""docs/tour.md: its own commands, one after the other, do what the page says."""

import re
import shlex
import subprocess
from datetime import timedelta
from string import Template

import pytest

from eventflow_pipeline.dev.sample.load import load_sample
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.settings import project_root
from eventflow_pipeline_tests.command_line import Eventflow
from eventflow_pipeline_tests.databases import Database

PAGE = project_root() / "docs" / "tour.md"
_COMMAND = re.compile(
    r"(?:(?P<variable>\w+)=\$\()?eventflow (?P<arguments>.+?)\)?(?: +# exit status (?P<status>\d): .+)?"
)


def _commands() -> list[re.Match[str]]:
    """Every line of the page's blocks of commands: `eventflow …`, what it prints perhaps kept in a variable."""
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)).splitlines()
    found = [_COMMAND.fullmatch(line) for line in lines]
    assert None not in found, "a tour of `eventflow` alone"
    return [command for command in found if command]


@pytest.mark.long
def test_the_tour_goes_as_the_page_says(eventflow: Eventflow, database: Database) -> None:
    days = DayRange(today(database.settings.zone) - timedelta(days=6), today(database.settings.zone))
    load_sample(database.owner, database.settings, days=len(days), visits_per_day=150)
    database.replace(*days)
    database.merge_pending()
    known: dict[str, str] = {}
    said: list[str] = []
    for command in _commands():
        # Between double quotes a shell does the same: there is nothing but variables.
        arguments = shlex.split(Template(command["arguments"]).substitute(known))
        done: subprocess.CompletedProcess[str] = eventflow(*arguments)
        assert done.returncode == int(command["status"] or 0), (command[0], done.stdout, done.stderr)
        if command["variable"]:
            known[command["variable"]] = done.stdout.strip()
        elif arguments[0] != "psql":
            said.append(done.stdout)
    before, late, after, held, doctor, back, repaired, agrees, _, excluded, explained, _, again = said
    day = known["day"]
    assert "What changed the day" in before
    assert "facts_added" not in before
    assert f"{day}  facts_added" in late
    assert "facts_added" in after
    assert "1 day is HELD" in held
    assert f"{day}" in doctor
    assert "HELD" not in back
    assert "materialized" not in back
    assert re.search(rf"bucket +{day} .* hits ", repaired)
    assert "1 days compared with their facts, 0 differences." in agrees
    assert f"{day}  exclusions_changed" in excluded
    assert "a test clone" in explained
    assert f"{day}  exclusions_changed" in again
