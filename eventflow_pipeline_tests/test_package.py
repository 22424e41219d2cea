"""What is installed elsewhere: the wheel has every file that the checkout works with, and works without it."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from eventflow_pipeline.settings import project_root
from eventflow_pipeline.warehouse.schema.migrations import create_source
from eventflow_pipeline_tests.command_line import run_eventflow
from eventflow_pipeline_tests.databases import Database

ROOT = project_root()
_BESIDE = ("dagster.yaml", "workspace.yaml")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with wheel and sdist, built by the installed build backend."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def unpacked(built: Path) -> Path:
    """The wheel as it lies where packages are installed, beside a package of somebody else's called ``sql``."""
    (wheel,) = built.glob("*.whl")
    place = built / "site-packages"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place)
    (place / "sql").mkdir()
    (place / "sql" / "__init__.py").touch()
    return place


def _files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder.parent))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_and_no_other(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        (metadata,) = (packed.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    carried = {f"eventflow_pipeline/{name}" for name in (*_files(ROOT / "sql"), *_BESIDE)}
    assert {name for name in names if ".dist-info/" not in name} == _files(ROOT / "eventflow_pipeline") | carried
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "Classifier: Programming Language :: Python :: 3.14" in metadata


def test_the_sdist_has_what_the_wheel_is_made_of(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    needed = _files(ROOT / "eventflow_pipeline") | _files(ROOT / "sql") | {*_BESIDE, "README.md", "pyproject.toml"}
    assert needed - names == set()
    assert not {name.partition("/")[0] for name in names} & {".venv", ".eventflow", "build", "dist"}


def test_it_works_in_another_folder(unpacked: Path, empty_database: Database, tmp_path: Path) -> None:
    """By its own copies: a folder ``sql`` beside an installed package belongs to somebody else."""
    create_source(empty_database.owner)
    environment = {
        **os.environ,
        "PYTHONPATH": str(unpacked),
        "EVENTFLOW_DATABASE_URL": empty_database.url,
        "EVENTFLOW_HOME": str(tmp_path),
    }
    done = run_eventflow(environment, "migrate", "--json")
    assert done.returncode == 0, done.stderr
    assert empty_database.rows("select time_zone from stats.build_settings") == [{"time_zone": "Asia/Seoul"}]
    asked = "from eventflow_pipeline.settings import packaged; print(packaged('dagster.yaml'))"
    found = subprocess.run(
        [sys.executable, "-c", asked], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(unpacked / "eventflow_pipeline" / "dagster.yaml")


def test_the_version_is_the_newest_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"].startswith(newest[1])
