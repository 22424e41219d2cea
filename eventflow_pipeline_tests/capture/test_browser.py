"""The demo's pages in a real browser: what a visitor does ends up as one linked, attributed pair of facts."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from eventflow_pipeline.warehouse.capture.dead_letters import link_entries
from eventflow_pipeline_tests.browser import chromium, needs_chromium
from eventflow_pipeline_tests.capture.serving import Serving, capture_settings
from eventflow_pipeline_tests.databases import Database

C, K = str(uuid.UUID(int=0xC1)), str(uuid.UUID(int=0xA1))
NAVER = "utm_source=naver&utm_medium=cpc&utm_campaign=spring"
KAKAO = "utm_source=kakao&utm_medium=social&utm_campaign=spring"

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def app(database: Database) -> Iterator[Serving]:
    database.execute("insert into event_survey_campaigns (id, client_id, title) values (:c, :k, 't')", c=C, k=K)
    with Serving(capture_settings(database.settings), pages=True) as serving:
        yield serving


def _page(browser: Any, app: Serving, **options: Any) -> Any:
    page = browser.new_context(base_url=app.url, **options).new_page()
    page.set_default_timeout(120_000)
    return page


def _fill(page: Any, phone: str) -> str:
    page.fill("[name=name]", "Kim Hana")
    page.fill("[name=phone]", phone)
    page.click("#submit")
    page.wait_for_selector("#status")
    return str(page.text_content("#status"))


def _facts(database: Database) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    visits = (
        "select v.*, s.first_touch, s.surface from event_access_logs v "
        "left join stats.fact_surface s on s.fact = 'visit' and s.fact_id = v.id "
        "order by v.accessed_at, v.created_at, surface"
    )
    entries = (
        "select e.*, s.first_touch from event_survey_entries e "
        "join stats.fact_surface s on s.fact = 'entry' and s.fact_id = e.id order by e.created_at"
    )
    with psycopg.connect(database.url, row_factory=psycopg.rows.dict_row) as owner:
        return owner.execute(visits.encode()).fetchall(), owner.execute(entries.encode()).fetchall()


def _sources(facts: list[dict[str, Any]]) -> list[str | None]:
    return [fact["utm_source"] for fact in facts]


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "JavaScript blocked"])
def test_server_rendered_through_a_redirect(browser: Any, app: Serving, database: Database, javascript: bool) -> None:
    page = _page(browser, app, java_script_enabled=javascript)
    page.goto(f"/demo/{C}/welcome?{NAVER}&cid=ab12cd34")
    page.click("#go")
    page.wait_for_url(f"**/demo/{C}/register")
    assert "utm" not in page.url
    page.reload()
    assert _fill(page, "010-1234-5678") == "stored"
    visits, entries = _facts(database)
    assert _sources(visits) == ["naver"] * 3
    assert _sources(entries) == ["naver"]
    assert {fact["session_id"] for fact in visits + entries} == {entries[0]["session_id"]}
    assert entries[0]["registration_data"] == {"cid": "AB12CD34"}
    assert {fact["first_touch"]["utm_source"] for fact in visits + entries} == {"naver"}
    assert [visit["surface"] for visit in visits] == [
        f"/demo/{C}/{name}" for name in ("welcome", "register", "register")
    ]


def test_client_rendered_reload_and_a_second_visit_with_other_utm(
    browser: Any, app: Serving, database: Database
) -> None:
    page = _page(browser, app)
    page.goto(f"/demo/{C}/app?{NAVER}")
    page.wait_for_selector("[data-seen]")
    page.click("#go")
    page.wait_for_selector("[data-seen$=register]")
    assert "utm" not in page.url
    page.reload()
    page.wait_for_selector("[data-seen$=register]")
    page.goto(f"/demo/{C}/app?{KAKAO}")
    page.wait_for_selector("[data-seen]")
    page.click("#go")
    page.wait_for_selector("[data-seen$=register]")
    assert _fill(page, "01012345678") == "stored"
    visits, entries = _facts(database)
    assert _sources(visits) == ["naver"] * 3 + ["kakao"] * 2, "each page once, although it is mounted twice"
    assert _sources(entries) == ["kakao"], "the last touch attributes"
    assert {fact["first_touch"]["utm_source"] for fact in visits + entries} == {"naver"}, "the first never changes"
    assert len({fact["session_id"] for fact in visits + entries}) == 1
    page.goto(f"/demo/{C}/app/register")
    assert _fill(page, "01012345678") == "stored", "who is registered is not told"
    assert len(_facts(database)[1]) == 1


def test_client_rendered_with_javascript_blocked_leads_to_the_server_rendered_pages(
    browser: Any, app: Serving, database: Database
) -> None:
    page = _page(browser, app, java_script_enabled=False)
    page.goto(f"/demo/{C}/app?{NAVER}")
    page.click("#without")
    page.click("#go")
    assert _fill(page, "01012345678") == "stored"
    visits, entries = _facts(database)
    assert _sources(visits + entries) == ["naver"] * 3


def test_everything_captured_is_linked_and_reaches_the_right_buckets(
    browser: Any, app: Serving, database: Database
) -> None:
    people = 4
    for number in range(people):
        page = _page(browser, app)
        kind = "app" if number % 2 else "welcome"
        page.goto(f"/demo/{C}/{kind}?{KAKAO if number == 3 else NAVER}")
        if number % 2:
            page.wait_for_selector("[data-seen]")
        page.click("#go")
        if number % 2:
            page.wait_for_selector("[data-seen$=register]")
        assert _fill(page, f"0101234567{number}") == "stored"
        page.context.close()
    done = link_entries(database.pipeline)
    assert (done.entries, done.visits, done.waiting) == (people, 2 * people, 0), "linkage is 100 %"
    visits, _ = _facts(database)
    assert all(visit["entry_id"] and visit["converted_at"] for visit in visits)
    today = datetime.now(UTC).astimezone(database.settings.zone).date()
    database.replace(today)
    (bucket,) = database.summary("campaign", today)
    assert (str(bucket["client_id"]), str(bucket["entity_id"])) == (K, C)
    assert (bucket["hits"], bucket["visits"], bucket["conversions"]) == (2 * people, people, people)
    by_source = {
        row["utm_source"]: (row["visits"], row["conversions"]) for row in database.summary("utm_source", today)
    }
    assert by_source == {"naver": (3, 3), "kakao": (1, 1)}


def test_a_page_the_browser_fetched_ahead(browser: Any, app: Serving, database: Database) -> None:
    """Shown without another request: no visit until then, then one with its UTM, under the session of who is there."""
    page = _page(browser, app)
    page.goto(f"/demo/{C}/app")
    page.wait_for_selector("[data-seen]")
    page.evaluate(
        """url => {
            const rules = document.createElement("script");
            rules.type = "speculationrules";
            const ahead = [{ source: "list", urls: [url], eagerness: "immediate" }];
            rules.textContent = JSON.stringify({ prerender: ahead });
            document.body.append(rules);
            document.body.insertAdjacentHTML("beforeend", `<a id="ahead" href="${url}">ahead</a>`);
        }""",
        f"/demo/{C}/welcome?{NAVER}",
    )
    _await(page, lambda: any(cookie["name"].startswith("ef_provisional_") for cookie in page.context.cookies()))
    assert _sources(_facts(database)[0]) == [None], "nobody has seen it"
    page.click("#ahead")
    _await(page, lambda: len(_facts(database)[0]) == 2)
    page.click("#go")
    assert _fill(page, "010-1234-5678") == "stored"
    visits, entries = _facts(database)
    assert _sources(visits) == [None, "naver", "naver"]
    assert _sources(entries) == ["naver"]
    assert len({fact["session_id"] for fact in visits + entries}) == 1


def _await(page: Any, holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError
