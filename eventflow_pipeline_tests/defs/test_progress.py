"""The bar that a command shows: which days are computed, which of them Dagster knows of, and what follows."""

import time
from datetime import date

import dagster as dg
import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.runs import day_progress
from eventflow_pipeline.warehouse.db.engine import connect, server_time
from eventflow_pipeline_tests.databases import Database

DAYS = DayRange(date(2024, 1, 1), date(2024, 1, 3))


def test_days_are_computed_then_recorded_then_checked(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    database: Database,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Recorded is a day when the last asset of its step is: the others came before."""
    from eventflow_pipeline.defs.buckets import ASSET_KEYS

    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal: a bar that moves
    monkeypatch.setenv("COLUMNS", "200")
    shown = ""

    def shows(phase: str, done: int) -> None:
        nonlocal shown
        deadline = time.monotonic() + 120
        while f"{phase} {DAYS}" not in shown or f"{done}/{len(DAYS)}" not in shown.rsplit(f"{phase} {DAYS}", 1)[-1]:
            assert time.monotonic() < deadline, shown[-2000:]
            time.sleep(0.05)
            shown += capfd.readouterr().err
        shown = ""

    def record(assets: tuple[dg.AssetKey, ...], *days: date) -> None:
        for day in days:
            for key in assets:
                instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day.isoformat()))

    with connect(database.pipeline) as connection:
        since = server_time(connection)
    with day_progress(database.pipeline, DAYS, since, instance=instance):
        shows("computing", 0)
        database.replace(DAYS.first)
        shows("computing", 1)
        database.replace(*list(DAYS)[1:])
        shows("recording", 0)
        record(ASSET_KEYS, DAYS.first)
        record(ASSET_KEYS[:-1], *list(DAYS)[1:])
        shows("recording", 1)
        record(ASSET_KEYS[-1:], *list(DAYS)[1:])
        shows("checking", 3)
