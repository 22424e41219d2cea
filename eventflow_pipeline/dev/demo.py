"""``eventflow demo``: from nothing to filled buckets in the Dagster UI, and everything stopped again at the end."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import fasteners
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from eventflow_pipeline.dev.after_death import stop_server
from eventflow_pipeline.dev.dagster_process import (
    UNANSWERED,
    DagsterStack,
    backfill_status,
    cancel_backfill,
    free_port,
    launch_backfill,
    unfinished_backfills,
)
from eventflow_pipeline.dev.environment import drop_databases, environment
from eventflow_pipeline.dev.sample.load import load_sample, replay_presence, sample_is_loaded
from eventflow_pipeline.dev.web_processes import capture_server, numbers_server
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.runs import day_progress
from eventflow_pipeline.settings import Settings, load_settings
from eventflow_pipeline.warehouse.capture.dead_letters import demo_campaign
from eventflow_pipeline.warehouse.days.computed import busiest_campaigns, computed_days
from eventflow_pipeline.warehouse.db.engine import admin, connect, pipeline, server_time
from eventflow_pipeline.warehouse.schema.build_settings import stored_build_settings
from eventflow_pipeline.warehouse.schema.migrations import migrate
from eventflow_pipeline.warehouse.serve.shares import ShareTokens, add_share

DEMO_DAYS = 45
#: Of everything a demo starts besides the server, in its environment: whose demo it is.
_MARK = "_EVENTFLOW_DEMO"
#: Begins the titles of the backfills a demo launches.
_TITLE = "demo"
#: Where to go from here.
_NEXT = "Next: the tour (docs/tour.md) breaks a day of this and heals it."
_ENDED = {"COMPLETED_FAILED", "FAILED", "CANCELED", "FAILING", "CANCELING", "COMPLETED"}
console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)


class _BackfillFailed(Exception):
    """Says which run failed, where and why, in one line; ``run_id`` is the run, if there was one."""

    def __init__(self, message: str, run_id: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id


def run_demo(*, headless: bool, fresh: bool, port: int | None) -> bool:
    """Bring everything up, fill it, show it; stay until Ctrl-C unless ``headless``. Returns whether it worked.

    A backfill that fails is explained and cancelled; the user interface stays up to look into it.

    Raises:
        UserError: another demo runs on the same EVENTFLOW_HOME, the port is taken, or a server does not come up.
    """
    for variable in ("EVENTFLOW_DATABASE_URL", "EVENTFLOW_OWNER_URL"):
        if os.environ.get(variable):
            raise UserError(f"The demo fills a server of its own: unset {variable} (and use `eventflow backfill`).")
    port = free_port(port)
    home = load_settings().home
    with _only_demo(home):
        _end_leftovers(home)
        if fresh:
            drop_databases(home)
        console.print("[bold]1/4[/] Postgres, migrations and sample data …")
        with stop_server(home, sys.executable), environment(dagster=True) as found, ExitStack() as serving:
            settings = _prepare(found)
            os.environ[_MARK] = str(home)
            url = None if headless else serving.enter_context(_capture(home))
            console.print("[bold]2/4[/] Dagster's code server, webserver and daemon …")
            with DagsterStack(home / "output", port) as stack, pipeline(settings) as engine:
                console.print("[bold]3/4[/] Backfill through Dagster's daemon …")
                days = DayRange(settings.start_date, today(settings.zone))
                try:
                    _backfill(stack, engine, days)
                except _BackfillFailed as problem:
                    console.print(f"[bold red]The backfill failed:[/] {escape(str(problem))}", soft_wrap=True)
                    if not headless:
                        where = f"runs/{problem.run_id}" if problem.run_id else "overview/backfills"
                        console.print(f"See [bold]{stack.url}/{where}[/]. Stays up until Ctrl-C.", soft_wrap=True)
                        _stay(stack)
                    return False
                console.print("[bold]4/4[/] Done.")
                client = _show_busiest(engine, days)
                if url is None:
                    console.print(f"\n{_NEXT} Without --headless there are pages to look at.", soft_wrap=True)
                    return True
                campaign = demo_campaign(engine)
                numbers = serving.enter_context(_numbers(home, engine, client, days)) if client else None
                engine.dispose()  # nothing more is asked while it stays up
                console.print(f"\nDagster UI: [bold]{stack.url}[/]  (assets, partitions and runs)")
                if numbers:
                    console.print(f"Numbers:    {numbers}  (a client's page)", soft_wrap=True)
                _show_pages(url, campaign)
                console.print(_NEXT)
                console.print("Stays up until Ctrl-C.")
                _stay(stack)
                return True


@contextmanager
def _capture(home: Path) -> Iterator[str]:
    """Capture's pages, and whoever is on call told where to ask what is lost; their address."""
    metrics = f"127.0.0.1:{free_port()}"
    os.environ["EVENTFLOW_CAPTURE_METRICS"] = metrics
    os.environ["EVENTFLOW_CAPTURE_PROCESSES"] = f"http://{metrics}/metrics"
    with capture_server(home / "output", free_port()) as url:
        yield url


