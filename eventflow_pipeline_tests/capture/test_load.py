"""The benchmark in small: the real command, load from another process, the database restarted in the middle."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import capture
from eventflow_pipeline_tests.servers import server_folder


@pytest.fixture
def home() -> Iterator[Path]:
    folder = server_folder("load")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_nothing_accepted_is_lost_across_a_restart_of_the_database(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "RATE", 100)
    monkeypatch.setattr(capture, "SECONDS", 4)
    measured = capture._measure(home / "server", restart=True)
    assert measured["sent"] == measured["accepted"] == measured["in table"] == 400
