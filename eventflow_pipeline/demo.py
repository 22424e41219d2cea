"""``eventflow demo``: from nothing to filled buckets in the Dagster UI, and everything stopped again at the end."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.error import URLError

import fasteners
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from eventflow_pipeline.backfill import day_progress
from eventflow_pipeline.capture_app.child import CaptureServer
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.local import drop_databases, environment, packaged
from eventflow_pipeline.sample.concurrency import replay_presence
from eventflow_pipeline.sample.into_database import load_sample, sample_is_loaded
from eventflow_pipeline.settings import Settings, load_settings
from eventflow_pipeline.stack import DagsterStack, GraphqlError, backfill_status, free_port, launch_backfill
from eventflow_pipeline.warehouse.capture import demo_campaign
from eventflow_pipeline.warehouse.engine import admin_engine, connect, pipeline_engine
from eventflow_pipeline.warehouse.migrations import migrate, stored_calendar
from eventflow_pipeline.warehouse.reads import busiest_campaigns, computed_days, server_time

DEMO_DAYS = 45
_ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED", "FAILING", "CANCELING", "COMPLETED"}
console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def run_demo(*, headless: bool, fresh: bool, port: int | None) -> None:
    """Bring everything up, fill it, show it; stay until Ctrl-C unless ``headless``.

    Raises:
        UserError: another demo runs on the same EVENTFLOW_HOME, the port is taken, or a server does not come up.
    """
    if os.environ.get("EVENTFLOW_DATABASE_URL"):
        raise UserError(
            "The demo fills a server of its own: unset EVENTFLOW_DATABASE_URL (and use `eventflow backfill`)."
        )
    port = free_port(port)
    home = load_settings().home
    with _only_demo(home):
        if fresh:
            drop_databases(home)
        console.print("[bold]1/4[/] Postgres, migrations and sample data …")
        with environment(dagster=True) as found:
            settings = _prepare(found)
            console.print("[bold]2/4[/] Dagster's webserver and daemon …")
            with DagsterStack(packaged("workspace.yaml"), home / "output", port) as stack:
                console.print("[bold]3/4[/] Backfill through Dagster's daemon …")
                engine = pipeline_engine(settings)
                days = DayRange(settings.start_date, today(settings.zone))
                _backfill(stack, engine, days)
                console.print("[bold]4/4[/] Done.")
                _show_busiest(engine, days)
                console.print(f"\nDagster UI: [bold]{stack.url}[/]  (assets, partitions and runs)")
                campaign = demo_campaign(engine)
                engine.dispose()
                if not headless:
                    with CaptureServer(home / "output", free_port()) as capture:
                        _show_pages(capture.url, campaign)
                        console.print("Stays up until Ctrl-C.")
                        _stay(stack)


def _show_pages(url: str, campaign: str | None) -> None:
    """Addresses to arrive at, register, and see the day's buckets follow within a few minutes."""
    if campaign is None:
        return
    for page, how in (("welcome", "rendered by the server"), ("app", "rendered in the browser")):
        console.print(
            f"Capture:    {url}/demo/{campaign}/{page}?utm_source=demo&utm_medium=link  ({how})", soft_wrap=True
        )


@contextmanager
def _only_demo(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(home / "demo.lock")
    if not lock.acquire(blocking=False):
        raise UserError(f"Another demo is running on {home}: stop it with Ctrl-C, or set another EVENTFLOW_HOME.")
    try:
        yield
    finally:
        lock.release()


def _prepare(settings: Settings) -> Settings:
    """Source tables, sample rows and migrations, each only where missing; settings with the demo's calendar."""
    engine = admin_engine(settings)
    with connect(engine) as connection:
        if stored_calendar(connection) is None and "start_date" not in settings.chosen:
            first = today(settings.zone) - timedelta(days=DEMO_DAYS - 1)
            os.environ["EVENTFLOW_START_DATE"] = first.isoformat()
    settings = load_settings()
    if loaded := sample_is_loaded(engine):
        console.print("    facts are there already (--fresh starts over)")
    else:
        days = len(DayRange(settings.start_date, today(settings.zone)))
        counts = load_sample(engine, settings, days=days)
        console.print(
            f"    {counts['event_access_logs']:,} visit hits and {counts['event_survey_entries']:,} entries "
            f"over {days} days"
        )
    migrate(engine, settings)
    if not loaded:
        replay_presence(engine)
    engine.dispose()
    return settings


def _backfill(stack: DagsterStack, engine: Engine, days: DayRange) -> None:
    """Have Dagster materialize the days of the range that are missing; a progress bar follows the buckets."""
    from eventflow_pipeline.defs import marketing, webinar

    missing = [day for day in days if day not in computed_days(engine, days)]
    if not missing:
        console.print("    every day is computed already")
        return
    with connect(engine) as connection:
        started = server_time(connection)
    span = DayRange(missing[0], missing[-1])
    backfill_id = launch_backfill(
        stack,
        [list(key.path) for key in (*marketing.ASSET_KEYS, marketing.QUALITY, *webinar.ASSET_KEYS)],
        [day.isoformat() for day in missing],
        f"demo {span}",
    )
    with day_progress(engine, span, started, expected=len(missing)):
        while True:
            stack.require_alive()
            time.sleep(1)
            try:
                status, runs = backfill_status(stack, backfill_id)
            except (GraphqlError, URLError, TimeoutError):
                continue
            if any(run in ("FAILURE", "CANCELED") for run in runs) or status in _ENDED - {"COMPLETED_SUCCESS"}:
                raise UserError(
                    f"The backfill did not succeed: run the demo again, or see it at {stack.url}/overview/backfills."
                )
            if status == "COMPLETED_SUCCESS" or (runs and all(run == "SUCCESS" for run in runs)):
                return


def _show_busiest(engine: Engine, days: DayRange) -> None:
    week = DayRange(max(days.first, days.last - timedelta(days=6)), days.last)
    table = Table(title=f"Busiest campaigns, {week}: distinct sessions of the whole range")
    for heading in ("client", "campaign"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True, max_width=28)
    for heading in ("visits", "hits", "conversions", "cvr"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in busiest_campaigns(engine, week):
        cvr = "–" if row["cvr"] is None else f"{row['cvr']:.1%}"
        table.add_row(
            row["client"],
            row["campaign"],
            f"{row['visits']:,}",
            f"{row['hits']:,}",
            f"{row['conversions']:,}",
            cvr,
        )
    console.print(table)


def _stay(stack: DagsterStack) -> None:
    try:
        while True:
            stack.require_alive()
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("Stopping …")