@contextmanager
def _numbers(home: Path, engine: Engine, client: str, days: DayRange) -> Iterator[str]:
    """The pages of numbers; a link that shows the client's of the last 30 days to whoever opens it, for a day."""
    os.environ.setdefault("EVENTFLOW_SERVE_KEYS", secrets.token_urlsafe(32))
    month = DayRange(max(days.first, days.last - timedelta(days=29)), days.last)
    shared = add_share(engine, client, month, 1, "the demo")
    with numbers_server(home / "output", free_port()) as url:
        yield f"{url}/share/{ShareTokens(load_settings().serve).token(shared['share_id'])}/"


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
    lock = fasteners.InterProcessLock(home / "demo.lock")
    try:
        home.mkdir(parents=True, exist_ok=True)
        alone = lock.acquire(blocking=False)
    except OSError as problem:
        raise UserError(
            f"The folder {home} cannot be written ({problem.strerror}): point EVENTFLOW_HOME to one that can."
        ) from problem
    if not alone:
        raise UserError(f"Another demo is running on {home}: stop it with Ctrl-C, or set another EVENTFLOW_HOME.")
    try:
        yield
    finally:
        lock.release()


def _end_leftovers(home: Path) -> None:
    """End what a demo of this home has started that was killed, and could not stop it itself."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(_MARK) == str(home):
                process.kill()


def _prepare(settings: Settings) -> Settings:
    """Source tables, sample rows and migrations, each only where missing; settings with the demo's build settings."""
    with admin(settings) as engine:
        with connect(engine) as connection:
            if stored_build_settings(connection) is None and "start_date" not in settings.model_fields_set:
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
    return settings


def _backfill(stack: DagsterStack, engine: Engine, days: DayRange) -> None:
    """Have Dagster materialize the days of the range that are missing; a progress bar follows the buckets."""
    from eventflow_pipeline.defs import buckets as marketing
    from eventflow_pipeline.defs import catalog, webinar

    missing = [day for day in days if day not in computed_days(engine, days)]
    if not missing:
        console.print("    every day is computed already")
        return
    for left in unfinished_backfills(stack, _TITLE):  # of a demo before this one, which was killed
        cancel_backfill(stack, left)
    with connect(engine) as connection:
        started = server_time(connection)
    span = DayRange(missing[0], missing[-1])
    backfill_id = launch_backfill(
        stack,
        [list(key.path) for key in (*marketing.ASSET_KEYS, catalog.QUALITY, *webinar.ASSET_KEYS)],
        [day.isoformat() for day in missing],
        f"{_TITLE} {span}",
    )

    def computed() -> bool:
        at = computed_days(engine, span)
        return all(day in at and at[day] >= started for day in missing)

    try:
        with day_progress(engine, span, started, expected=len(missing)):
            _await_backfill(stack, backfill_id, computed)
    except BaseException:
        with suppress(*UNANSWERED):
            cancel_backfill(stack, backfill_id)
        raise


def _await_backfill(stack: DagsterStack, backfill_id: str, computed: Callable[[], bool]) -> None:
    """Until every run has succeeded: no need to wait until the daemon, which polls every 30 s, has noticed.

    Raises _BackfillFailed with the first run that failed.
    """
    while True:
        stack.require_alive()
        time.sleep(1)
        try:
            found = backfill_status(stack, backfill_id)
        except UNANSWERED:
            continue
        for run_id, status in found.runs.items():
            if status in ("FAILURE", "CANCELED"):
                raise _BackfillFailed(_why(run_id), run_id)
        if found.status == "COMPLETED_SUCCESS":
            return
        if found.status in _ENDED:
            raise _BackfillFailed(found.error or f"it ended as {found.status.lower()}")
        # While some of its runs are still to be created, days are missing.
        if found.runs and set(found.runs.values()) == {"SUCCESS"} and computed():
            return


def _why(run_id: str) -> str:
    """The first line of what a failed run failed with, and its step."""
    import dagster as dg

    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED}
    with dg.DagsterInstance.get() as instance:
        (record, *_) = (*instance.get_records_for_run(run_id, of_type=kinds).records, None)
    if record is None:
        return f"run {run_id[:8]} says nothing"
    event = record.event_log_entry.get_dagster_event()
    if not event.is_step_failure:
        return f"run {run_id[:8]}: {(event.message or event.event_type_value).splitlines()[0]}"
    data = event.step_failure_data
    error = data.error
    while error and error.cause:
        error = error.cause
    said = data.user_failure_data.description if data.user_failure_data else error and error.message
    return f"run {run_id[:8]}, step {event.step_key}: {(said or 'no reason given').strip().splitlines()[0]}"


def _show_busiest(engine: Engine, days: DayRange) -> str | None:
    """The week's busiest campaigns as a table; returns the id of the first one's client, if it has one."""
    week = DayRange(max(days.first, days.last - timedelta(days=6)), days.last)
    table = Table(title=f"Busiest campaigns, {week}: distinct sessions of the whole range")
    for heading in ("client", "campaign"):
        table.add_column(heading, overflow="ellipsis", no_wrap=True, max_width=28)
    for heading in ("visits", "hits", "conversions", "cvr"):
        table.add_column(heading, justify="right", no_wrap=True)
    busiest = busiest_campaigns(engine, week)
    for row in busiest:
        cvr = "–" if row["cvr"] is None else f"{row['cvr']:.1%}"
        table.add_row(
            Text(plain(row["client"])),
            Text(plain(row["campaign"])),
            f"{row['visits']:,}",
            f"{row['hits']:,}",
            f"{row['conversions']:,}",
            cvr,
        )
    console.print(table)
    return next((str(row["client_id"]) for row in busiest if row["client_id"]), None)


def _stay(stack: DagsterStack) -> None:
    try:
        while True:
            stack.require_alive()
            time.sleep(1)
    except KeyboardInterrupt:
        console.print("Stopping …")
