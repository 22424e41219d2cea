"""The demo as a new user runs it: the real command, the real daemon, the real user interface in a browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from eventflow_pipeline.warehouse.embedded import start_embedded

EVENTFLOW = str(Path(sys.executable).with_name("eventflow"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Demo:
    process: subprocess.Popen[str]
    home: Path
    output: str
    url: str


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "EVENTFLOW_HOME": str(home)}


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """``eventflow demo``, up and waiting for Ctrl-C."""
    home = Path(tempfile.mkdtemp(prefix="eventflow-demo-", dir="/var/tmp"))
    home.chmod(0o755)
    process = subprocess.Popen(
        [EVENTFLOW, "demo"],
        env=_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "Stays up" in line:
            break
    output = "".join(lines)
    address = re.search(r"http://127\.0\.0\.1:\d+", output)
    assert address, output
    yield Demo(process, home, output, address.group())
    process.kill()
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.e2e
def test_demo_shows_a_table_of_campaigns(demo: Demo) -> None:
    assert "Busiest campaigns" in demo.output
    rows = re.findall(r"│ (\S.*?) +│ .*?│ +([\d,]+) │ +([\d,]+) │", demo.output)
    visits = [int(row[1].replace(",", "")) for row in rows]
    assert len(visits) >= 5
    assert visits == sorted(visits, reverse=True)
    assert visits[0] > 0


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the user interface is not looked at")
def test_user_interface_shows_graph_and_filled_partitions(demo: Demo) -> None:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        # High enough for the whole graph at a scale at which Dagster still writes into the nodes.
        page = browser.new_page(viewport={"width": 2000, "height": 2400})
        page.set_default_timeout(30_000)
        page.goto(f"{demo.url}/asset-groups")
        for group in ("sources", "marketing"):
            page.get_by_text(group, exact=True).first.wait_for()
        page.goto(f"{demo.url}/assets/stats/session_days?view=lineage")
        for asset in ("event_access_logs", "session_days", "campaign_daily", "link_daily"):
            page.get_by_text(asset, exact=True).first.wait_for()
        page.get_by_text("100% filled").first.wait_for()
        page.goto(f"{demo.url}/assets/stats/campaign_daily?view=partitions")
        page.get_by_text("Materialized (45)").wait_for()
        page.get_by_text("Missing (0)").wait_for()
        page.goto(f"{demo.url}/assets/stats/campaign_daily?view=overview")
        page.get_by_text("link_status").or_(page.get_by_text("sessionless_hits")).first.wait_for()
        page.get_by_text("unknown_link_share").first.wait_for()
        browser.close()


@pytest.mark.slow
@pytest.mark.e2e
def test_what_the_pages_capture_is_linked_and_counted_by_itself(demo: Demo) -> None:
    """Arrive, be redirected, register: schedule and sensor do the rest. Every captured entry has its visits."""
    welcome = re.search(r"(http://127\.0\.0\.1:\d+)(/demo/([0-9a-f-]{36}))/welcome", demo.output)
    assert welcome, demo.output
    url, path, campaign = welcome.groups()
    people = 3
    for number in range(people):
        with httpx.Client(base_url=url, follow_redirects=True, timeout=30) as browser:
            browser.get(f"{path}/welcome?utm_source=demo&utm_campaign=captured")
            browser.get(f"{path}/go")
            sent = browser.post(
                f"{path}/register", data={"phone": f"0107777000{number}", "event_id": str(uuid.uuid4())}
            )
            assert sent.status_code == 200, sent.text
    server = start_embedded(demo.home)
    try:
        with psycopg.connect(server.url("eventflow").render_as_string(False), autocommit=True) as connection:

            def ask(query: str) -> tuple[int, ...] | None:
                return connection.execute(query.encode(), [campaign]).fetchone()

            linked = (
                "select count(*)::int, count(linked_at)::int from stats.fact_surface s "
                "join event_survey_entries e on e.id = s.fact_id where s.fact = 'entry' and e.campaign_id = %s"
            )
            counted = (
                "select coalesce(sum(hits), 0)::int, coalesce(sum(visits), 0)::int, coalesce(sum(conversions), 0)::int "
                "from stats.campaign_utm_daily where entity_id = %s and utm_campaign = 'captured'"
            )
            wanted = {linked: (people, people), counted: (2 * people, people, people)}
            deadline = time.monotonic() + 240
            while {query: ask(query) for query in wanted} != wanted:
                assert time.monotonic() < deadline, [ask(query) for query in wanted]
                time.sleep(1)
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.e2e
def test_a_second_demo_on_the_same_home_is_refused(demo: Demo) -> None:
    second = subprocess.run(
        [EVENTFLOW, "demo", "--headless"],
        env=_environment(demo.home),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 2
    assert "Another demo is running" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.slow
@pytest.mark.e2e
def test_ctrl_c_stops_everything(demo: Demo) -> None:
    """Runs last in this module: the demo is gone afterwards."""
    started = psutil.Process(demo.process.pid).children(recursive=True)
    assert any("dagster-daemon" in " ".join(child.cmdline()) for child in started)
    demo.process.send_signal(signal.SIGINT)
    demo.process.wait(60)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(child.is_running() for child in started):
        time.sleep(0.2)
    assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    postmasters = [p for p in psutil.process_iter(["cmdline"]) if str(demo.home) in " ".join(p.info["cmdline"] or [])]
    assert not postmasters


@pytest.mark.slow
@pytest.mark.e2e
def test_a_second_start_reuses_what_is_there(demo: Demo) -> None:
    assert demo.process.poll() is not None, "the first demo must have ended"
    again = subprocess.run(
        [EVENTFLOW, "demo", "--headless"],
        env=_environment(demo.home),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0, again.stderr
    assert "facts are there already" in again.stdout
    assert "every day is computed already" in again.stdout
