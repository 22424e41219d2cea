"""From an earlier version to this one, by that version's own commands and this one's, with data in the database."""

import io
import os
import subprocess
import tarfile
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from eventflow_pipeline.domain.days import day_start, today
from eventflow_pipeline.settings import project_root
from eventflow_pipeline.warehouse.schema.migrations import create_source
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.command_line import refused, run_eventflow
from eventflow_pipeline_tests.databases import Database

#: The last commit of 0.8.0: the first whose schema is versions and definitions apart.
EARLIER = "8e3df6c"
CLIENT, CAMPAIGN, CLONE = UUID(int=0xA), UUID(int=0xC1), UUID(int=0xC2)
_HISTORY = " union all ".join(
    f"select '{table}' as of, to_jsonb(t) - 'run_id' as said from stats.{table} t"
    for table in ("exclusion", "exclusion_change", "day_ledger")
)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The earlier version's files, from the history of the checkout."""
    packed = subprocess.run(
        ["git", "archive", EARLIER, "eventflow_pipeline", "sql", "dagster.yaml", "workspace.yaml", "pyproject.toml"],
        cwd=project_root(),
        capture_output=True,
    )
    if packed.returncode:
        pytest.skip(f"this checkout has no commit {EARLIER}: {packed.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.mark.long
def test_a_database_of_the_earlier_version(
    earlier: Path, empty_database: Database, dagster_database: str, tmp_path: Path
) -> None:
    """Its schema is refused in a sentence that says the way; on that way no decision and no reason is lost."""
    database = empty_database
    create_source(database.owner)
    last = today(database.settings.zone) - timedelta(days=1)
    first = last - timedelta(days=2)
    facts.clients(database, {CLIENT: (CAMPAIGN, CLONE)}, names={CLIENT: "acme"})
    for back in range(3):
        time = day_start(last - timedelta(days=back), database.settings.zone) + timedelta(hours=12)
        facts.visits(database, time, time, campaign_id=CAMPAIGN, session_id="s{n}")
        facts.visits(database, time, campaign_id=CLONE, session_id="t")
    environment = {
        **os.environ,
        "EVENTFLOW_DATABASE_URL": database.url,
        "DAGSTER_POSTGRES_URL": dagster_database,
        "EVENTFLOW_START_DATE": str(first),
    }
    now = partial(run_eventflow, {**environment, "EVENTFLOW_HOME": str(tmp_path / "now")})
    environment.pop("EVENTFLOW_CAPTURE_METRICS")  # it knew no such setting
    then = partial(run_eventflow, {**environment, "EVENTFLOW_HOME": str(tmp_path / "then"), "PYTHONPATH": str(earlier)})
    days = ("backfill", "--from", str(first), "--to", str(last))
    for command in (
        ("migrate",),
        days,
        ("exclude", "add", str(CLONE), "--reason", "a clone", "--author", "ann"),
        ("heal",),
    ):
        done = then(*command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    history = database.rows(_HISTORY)
    numbers = database.rows("select entity_id, bucket_date, hits, visits from stats.campaign_daily order by 1, 2")
    assert len(history) > 6
    assert {row["hits"] for row in numbers if row["entity_id"] == CAMPAIGN} == {2}

    refused(now("migrate"), "0001 was not what it is here", "eventflow migrate --to base")
    assert database.rows(_HISTORY) == history, "nothing was changed"
    for command in (("migrate", "--to", "base", "--yes"), ("migrate",), days):
        done = now(*command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    database.close()  # its connections act for roles that went
    after = database.rows(_HISTORY)
    # Versions add columns.
    lost = [
        row for row in history
        if not any(row["of"] == new["of"] and row["said"].items() <= new["said"].items() for new in after)
    ]  # fmt: skip
    assert lost == []
    kept = "select entity_id, bucket_date, hits, visits from stats.campaign_daily where hits > 0 order by 1, 2"
    assert database.rows(kept) == [row for row in numbers if row["hits"]]
    assert now("verify", "--from", str(first), "--to", str(last)).returncode == 0
