"""What deploy/ ships names commands, settings and metrics that there are, and is what its own tools accept."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from eventflow_pipeline.cli import app
from eventflow_pipeline.settings import variables

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "eventflow.rules.yml"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def _compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def _commands() -> list[list[str]]:
    """Every command line that a container or a unit starts, of ours and of Dagster's."""
    containers = [service["command"] for service in _compose()["services"].values() if "command" in service]
    lines = [line for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    return [*containers, *(shlex.split(line.removeprefix("ExecStart=/opt/eventflow/bin/")) for line in lines)]


@pytest.mark.parametrize("command", _commands(), ids=lambda command: " ".join(command[:4]))
def test_every_command_there_is_with_its_options(command: list[str]) -> None:
    program, *arguments = command
    assert Path(sys.executable).with_name(program).exists(), program
    if program == "eventflow":
        context = get_command(app).make_context("eventflow", [*arguments, "--help"], resilient_parsing=True)
        assert context is not None
        group: Any = get_command(app)
        words = [word for word in arguments if not word.startswith("-") and not word.isdecimal() and "." not in word]
        for word in words:
            group = group.commands[word]
        known = {option for parameter in group.params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= known


def test_every_variable_of_ours_is_a_setting() -> None:
    files = [DEPLOY / "compose.yaml", DEPLOY / "Dockerfile", *UNITS, ROOT / "docs" / "deploy.md"]
    named = {name for file in files for name in re.findall(r"\bEVENTFLOW_[A-Z_]+", file.read_text())}
    for_compose_alone = {"EVENTFLOW_IMAGE"}
    assert named - for_compose_alone <= {variable.name for variable in variables()}, (
        "eventflow settings lists what there is"
    )


def test_containers_write_nowhere_may_nothing_and_are_bounded() -> None:
    services = _compose()["services"]
    ours = {name: service for name, service in services.items() if "eventflow" in service["image"]}
    assert set(ours) == {"code-server", "daemon", "webserver", "viewer", "metrics", "capture"}
    for name, service in ours.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
    for name, service in services.items():
        assert "mem_limit" in service, name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert "--read-only" in services["viewer"]["command"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """On a machine without the package in its place: everything but that the programs are missing."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(re.sub(r"/opt/eventflow/bin/\S+", "/bin/true", unit.read_text()))
    verified = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)], capture_output=True, text=True
    )
    ours = [line for line in verified.stderr.splitlines() if "eventflow-" in line and "Failed to open" not in line]
    assert ours == []


def shown_metrics() -> set[str]:
    """Names of metrics that rules and dashboard read."""
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    dashboard = json.loads((DEPLOY / "grafana" / "eventflow.json").read_text())
    drawn = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return {name for expression in rules + drawn for name in re.findall(r"\beventflow_[a-z_]+", expression)}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_prometheus_takes_the_rules() -> None:
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
