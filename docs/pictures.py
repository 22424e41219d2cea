"""Makes the picture of README from the real page of numbers over the demo's data (`make pictures`, after `make demo`).

Needs Chromium. Written is images/overview.png.
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

IMAGES = Path(__file__).parent / "images"
_EVENTFLOW = str(Path(sys.executable).with_name("eventflow"))
_SERVE_PORT = 8619
#: Of the sample; who has most visits.
_BUSIEST = (
    "select client_id from stats.client_daily where client_id is not null group by 1 order by sum(hits) desc limit 1"
)


def take() -> None:
    """All of them anew, from the demo of EVENTFLOW_HOME."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.set_default_timeout(90_000)
        with _shared_link() as link:
            page.goto(link)
            page.screenshot(path=IMAGES / "overview.png")
        browser.close()


@contextmanager
def _shared_link() -> Iterator[str]:
    """Address of the busiest client's page, as somebody has it who was sent a link; served meanwhile."""
    site = f"http://127.0.0.1:{_SERVE_PORT}"
    environment = {
        **os.environ,
        "EVENTFLOW_SERVE_JWT_SECRET": secrets.token_hex(32),
        "EVENTFLOW_SERVE_KEYS": secrets.token_hex(32),
        "EVENTFLOW_SERVE_SITE_URL": site,
    }

    def said(*arguments: str) -> str:
        command = [_EVENTFLOW, *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    client = said("psql", "-Atc", _BUSIEST)
    first, last = said(
        "psql", "-Atc", "select max(bucket_date) - 28, max(bucket_date) - 1 from stats.client_daily"
    ).split("|")
    link = said("share", "add", "--client", client, "--from", first, "--to", last, "--days", "1").splitlines()[0]
    with subprocess.Popen([_EVENTFLOW, "serve", "--port", str(_SERVE_PORT)], env=environment) as serving:
        try:
            for _ in range(300):
                try:
                    urlopen(f"{site}/health", timeout=5).close()  # noqa: S310
                    break
                except URLError:
                    time.sleep(0.2)
            yield link
        finally:
            serving.terminate()


if __name__ == "__main__":
    take()
