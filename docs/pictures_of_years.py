"""Looks at Dagster's pages over three years of an installation made for it (`make pictures-of-years`). Needs Chromium.

Says how long each page takes to load, a browser having Dagster's own programs. Written are those that are shown,
images/cockpit-NAME.png, and all of them to a folder where one is named.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
_EVENTFLOW = str(Path(sys.executable).with_name("eventflow"))
#: Each with its address, a text that is there once it shows what it is for, and one that comes after it: Dagster sends
#: the events of a run, all it planned before all it made, in thousands, once its page stands.
_PAGES: dict[str, tuple[str, str, re.Pattern[str] | None]] = {
    "graph": ("assets/stats/session_days?view=lineage", "100% filled", None),
    "partitions": ("assets/stats/platform_daily?view=partitions&partition={day}", "unknown_link_share", None),
    "checks": ("assets/stats/client_daily?view=checks&checkDetail=deficit", "failing_days", None),
    "events": ("assets/stats/client_daily?view=events", "materialized in run", None),
    "run": ("runs/{run}", "Success", re.compile("ASSET_MATERIALIZATION|STEP_OUTPUT")),
}
_SHOWN = ("partitions", "checks")
_DAYS = int(os.environ.get("PICTURES_DAYS", "1100"))
_SIZE = {"width": 1400, "height": 900}


def take(folder: Path) -> None:
    """Every page into ``folder``, with the seconds it took to load; those that are shown to images/."""
    from playwright.sync_api import expect, sync_playwright

    with _years() as (url, values), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=_SIZE, reduced_motion="reduce")
        page.set_default_timeout(90_000)
        page.goto(url)
        page.get_by_text("Lineage").first.wait_for()
        for name, (address, text, later) in _PAGES.items():
            # A graph is drawn without words where they would be too small.
            page.set_viewport_size({"width": 2000, "height": 2400} if name == "graph" else _SIZE)
            began = time.perf_counter()
            page.goto(f"{url}/{address.format(**values)}")
            page.get_by_text(text).first.wait_for()
            if later:
                print(f"{name}, without its events: {time.perf_counter() - began:.1f} s", flush=True)
                page.get_by_text(later).first.wait_for()
            expect(page.get_by_text("Loading")).to_have_count(0, timeout=90_000)
            print(f"{name}: {time.perf_counter() - began:.1f} s", flush=True)
            page.wait_for_timeout(2_000)  # what moves has come to rest
            page.screenshot(path=folder / f"{name}.png")
        browser.close()
    for name in _SHOWN:
        shutil.copy(folder / f"{name}.png", IMAGES / f"cockpit-{name}.png")


@contextmanager
def _years() -> Iterator[tuple[str, dict[str, Any]]]:
    """Address of Dagster's pages over an installation of its own whose days are computed, and what to look at there."""
    import dagster as dg

    from eventflow_pipeline.dev.dagster_process import DagsterStack, free_port
    from eventflow_pipeline.dev.environment import environment
    from eventflow_pipeline.domain.days import today
    from eventflow_pipeline.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="eventflow-pictures-", dir="/var/tmp") as home:
        Path(home).chmod(0o755)
        for name in ("EVENTFLOW_DATABASE_URL", "EVENTFLOW_OWNER_URL", "DAGSTER_POSTGRES_URL", "DAGSTER_HOME"):
            os.environ.pop(name, None)
        last = today(load_settings().zone)
        os.environ |= {
            "EVENTFLOW_HOME": home,
            "EVENTFLOW_START_DATE": str(last - timedelta(days=_DAYS - 1)),
            "EVENTFLOW_RUNS_MAX_DAYS": str(_DAYS),
        }
        with environment(dagster=True, owner=True):
            for command in (
                ("sample", "--days", str(_DAYS), "--visits-per-day", "60", "--database", "eventflow"),
                ("migrate",),
                ("backfill", "--from", os.environ["EVENTFLOW_START_DATE"]),
            ):
                subprocess.run([_EVENTFLOW, *command], check=True)
            with dg.DagsterInstance.get() as instance:
                (run,) = instance.get_run_records(dg.RunsFilter(job_name="daily_buckets_job"), limit=1)
            with DagsterStack(Path(home) / "output", free_port()) as stack:
                yield stack.url, {"day": last - timedelta(days=1), "run": run.dagster_run.run_id}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as elsewhere:
        take(Path(sys.argv[1]) if sys.argv[1:] else Path(elsewhere))
