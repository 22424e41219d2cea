"""A real Dagster instance on Postgres beside the database of facts and buckets."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from eventflow_pipeline.settings import packaged
from eventflow_pipeline_tests.databases import Database


@pytest.fixture
def postgres_instance(
    database: Database, dagster_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance from the project's dagster.yaml, on a database of its own; the environment names both."""
    for name, value in {
        "DAGSTER_POSTGRES_URL": dagster_database,
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_EVENT_BATCH_SIZE": "200",
        "EVENTFLOW_DATABASE_URL": database.url,
        "EVENTFLOW_START_DATE": database.settings.start_date.isoformat(),
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "dagster.yaml").write_bytes(packaged("dagster.yaml").read_bytes())
    with dg.DagsterInstance.get() as made:
        yield made


@pytest.fixture
def instance(postgres_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The instance tests use unless they say otherwise."""
    return postgres_instance


@pytest.fixture
def defs(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The definitions, loaded anew: partitions, intervals and zones are fixed when the modules are loaded."""
    for name in list(sys.modules):
        if name == "eventflow_pipeline.definitions" or name.startswith("eventflow_pipeline.defs"):
            monkeypatch.delitem(sys.modules, name)
    loaded: dg.Definitions = importlib.import_module("eventflow_pipeline.definitions").defs
    return loaded
