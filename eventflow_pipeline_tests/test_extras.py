"""Without its extras the project is whole, only smaller: the core works, what is missing is named in one sentence."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from eventflow_pipeline.extras import EXTRAS
from eventflow_pipeline.settings import PACKAGE
from eventflow_pipeline_tests.command_line import Eventflow, refused, run_eventflow
from eventflow_pipeline_tests.databases import Database

PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
#: Imported before anything else of a process.
ABSENT = """
import sys
from importlib.machinery import PathFinder

class CoreFinder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {names!r} else PathFinder.find_spec(name, path, target)

sys.meta_path = [CoreFinder if finder is PathFinder else finder for finder in sys.meta_path]
"""


def _installed_with(wanted: list[str]) -> set[str]:
    """Canonical names of these requirements and all they need, here."""
    found: set[str] = set()
    waiting = [(Requirement(line), "") for line in wanted]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        extras = {"", *requirement.extras}
        if name in found and extras == {""}:
            continue
        found.add(name)
        waiting += [(Requirement(line), one) for one in extras for line in distribution(name).requires or ()]
    return found


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a process that finds only what the core alone would have brought along."""
    kept = _installed_with(PROJECT["dependencies"]) | {"eventflow-pipeline", "pip", "setuptools"}
    absent = {
        package
        for package, providers in packages_distributions().items()
        if not kept & {canonicalize_name(provider) for provider in providers}
    }
    assert {"matplotlib", "fastapi", "psutil", "pytest"} <= absent
    assert not {"dagster", "sqlalchemy", "eventflow_pipeline"} & absent
    folder = tmp_path_factory.mktemp("core")
    (folder / "sitecustomize.py").write_text(ABSENT.format(names=absent))
    return {"PYTHONPATH": str(folder)}


def test_every_package_of_an_extra_is_known() -> None:
    imported = {"pyjwt": "jwt", "pyspark-client": "pyspark"}
    for extra, packages in EXTRAS.items():
        named = [canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"][extra]]
        # An extra that begins with others names the project itself.
        others = {imported.get(name, name.replace("-", "_")) for name in named if name != "eventflow-pipeline"}
        assert others == {*packages} - {"starlette"}
    assert PROJECT["optional-dependencies"].keys() == {*EXTRAS, "serve", "dev"}, "serve is capture and report"


def test_the_lock_files_agree() -> None:
    """Whoever has the development's packages has the runtime's: same versions, same files; and no tool among those."""
    runtime, development = (_pins(name) for name in ("requirements.lock", "requirements-dev.lock"))
    assert runtime.keys() < development.keys()
    assert {name: development[name] for name in runtime} == runtime
    tools = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["dev"]}
    assert not (tools - {"eventflow-pipeline"}) & runtime.keys()
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (PACKAGE.parent / name).read_text(), "no host is named"


def _pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of every package in a lock file."""
    text = (PACKAGE.parent / name).read_text().replace("\\\n", " ")
    pins = {}
    for line in text.splitlines():
        pin = re.match(r"([\w.-]+)(?:\[[^]]*\])?==(\S+)", line)
        assert pin, line
        hashes = frozenset(re.findall(r"--hash=(\S+)", line))
        assert hashes
        pins[canonicalize_name(pin[1])] = (pin[2], hashes)
    return pins


def test_the_core_alone_computes_days(
    core: dict[str, str], eventflow: Eventflow, database: Database, tmp_path: Path
) -> None:
    database.insert("clients", [{"name": "Acme"}])
    days = ("--from", "2024-01-01", "--to", "2024-01-01")
    done = eventflow("backfill", *days, **core)
    assert done.returncode == 0, done.stderr
    report = eventflow("report", "--client", "Acme", *days, "--out", str(tmp_path / "january.xlsx"), **core)
    refused(report, "pip install 'eventflow-pipeline[report]'")


def test_the_whole_surface_loads_with_the_core_alone(core: dict[str, str]) -> None:
    """... and where a picture would be, a sentence says what draws it."""
    code = """
from zoneinfo import ZoneInfo
from eventflow_pipeline.definitions import defs
from eventflow_pipeline.defs.webinar_curve import curve_picture
print(len(list(defs.resolve_all_asset_specs())), curve_picture([], 'x', ZoneInfo('UTC')).value)
"""
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **core}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    number, _, picture = done.stdout.partition(" ")
    assert int(number) > 10
    assert "pip install 'eventflow-pipeline[report]'" in picture


def test_what_is_missing_is_named_with_its_remedy(core: dict[str, str], database: Database, tmp_path: Path) -> None:
    base = {**os.environ, **core, "EVENTFLOW_HOME": str(tmp_path / "home")}
    refused(run_eventflow(base, "demo"), "pip install 'eventflow-pipeline[local,capture,report]'")
    refused(run_eventflow(base, "migrate"), "pip install 'eventflow-pipeline[local]'", "EVENTFLOW_DATABASE_URL")
    named = {**base, "EVENTFLOW_DATABASE_URL": database.url, "EVENTFLOW_CAPTURE_KEYS": "x" * 20}
    refused(run_eventflow(named, "capture", "serve"), "pip install 'eventflow-pipeline[capture]'")
