"""What deploy/ ships names commands, settings and metrics that there are, and is what its own tools accept."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from eventflow_pipeline.cli import app
from eventflow_pipeline.settings import variables
from eventflow_pipeline.warehouse.schema.migrations import create_source
from eventflow_pipeline_tests.databases import Database

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "eventflow.rules.yml"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def _compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def _commands() -> list[list[str]]:
    """Every command line that a container or a unit starts, of ours and of Dagster's."""
    containers = [service["command"] for service in _compose()["services"].values() if "eventflow" in service["image"]]
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
    assert set(ours) == {"code-server", "daemon", "webserver", "viewer", "metrics", "capture", "serve"}
    for name, service in ours.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
    for name, service in services.items():
        assert "mem_limit" in service, name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    assert "--read-only" in services["viewer"]["command"]


def test_each_service_says_whether_it_is_well() -> None:
    assert [name for name, service in _compose()["services"].items() if not _is_watched(name, service)] == []


def _is_watched(name: str, service: dict[str, Any]) -> bool:
    """The proxy and the cluster are not ours; of these compose looks whether they run."""
    return "healthcheck" in service or name == "proxy" or name.startswith("spark-")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("missing", [None, "OPERATOR_HASH", "SERVE_DATABASE_URL"])
def test_compose_takes_the_file_and_asks_for_what_is_missing(tmp_path: Path, missing: str | None) -> None:
    """Debian's compose is older than the key `name`, and knows all the others."""
    text = (DEPLOY / "compose.yaml").read_text()
    (tmp_path / "compose.yaml").write_text(re.sub(r"^name: .*$", "", text, flags=re.MULTILINE))
    asked = sorted(set(re.findall(r"\$\{([A-Z_]+):\?", text)) - {missing})
    (tmp_path / "values").write_text("".join(f"{name}=x\n" for name in asked))
    taken = subprocess.run(
        ["docker-compose", "--env-file", "values", "-f", "compose.yaml", "--profile", "spark", "config"],
        cwd=tmp_path, capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert (taken.returncode == 0) is (missing is None), taken.stderr
    assert missing is None or missing in taken.stderr
    if missing is None:
        given = set(re.findall(r"^    ([A-Z_]+)=", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE))
        assert set(asked) <= given, "docs/deploy.md says what deploy/.env needs"


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


def _instructions() -> list[tuple[str, str]]:
    """What the Dockerfile says, line by line: the instruction and what it is given."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", "")
    return [(word, given) for word, _, given in (line.partition(" ") for line in text.splitlines()) if word]


class _Image:
    """What the Dockerfile's steps make of a folder in the place of /, with the packages that are installed here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": sysconfig.get_path("purelib")}
        self.entrypoint: list[str] = []
        self._folder = root
        for instruction, given in _instructions():
            getattr(self, f"_{instruction.lower()}", lambda _: None)(given)

    def placed(self, text: str) -> str:
        """Absolute paths of the image as they are here."""
        return re.sub(r"(?<![\w/.])/(?=(opt|etc|usr/local/bin|var/lib|source)\b)", f"{self.root}/", text)

    def _workdir(self, given: str) -> None:
        self._folder = Path(self.placed(given))
        self._folder.mkdir(parents=True, exist_ok=True)

    def _copy(self, given: str) -> None:
        *sources, place = given.split()
        if given == ". .":
            listed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
            left_out = shutil.ignore_patterns(*(line.removeprefix("**/") for line in listed))
            shutil.copytree(ROOT, self._folder, ignore=left_out, dirs_exist_ok=True)
        elif not given.startswith("--from=build"):
            target = Path(self.placed(place))
            (target if place.endswith("/") else target.parent).mkdir(parents=True, exist_ok=True)
            for source in sources:
                copied = Path(shutil.copy(ROOT / source, target))
                copied.write_text(self.placed(copied.read_text()))

    def _run(self, given: str) -> None:
        if given.startswith("useradd"):
            return  # it would be this machine's
        # The locked packages are those of this environment: LOCKS is empty, and nothing is to be downloaded.
        told = {**self.environment, "LOCKS": "", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
        command = ["sh", "-euc", self.placed(given)]
        done = subprocess.run(command, cwd=self._folder, env=told, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def _env(self, given: str) -> None:
        for word in shlex.split(given):
            name, _, value = word.partition("=")
            self.environment[name] = self.placed(value).replace("$PATH", self.environment["PATH"])

    def _entrypoint(self, given: str) -> None:
        self.entrypoint = [str(self.root / "usr/local/bin" / program) for program in json.loads(given)]

    def files(self) -> set[Path]:
        """All but those of the one folder that may be written to."""
        home = Path(self.environment["EVENTFLOW_HOME"])
        return {path for path in self.root.rglob("*") if not path.is_relative_to(home)}

    def run(self, *command: str, may_nothing: bool = True, **environment: str) -> str:
        """What a container prints that may nothing, on a file system that is read-only."""
        drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        without = drop if may_nothing and os.geteuid() == 0 else []
        done = subprocess.run(
            [*without, *self.entrypoint, *command],
            cwd=self._folder, env={**self.environment, **environment}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (Debian: util-linux) is not installed")
def test_the_image_s_steps_make_what_runs_without_rights(tmp_path: Path, empty_database: Database) -> None:
    """Without a Docker daemon: the Dockerfile's own lines in a folder, and what they made under a shell."""
    image = _Image(tmp_path)
    home = Path(image.environment["EVENTFLOW_HOME"])
    for folder in (path for path in (tmp_path, *tmp_path.rglob("*")) if path.is_dir() and path != home):
        folder.chmod(0o555)
    try:
        made = image.files()
        assert image.run("eventflow", "--version").strip() == version("eventflow-pipeline")
        assert "dagster" in image.run("python", "-m", "dagster", "--version")
        where = image.run("python", "-c", "import eventflow_pipeline as p; print(p.__file__)")
        assert Path(where).is_relative_to(tmp_path / "opt" / "eventflow")
        create_source(empty_database.owner)
        # The tests' server is in a folder of another user's, which root without its rights may not enter.
        image.run("eventflow", "migrate", may_nothing=False, EVENTFLOW_DATABASE_URL=empty_database.url)
        assert empty_database.rows("select time_zone from stats.build_settings") == [{"time_zone": "Asia/Seoul"}]
        assert (home / "dagster.yaml").read_text() == (ROOT / "dagster.yaml").read_text()
        assert image.files() == made
    finally:
        for folder in (path for path in (tmp_path, *tmp_path.rglob("*")) if path.is_dir()):
            folder.chmod(0o755)


def drawn() -> list[str]:
    """What the dashboard's panels ask Prometheus."""
    dashboard = json.loads((DEPLOY / "grafana" / "eventflow.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def shown_metrics() -> set[str]:
    """Names of metrics that rules and dashboard read."""
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return {name for expression in rules + drawn() for name in re.findall(r"\beventflow_[a-z_]+", expression)}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize("command", ["check config prometheus.yml", "test rules eventflow.rules_test.yml"])
def test_prometheus_takes_what_it_is_told(command: str) -> None:
    """The configuration with its rules; and each rule fires when it should, and not before."""
    checked = subprocess.run(["promtool", *command.split()], cwd=RULES.parent, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_rule_is_tried() -> None:
    rules = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    tests = yaml.safe_load(RULES.with_name("eventflow.rules_test.yml").read_text())["tests"]
    fired = {tried["alertname"] for test in tests for tried in test["alert_rule_test"] if "exp_alerts" in tried}
    assert fired == rules


def test_no_panel_draws_one_of_two_alone() -> None:
    """`a or b` is a, where both have the same labels."""
    assert [expression for expression in drawn() if " or " in expression] == []
