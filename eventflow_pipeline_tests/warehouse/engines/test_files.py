"""Files that are exchanged with a cluster: nobody else's to read, and gone, whatever becomes of the day."""

import shutil
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.engines.day_engine import DayWork
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds import small_world as small

pytest.importorskip("pysail", reason="the extra spark is not installed (make engines)")
pytest.importorskip("pyspark", reason="the extra spark is not installed (make engines)")
pa = pytest.importorskip("pyarrow")
rows_and_files = pytest.importorskip("eventflow_pipeline.warehouse.engines.files")
cluster = pytest.importorskip("eventflow_pipeline.warehouse.engines.cluster")
spark = pytest.importorskip("eventflow_pipeline.warehouse.engines.spark")

DAY = date(2024, 9, 7)
START = datetime(2024, 9, 7, tzinfo=UTC)
WORK = DayWork(DAY, START, START + timedelta(days=1), [], [], [])


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def by_spark(database: Database, lake: Path) -> Settings:
    return database.settings.changed(engine="spark", spark={"lake": lake.as_uri()})


@pytest.mark.parametrize(("url", "mode"), [(None, 0o700), (SecretStr("sc://127.0.0.1:1"), 0o750)])
def test_nobody_else_reads_them(
    database: Database, by_spark: Settings, lake: Path, url: SecretStr | None, mode: int
) -> None:
    by_spark = by_spark.changed(spark={"url": url})
    with connect(database.pipeline) as connection, spark.SparkEngine(by_spark).computing(connection, WORK):
        (folder,) = lake.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert not [*lake.iterdir()]


def test_files_that_cannot_be_deleted_change_nothing(database: Database, by_spark: Settings, lake: Path) -> None:
    """Here somebody else has deleted them: a good day stays one, and why a day was refused is still said."""

    def compute(outcome: Exception | None = None) -> None:
        with (
            connect(database.pipeline) as connection,
            spark.SparkEngine(by_spark).computing(connection, WORK),
        ):
            shutil.rmtree(lake)
            if outcome:
                raise outcome

    compute()
    with pytest.raises(LookupError, match="held"):
        compute(LookupError("held"))


def test_sail_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", "postgresql://u:secret@h/d")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-lake")
    for object_store in (False, True):
        sail = cluster._Sail(object_store=object_store)
        try:
            assert sail.address().startswith("sc://127.0.0.1:")
            told = Path(f"/proc/{sail._server.pid}/environ").read_text()
        finally:
            sail.stop()
        assert "secret@h" not in told
        assert ("of-the-lake" in told) is object_store


def test_memory_does_not_grow_with_the_day(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what is handed to a cluster is ever there as a whole, nor what comes of it."""
    monkeypatch.setattr(rows_and_files, "_BLOCK", 1 << 14)
    monkeypatch.setattr(rows_and_files, "_ROWS", 64)
    window = {"window_start": START, "window_end": START + timedelta(days=1)}
    files, peaks = rows_and_files.FileSystem.from_uri(tmp_path.as_uri())[0], []
    usual = pa.default_memory_pool()
    for visits in (500, 9_500):
        database.execute(
            """
            insert into event_access_logs (campaign_id, session_id, utm_campaign, accessed_at)
            select :campaign, md5(n::text), repeat(md5(n::text), 4), :start from generate_series(1, :visits) as n
            """,
            campaign=small.CAMPAIGN, start=START, visits=visits,
        )  # fmt: skip
        counting = pa.proxy_memory_pool(usual)
        pa.set_memory_pool(counting)
        try:
            with connect(database.pipeline) as connection:
                rows_and_files.export(connection, "visit_facts", window, files, str(tmp_path / "visits.parquet"))
                connection.exec_driver_sql("drop table if exists staged")
                connection.exec_driver_sql("create temporary table staged (id text, utm_campaign text)")
                rows_and_files.stage(connection, "staged", ("id", "utm_campaign"), files, str(tmp_path))
                assert connection.exec_driver_sql("select count(*) from staged").scalar_one() in (500, 10_000)
        finally:
            pa.set_memory_pool(usual)
        peaks.append(counting.max_memory())
    assert peaks[1] < 2 * peaks[0], peaks
