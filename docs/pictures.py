"""Makes the pictures of the pages from the real user interfaces over the demo's data (`make pictures`).

After `make demo` was stopped; with names only those (ARGS="overview why"). Needs Chromium. Written is images/NAME.png.
"""

import base64
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eventflow_pipeline.dev.dagster_process import DagsterStack, free_port
from eventflow_pipeline.dev.environment import environment
from eventflow_pipeline.dev.web_processes import numbers_server

IMAGES = Path(__file__).parent / "images"
_EVENTFLOW = str(Path(sys.executable).with_name("eventflow"))
#: Of the sample; who has most visits.
_BUSIEST = (
    "select client_id from stats.client_daily where client_id is not null group by 1 order by sum(hits) desc limit 1"
)
_LAST_CURVE = "select max(bucket_date) from stats.webinar_stats_daily where peak_viewers > 0"
_LAST_DAYS = "select max(bucket_date) - 28, max(bucket_date) - 1 from stats.client_daily"


def _said(*arguments: str) -> str:
    return subprocess.run([_EVENTFLOW, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def overview(page: Any, link: str) -> None:
    """A client's page."""
    page.goto(link)
    page.screenshot(path=IMAGES / "overview.png")


def why(page: Any, link: str) -> None:
    """Where a figure of it leads: why a day is what it is."""
    page.goto(link)
    page.locator("section:has(#days) tbody tr td a").first.click()
    page.screenshot(path=IMAGES / "why.png")


def statement(page: Any, link: str) -> None:
    """What is forwarded to whom it concerns."""
    page.goto(f"{link}statement.html")
    page.screenshot(path=IMAGES / "statement.png")


def lineage(page: Any, dagster: str) -> None:
    """The assets, as Dagster shows them."""
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 2000, "height": 2400})
    page.goto(f"{dagster}/assets/stats/session_days?view=lineage")
    page.get_by_text("100% filled").first.wait_for()
    expect(page.get_by_text("Loading")).to_have_count(0, timeout=90_000)
    page.screenshot(path=IMAGES / "lineage.png", clip={"x": 500, "y": 300, "width": 1240, "height": 2100})


def webinar_curve(page: Any, dagster: str) -> None:
    """A webinar's day, as it stands in Dagster's catalog."""
    day = _said("psql", "-Atc", _LAST_CURVE)
    page.goto(f"{dagster}/assets/stats/webinar_stats_5min?view=partitions&partition={day}")
    page.get_by_text("peak_viewers").first.wait_for()
    page.get_by_text("[Show Markdown]").first.click()
    source = page.locator("img[src^='data:image/png']").first.get_attribute("src")
    (IMAGES / "webinar_curve.png").write_bytes(base64.b64decode(source.partition(",")[2]))


#: By what is served meanwhile: pages of numbers, or Dagster's.
_OF_NUMBERS: Mapping[str, Callable[[Any, str], None]] = {"overview": overview, "why": why, "statement": statement}
_OF_DAGSTER: Mapping[str, Callable[[Any, str], None]] = {"lineage": lineage, "webinar_curve": webinar_curve}


def take(names: list[str]) -> None:
    """These pictures anew, from the demo of EVENTFLOW_HOME."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, environment(dagster=True) as settings:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800}, locale="en")
        page.set_default_timeout(90_000)
        for pictures, served in ((_OF_NUMBERS, _shared_link), (_OF_DAGSTER, _dagster)):
            if wanted := [take for name, take in pictures.items() if name in names]:
                with served(settings.home / "output") as address:
                    for take_one in wanted:
                        take_one(page, address)
        browser.close()


@contextmanager
def _shared_link(logs: Path) -> Iterator[str]:
    """Address of the busiest client's page, as somebody has it who was sent a link; served meanwhile."""
    os.environ["EVENTFLOW_SERVE_KEYS"] = secrets.token_hex(32)
    # Since the demo was stopped nobody has compared its days with their facts, and pages say so.
    _said("heal")
    with numbers_server(logs, free_port()) as site:
        os.environ["EVENTFLOW_SERVE_SITE_URL"] = site
        client, (first, last) = _said("psql", "-Atc", _BUSIEST), _said("psql", "-Atc", _LAST_DAYS).split("|")
        yield _said("share", "add", "--client", client, "--from", first, "--to", last, "--days", "1").splitlines()[0]


@contextmanager
def _dagster(logs: Path) -> Iterator[str]:
    with DagsterStack(logs, free_port()) as stack:
        yield stack.url


if __name__ == "__main__":
    take(sys.argv[1:] or [*_OF_NUMBERS, *_OF_DAGSTER])
