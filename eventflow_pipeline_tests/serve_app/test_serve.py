"""Pages, statements and exports as somebody gets them over HTTP, from a real server process's application."""

import csv
import io
import json
import os
import re
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import anyio
import anyio.to_thread
import httpx
import openpyxl
import psycopg
import pytest
from pyarrow import parquet
from pydantic import SecretStr
from typer.testing import CliRunner

from eventflow_pipeline.cli import app
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.serve_app import exports, pages
from eventflow_pipeline.serve_app.app import create_app
from eventflow_pipeline.settings import load_settings, project_root
from eventflow_pipeline.warehouse.serve import reader
from eventflow_pipeline.warehouse.serve.shares import ShareTokens, add_share, revoke_share
from eventflow_pipeline_tests.browser import chromium, needs_chromium
from eventflow_pipeline_tests.databases import Database, Databases, settings_for
from eventflow_pipeline_tests.serve_app.serving import (
    HTML,
    KEYS,
    SECRET,
    bearer,
    running,
    serve_settings,
    serving,
    token,
)

AGENCY, CLIENT, EMPTY, CAMPAIGN, WEBINAR, LINK = (UUID(int=n) for n in (0xA0, 0xA1, 0xA2, 0xC1, 0xD1, 0x11))
MEMBER = {"sub": str(UUID(int=0x5E)), "role": "authenticated"}
DAYS = [date(2024, 3, n) for n in (1, 2, 3, 4)]
ASKED = {"client": str(CLIENT), "from": "2024-03-03", "to": "2024-03-04", "lang": "en"}
#: What a spreadsheet would run, as somebody typed it into a UTM field.
FORMULA = "=cmd|' /c calc'!a0"


@pytest.fixture(scope="module")
def world(databases: Databases, _template: str) -> Iterator[Database]:
    """Four days of a client with a campaign, a link and a webinar, and a client without a row."""
    name = databases.create(_template)
    database = Database(settings_for(databases.url(name)))
    database.insert("agencies", [{"id": AGENCY, "name": "agency"}])
    clients = ((CLIENT, "꽃집 <b>&"), (EMPTY, "empty"))
    database.insert("clients", [{"id": id, "agency_id": AGENCY, "name": called} for id, called in clients])
    database.insert(
        "client_members", [{"client_id": c, "user_id": MEMBER["sub"], "role": "member"} for c, _ in clients]
    )
    own = {"client_id": CLIENT}
    database.insert("event_survey_campaigns", [{"id": CAMPAIGN, "title": "봄 세일 <script>", **own}])
    database.insert("webinars", [{"id": WEBINAR, "title": "웨비나", **own}])
    database.insert("campaign_link_meta", [{"id": LINK, "name": "-2+3 link", **own}])
    for n, day in enumerate(DAYS):
        at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        visits = [{"session_id": f"s{i}", "accessed_at": at, "campaign_id": CAMPAIGN, "utm_source": FORMULA}
                  for i in range(n + 2)]  # fmt: skip
        visits[0] |= {"marketing_campaign_link_id": LINK, "utm_source": "naver"}
        database.insert("event_access_logs", [*visits, {"session_id": "w", "accessed_at": at, "webinar_id": WEBINAR}])
        entry = {"campaign_id": CAMPAIGN, "created_at": at, "phone_norm": str(n), "utm_source": "naver", **own}
        database.insert("event_survey_entries", [entry])
    database.replace(*DAYS)
    database.merge_pending()
    yield database
    database.close()
    databases.drop(name)


@pytest.fixture(scope="module")
def browser(world: Database) -> Iterator[httpx.Client]:
    with serving(world) as client:
        yield client


def ask(browser: httpx.Client, path: str, **changes: Any) -> httpx.Response:
    """What a member gets, asking for two days of the client."""
    asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return browser.get(path, params=asked, headers={**HTML, **bearer(MEMBER)})


def figures_of(page: str) -> list[tuple[str, str | None]]:
    """Text of every figure, and where it leads."""
    cells = re.findall(r'<(?:td|dd) class="figure">(.*?)</(?:td|dd)>', page, re.DOTALL)
    links = [re.fullmatch(r'<a href="(.*?)">(.*?)</a>', cell.strip(), re.DOTALL) for cell in cells]
    return [(link[2], unescape(link[1])) if link else (cell, None) for link, cell in zip(links, cells, strict=True)]


def test_the_overview_says_everything_without_a_script(browser: httpx.Client) -> None:
    answer = ask(browser, "/")
    page = answer.text
    assert answer.status_code == 200
    assert "꽃집 &lt;b&gt;&amp;" in page
    assert "봄 세일 &lt;script&gt;" in page
    assert "<script" not in page
    for section in ("totals", "days", "campaigns", "links", "by_source", "webinars", "quality", "downloads"):
        assert f'<h2 id="{section}">' in page, section
    assert "Complete, as of" in page
    # 5 sessions and the webinar's on the last two days, against 3 and the webinar's on the two before.
    assert figures_of(page)[0][0] == "6"
    assert "+50.0% (4 before)" in page
    assert "<svg" in page
    assert '<td class="figure"><a' in page


def test_every_figure_leads_to_its_why(browser: httpx.Client) -> None:
    shown = [figure for figure in figures_of(ask(browser, "/").text) if figure[0] not in ("–", "")]
    assert len(shown) > 30
    assert [text for text, href in shown if not href] == []
    for href in {href.partition("#")[0] for _, href in shown if href}:
        answer = browser.get(href, headers={**HTML, **bearer(MEMBER)})
        assert answer.status_code == 200, (href, answer.text)
        assert "Why this number" in answer.text


def test_why_a_day_is_what_it_is(world: Database, browser: httpx.Client) -> None:
    """Changes with before and after, exclusions with their reason, whether it is closed: what explain says of it."""
    with psycopg.connect(world.url) as connection:
        connection.execute(
            "insert into stats.exclusion (campaign_id, reason, author) values (%s, 'a test <i>', 'somebody')",
            [CAMPAIGN],
        )
        connection.execute(
            "insert into stats.day_ledger (bucket_date, grain, client_id, cause, reason, author, hits_before, "
            "hits_after, visits_before, visits_after, conversions_before, conversions_after) "
            "values ('2024-03-04', 'client', %s, 'facts_added', 'about another client', 'somebody', 4, 6, 4, 6, 1, 1)",
            [CLIENT],
        )
        connection.commit()
        page = ask(browser, "/why", **{"from": "2024-03-04"}).text
        connection.execute("delete from stats.exclusion")
        connection.execute("delete from stats.day_ledger where reason = 'about another client'")
    assert "facts_added" in page
    assert "4 → 6" in page
    assert "a test &lt;i&gt;" in page
    assert "about another client" not in page
    assert "somebody" not in page
    assert "Not closed" in page
    # Sessions of the campaign and the webinar are others here, so visits of the parts add up.
    assert re.search(r"added up</dt><dd>6</dd>.*whole</dt><dd>6</dd>", page, re.DOTALL)


def test_what_a_list_leaves_out_is_a_row_and_its_visits_are_not_added_up(
    browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(browser, "/why", entity=str(CAMPAIGN), entity_type="campaign").text
    assert "added up" in whole
    monkeypatch.setattr(pages, "_TOP", 1)
    cut = ask(browser, "/why", entity=str(CAMPAIGN), entity_type="campaign").text
    assert "added up" not in cut
    for name in ("links", "utm"):
        section = cut.partition(f'id="{name}"')[2].partition("</section>")[0]
        assert "others (1)" in section
        # 4 visits on the one day, 5 on the other, of which the list shows some and the last row the rest.
        assert sum(int(text) for text, _ in figures_of(section)[::4]) == 9


def test_an_id_is_of_a_campaign_or_of_a_webinar(browser: httpx.Client) -> None:
    """Folded campaigns and folded webinars have one id."""
    page = unescape(ask(browser, "/").text)
    assert f"entity={CAMPAIGN}&entity_type=campaign" in page
    assert f"entity={WEBINAR}&entity_type=webinar" in page
    assert figures_of(ask(browser, "/why", entity=str(CAMPAIGN), entity_type="campaign").text)[0][0] == "5"
    assert figures_of(ask(browser, "/why", entity=str(CAMPAIGN), entity_type="webinar").text)[0][0] == "0"
    assert figures_of(ask(browser, "/why", entity=str(CAMPAIGN)).text)[0][0] == "5"


def test_the_period_before_is_not_compared_when_it_is_not_complete(browser: httpx.Client) -> None:
    page = ask(browser, "/", **{"from": "2024-03-01"}).text
    assert "Not compared" in page
    assert "% (" not in page


def test_a_day_that_is_missing_is_said_and_never_0(browser: httpx.Client) -> None:
    page = ask(browser, "/", to="2024-03-05").text
    assert "Not complete" in page
    assert ("–", None) in figures_of(page)


@pytest.mark.parametrize(
    ("asked", "accepted", "language"), [("ko", "", "ko"), (None, "ko-KR,en;q=0.5", "ko"), (None, "fr", "en")]
)
def test_korean_and_english(browser: httpx.Client, asked: str | None, accepted: str, language: str) -> None:
    query = {**ASKED, "lang": asked} if asked else {k: v for k, v in ASKED.items() if k != "lang"}
    page = browser.get("/", params=query, headers={**HTML, **bearer(MEMBER), "accept-language": accepted}).text
    assert f'<html lang="{language}">' in page
    assert ("캠페인" in page) == (language == "ko")


def test_a_client_without_rows_has_a_page_of_zeros(browser: httpx.Client) -> None:
    page = ask(browser, "/", client=str(EMPTY)).text
    assert figures_of(page)[0][0] == "0"
    assert "Nothing in this period." in page
    assert ask(browser, "/statement.csv", client=str(EMPTY)).status_code == 200
    assert ask(browser, "/export/summary/campaign.csv", client=str(EMPTY)).text.count("\n") == 1


def test_several_clients_are_listed_to_choose_from(browser: httpx.Client) -> None:
    page = ask(browser, "/", client=None).text
    assert "empty" in page
    assert f"client={CLIENT}" in page


def test_facts_without_client_are_listed_and_lead_nowhere(
    world: Database, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = "2024-02-20"
    visit = {"session_id": "x", "accessed_at": datetime(2024, 2, 20, 3, tzinfo=UTC), "campaign_id": UUID(int=0xC9)}
    world.insert("event_access_logs", [visit])
    world.replace(date(2024, 2, 20))
    everybody = {**HTML, **bearer({**MEMBER, "app_metadata": {"is_super_admin": True}})}
    span = {"from": day, "to": day, "lang": "en"}
    answer = browser.get("/", params=span, headers=everybody)
    assert answer.status_code == 200
    rows = answer.text.partition('id="clients"')[2]
    assert re.search(r'<th scope="row">\(none\)</th>\s*<td class="figure">1</td>', rows)
    # Two are listed of the client, the one without rows and nobody's.
    monkeypatch.setattr(pages, "MOST_CLIENTS", 2)
    cut = browser.get("/", params={**span, "to": "2024-03-04"}, headers=everybody).text
    assert "(none)" in cut
    assert "others (1)" in cut


def test_the_platform_has_a_page_for_those_who_see_all(world: Database, browser: httpx.Client) -> None:
    everybody = {**HTML, **bearer({**MEMBER, "app_metadata": {"is_super_admin": True}})}
    asked = {**ASKED, "client": "platform"}

    def get(path: str, **changes: str) -> httpx.Response:
        return browser.get(path, params={**asked, **changes}, headers=everybody)

    listed = browser.get("/", params={**ASKED, "client": ""}, headers=everybody).text
    assert "client=platform" in listed
    page = get("/").text
    assert "The whole platform" in page
    for section in ("totals", "days", "clients", "campaigns", "links", "by_source", "quality", "downloads"):
        assert f'<h2 id="{section}">' in page, section
    platform = "select visits from stats.range_summary('platform', '2024-03-03', '2024-03-04')"
    assert figures_of(page)[0][0] == str(world.rows(platform)[0]["visits"])
    # A list of the platform has a row for each client, and says whose it is.
    assert "naver · 꽃집 &lt;b&gt;&amp;" in page
    for title in ("봄 세일 &lt;script&gt;", "웨비나"):
        assert f'<th scope="row">{title} · 꽃집 &lt;b&gt;&amp;</th>' in page
    campaign = get("/why", entity=str(CAMPAIGN), entity_type="campaign").text
    assert "<h1>Why this number: The whole platform, 봄 세일 &lt;script&gt; · 꽃집 &lt;b&gt;&amp;, " in campaign
    assert "statement." not in page
    assert 'name="client" value="platform"' in page
    inside = {href.partition("#")[0] for _, href in figures_of(page) if href}
    assert any(f"client={CLIENT}" in href for href in inside)
    for href in inside:
        assert browser.get(href, headers=everybody).status_code == 200, href
    assert "Computed" in get("/why", **{"from": "2024-03-04"}).text
    assert get("/export/days/platform.csv").text.count("\n") == 3
    assert get("/statement.csv").status_code == 400
    for path in ("/", "/why"):
        own = browser.get(path, params=asked, headers=bearer(MEMBER))
        assert (own.status_code, own.json()["message"][:35]) == (403, "You may not see the platform's tota")
    # Whoever is limited to clients is not shown the way there.
    assert "client=platform" not in ask(browser, "/", client=None).text


def test_nobody_s_statement_is_refused(browser: httpx.Client) -> None:
    everybody = bearer({**MEMBER, "app_metadata": {"is_super_admin": True}})
    asked = {**ASKED, "client": str(UUID(int=0xFF))}
    assert browser.get("/statement.csv", params=asked, headers=everybody).status_code == 404


def test_what_browsers_are_told(browser: httpx.Client) -> None:
    answer = ask(browser, "/")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce
    assert re.findall(r"<style[^>]*", answer.text) == [f'<style type="text/css" nonce="{nonce[1]}"']
    assert re.findall(r'\sstyle="', answer.text) == []
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "authorization" in answer.headers["vary"]
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert nonce[1] not in ask(browser, "/").headers["content-security-policy"]


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_an_export_has_the_rows_of_the_database_with_their_names(
    world: Database, browser: httpx.Client, form: str
) -> None:
    body = ask(browser, f"/export/summary/campaign_utm.{form}").content
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
        assert {row["utm_source"] for row in rows} == {f"'{FORMULA}", "naver", ""}
    elif form == "parquet":
        table = parquet.read_table(io.BytesIO(body))
        assert str(table.schema.field("visits").type) == "int64"
        rows = table.to_pylist()
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(body)).active
        assert sheet.freeze_panes == "A2"
        head, *values = ([cell.value for cell in row] for row in sheet.iter_rows())
        rows = [dict(zip((str(name).replace(" ", "_") for name in head), row, strict=True)) for row in values]
        assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    if form != "csv":
        assert {row["utm_source"] for row in rows} == {FORMULA, "naver", None}
    expected = world.rows(
        "select entity_id::text, visits from stats.range_summary('campaign_utm', '2024-03-03', '2024-03-04', :client)",
        client=CLIENT,
    )
    assert sorted((row["entity_id"], int(row["visits"])) for row in rows) == sorted(
        (row["entity_id"], row["visits"]) for row in expected
    )
    assert {row["entity_title"] for row in rows} == {"봄 세일 <script>", "웨비나"}


def test_text_of_a_file_is_what_it_was(world: Database, browser: httpx.Client) -> None:
    """What somebody typed that looks like no value, or the end of a cell, a row or a file; NULL is none of them."""
    day = date(2024, 2, 21)
    world.replace(day)
    typed = ["null", "nan", "n/a", "\\n", "\\.", 'a,"b"\r\nc', " 0 ", "꽃 🌸"]
    with psycopg.connect(world.url) as connection:
        connection.cursor().executemany(
            "insert into stats.bucket_daily (grain, bucket_date, client_id, utm_source, hits, visits, "
            "sessionless_hits, conversions) values ('utm', %s, %s, %s, 1, 1, 0, 0)",
            [(day, CLIENT, text) for text in typed],
        )
    asked = {"from": str(day), "to": str(day)}
    rows = parquet.read_table(io.BytesIO(ask(browser, "/export/summary/utm.parquet", **asked).content)).to_pylist()
    assert sorted(row["utm_source"] for row in rows) == sorted(typed)
    assert {row["utm_medium"] for row in rows} == {None}
    body = ask(browser, "/export/summary/utm.csv", **asked).content.decode("utf-8-sig")
    assert sorted(row["utm_source"] for row in csv.DictReader(io.StringIO(body, newline=""))) == sorted(typed)


def test_days_are_spelled_alike_whatever_the_login_has_set(world: Database) -> None:
    settings = serve_settings(world)
    world.execute("alter role eventflow_serve_login set datestyle = 'SQL, DMY'")
    try:
        with running(settings) as client:
            body = ask(client, "/export/days/client.csv").text
            table = parquet.read_table(io.BytesIO(ask(client, "/export/days/client.parquet").content))
    finally:
        world.execute("alter role eventflow_serve_login reset datestyle")
    assert [line.partition(",")[0] for line in body.splitlines()[1:]] == ["2024-03-03", "2024-03-04"]
    assert table["date"].to_pylist() == DAYS[2:]


def test_a_refused_sheet_leaves_no_file(browser: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(exports, "_SHEET_ROWS", 2)
    refused = ask(browser, "/export/summary/campaign.xlsx")
    assert refused.status_code == 400
    assert "A sheet holds 1 rows" in unescape(refused.text)
    assert list(tmp_path.iterdir()) == []


def test_days_are_exported_with_their_date(browser: httpx.Client) -> None:
    rows = list(csv.DictReader(io.StringIO(ask(browser, "/export/days/link.csv").content.decode("utf-8-sig"))))
    assert {row["date"] for row in rows} == {"2024-03-03", "2024-03-04"}
    assert {row["link_name"] for row in rows} == {"'-2+3 link", ""}


def test_a_statement_in_each_form(browser: httpx.Client) -> None:
    page = ask(browser, "/statement.html")
    assert page.headers["content-type"].startswith("text/html")
    nonce = re.search(r"'nonce-([^']+)'", page.headers["content-security-policy"])
    assert nonce
    assert f'<style nonce="{nonce[1]}">' in page.text
    assert page.text.index("<img") < page.text.index("<table")
    book = openpyxl.load_workbook(io.BytesIO(ask(browser, "/statement.xlsx").content))
    assert ("visits", 6) in {tuple(cell.value for cell in row) for row in book["Summary"].iter_rows()}
    assert ask(browser, "/statement.csv").text.startswith("\ufeffpart,")


#: Path, what is asked differently, status, and a word of the sentence.
_REFUSED = [
    ("/", {"from": "2024-03-05"}, 400, "reversed"),
    ("/", {"from": "1924-03-05"}, 400, "3,660 days"),
    ("/", {"from": "yesterday"}, 400, "YYYY-MM-DD"),
    ("/", {"client": "' or true --"}, 400, "uuid"),
    ("/", {"client": str(UUID(int=0xFF))}, 403, "may not see"),
    ("/why", {"entity": "1"}, 400, "uuid"),
    ("/why", {"entity_type": "link"}, 400, "campaign or webinar"),
    ("/statement.csv", {"client": None}, 400, "one client"),
    ("/statement.csv", {"from": "2023-12-31"}, 400, "first partition"),
    ("/statement.csv", {"to": "2024-03-05"}, 400, "not computed"),
    ("/statement.pdf", {}, 404, "html"),
    ("/statement.csv", {"from": "2024-03-05", "to": "2024-03-04"}, 400, "reversed"),
    ("/export/summary/campaign.csv", {"from": "1924-01-01"}, 400, "3,660 days"),
    ("/export/summary/campaign.xlsx", {"from": "1924-01-01"}, 400, "3,660 days"),
    ("/export/summary/campaign.parquet", {"to": "2123-12-31"}, 400, "3,660 days"),
    ("/export/summary/no such.csv", {}, 400, "no grain"),
    ("/export/summary/platform.csv", {"client": None}, 403, "no client"),
    ("/export/summary/campaign.doc", {}, 404, "parquet"),
    ("/no such page", {}, 404, "begin at /"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "changes", "status", "word"), _REFUSED)
def test_a_refusal_is_one_sentence(
    browser: httpx.Client, path: str, changes: dict[str, Any], status: int, word: str
) -> None:
    answer = ask(browser, path, **changes)
    assert answer.status_code == status, answer.text
    told = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert told
    assert word in unescape(told[1])
    assert re.fullmatch(r"[^\n]+\.", told[1])
    asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    as_json = browser.get(f"{path}?{urlencode(asked)}", headers=bearer(MEMBER)).json()
    assert as_json == {"message": unescape(told[1])}


def test_a_token_is_exchanged_for_a_cookie_once(world: Database, browser: httpx.Client) -> None:
    exchanged = browser.post("/session", headers=bearer(MEMBER))
    assert exchanged.status_code == 204
    cookie = exchanged.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert 3_500 < int(re.search(r"Max-Age=(\d+)", cookie)[1]) <= 3_600  # type: ignore[index]
    assert browser.get("/", params=ASKED).status_code == 200
    left = browser.post("/session/end")
    assert left.status_code == 303
    assert browser.get("/", params=ASKED).status_code == 401
    by_form = browser.post("/session", data={"token": f" {token(MEMBER)}\n"}, headers=HTML)
    assert (by_form.status_code, by_form.headers["location"]) == (303, "/")
    browser.cookies.clear()


@pytest.mark.browser
@pytest.mark.slow
@needs_chromium
def test_a_browser_signs_in_and_out_by_the_forms(browser: httpx.Client) -> None:
    """What a browser says of the page that a form is on is what our own pages are known by."""
    with chromium() as running_browser:
        page = running_browser.new_page()
        page.goto(f"{browser.base_url}/sign-in?lang=en")
        page.fill("#token", token(MEMBER))
        page.click("form.sign-in button")
        assert [cookie["name"] for cookie in page.context.cookies()] == ["eventflow_token"], page.inner_text("main")
        page.click("form[action='/session/end'] button")
        assert page.context.cookies() == [], page.inner_text("main")
        assert page.url.endswith("/sign-in")


def test_over_https_the_cookie_travels_over_nothing_else(world: Database) -> None:
    with serving(world, site_url="https://numbers.example", origins="https://app.example") as browser:
        here = {"origin": "https://app.example", "sec-fetch-site": "same-site"}
        exchanged = browser.post("/session", headers={**bearer(MEMBER), **here})
        assert "Secure" in exchanged.headers["set-cookie"]
        assert exchanged.headers["access-control-allow-credentials"] == "true"
        for path in ("/", "/export/summary/campaign.csv"):
            answer = browser.get(path, params=ASKED, headers={**bearer(MEMBER), **here})
            assert answer.status_code == 200
            assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/session", "/session/end"])
def test_no_other_site_signs_anybody_in_or_out(browser: httpx.Client, path: str) -> None:
    for foreign in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = browser.post(path, data={"token": token(MEMBER)}, headers=foreign)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": "Basic x"},
        {"authorization": f"Bearer {token(MEMBER, seconds=-5)}"},
        {"authorization": f"Bearer {token(MEMBER, secret='somebody else, whose secret is another')}"},
        {"authorization": f"Bearer {token({'role': 'authenticated'})}"},
        {"cookie": "eventflow_token=x"},
    ],
)
def test_nobody_is_answered_without_a_valid_token(browser: httpx.Client, given: dict[str, str]) -> None:
    answer = browser.get("/", params=ASKED, headers={**HTML, **given})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert '<form class="sign-in"' in answer.text
    assert "꽃집" not in answer.text


def test_a_token_names_no_role_but_users(browser: httpx.Client) -> None:
    for role in ("service_role", "eventflow_pipeline", "postgres", "none", None):
        assert browser.get("/", params=ASKED, headers=bearer({**MEMBER, "role": role})).status_code == 403


def test_exports_at_once_are_bounded_and_their_places_come_back(world: Database) -> None:
    with serving(world, exports=1) as browser, psycopg.connect(world.url) as blocking:
        for _ in range(3):
            assert ask(browser, "/export/summary/client.csv").status_code == 200
            assert ask(browser, "/export/summary/no such.csv").status_code == 400
        blocking.execute("lock table stats.partition_state in access exclusive mode")
        with httpx.Client(base_url=browser.base_url, timeout=60) as other:
            waiting = threading.Thread(target=lambda: ask(other, "/export/summary/client.csv"))
            waiting.start()
            deadline = time.monotonic() + 60
            while not world.rows(
                "select 1 from pg_locks where relation = 'stats.partition_state'::regclass and not granted"
            ):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            own = ask(browser, "/export/summary/client.csv")
            path = "/export/summary/client.csv"
            refused = browser.get(path, params=ASKED, headers=bearer({**MEMBER, "sub": str(uuid4())}))
            blocking.rollback()
            waiting.join(60)
        assert (own.status_code, own.headers["retry-after"]) == (429, "30")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
        assert ask(browser, "/export/summary/client.csv").status_code == 200


def test_a_database_that_is_away_is_one_sentence(world: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_WAIT_SECONDS", 0.2)
    settings = serve_settings(world)
    away = settings.changed(database={"url": SecretStr("postgresql://nobody@127.0.0.1:9/none")})
    with running(away) as browser:
        answer = browser.get("/", params=ASKED, headers=bearer(MEMBER))
    assert answer.status_code == 503
    assert "cannot be reached at this moment: try again in a minute." in answer.json()["message"]


def test_health_answers_while_every_thread_waits(world: Database) -> None:
    served = create_app(serve_settings(world))

    async def asked() -> int:
        threads = anyio.to_thread.current_default_thread_limiter()
        threads.total_tokens = 1
        await threads.acquire_on_behalf_of("a page that waits")
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=transport, base_url="http://numbers") as client:
            with anyio.fail_after(2):
                return (await client.get("/health")).status_code

    assert anyio.run(asked) == 200


def test_exports_leave_connections_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTFLOW_SERVE_EXPORTS", "8")
    with pytest.raises(UserError, match="EVENTFLOW_SERVE_EXPORTS is 8, which leaves pages none of the 8 connections"):
        load_settings()


def test_without_chunks_there_is_no_export(browser: httpx.Client) -> None:
    """One that breaks off would look whole."""
    address = (browser.base_url.host, browser.base_url.port or 80)
    for version, status in (("1.0", b"505"), ("1.1", b"200")):
        asked = f"/export/summary/campaign.csv?{urlencode(ASKED)}"
        head = f"Authorization: Bearer {token(MEMBER)}\r\nHost: x\r\nConnection: close\r\n\r\n"
        with socket.create_connection(address, 30) as raw:
            raw.sendall(f"GET {asked} HTTP/{version}\r\n{head}".encode())
            assert raw.makefile("rb").readline().split()[1] == status


def test_the_process_is_small(world: Database) -> None:
    """Under 200 MB with an export of a million rows: what takes tens of them comes with what needs it, if at all."""
    code = """
import sys, uvicorn
uvicorn.Server.run = lambda self: None
sys.argv = ["eventflow", "serve"]
from eventflow_pipeline.cli import main
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules})
"""
    settings = serve_settings(world)
    url = settings.database.url
    assert url
    own = {"EVENTFLOW_DATABASE_URL": url.get_secret_value(), "EVENTFLOW_SERVE_JWT_SECRET": SECRET}
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **own}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert {"psycopg", "uvicorn", "pygal"} <= imported
    assert not imported & {"dagster", "apprise", "matplotlib", "pandas", "numpy", "openpyxl", "pyarrow", "pyspark"}


def test_without_a_secret_nothing_is_served(world: Database) -> None:
    with pytest.raises(UserError, match="EVENTFLOW_SERVE_JWT_SECRET is unset"):
        create_app(world.settings)


def test_long_ranges_are_shown_by_week_and_month(world: Database, browser: httpx.Client) -> None:
    """Each counted over its own days, so that what a chart shows adds up to nothing wrong (M6)."""
    weeks = ask(browser, "/", to=str(DAYS[-1] + timedelta(days=100))).text
    assert ">Weeks<" in weeks
    assert "2024-03-04 … " in weeks
    assert ">Months<" in ask(browser, "/", to=str(DAYS[-1] + timedelta(days=400))).text


@pytest.fixture(scope="module")
def tokens(world: Database) -> ShareTokens:
    return ShareTokens(serve_settings(world).serve)


_AXE = project_root() / "clients" / "typescript" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.browser
@pytest.mark.slow
@needs_chromium
def test_pages_are_for_everybody(browser: httpx.Client, tokens: ShareTokens, world: Database) -> None:
    """On a phone, a tablet and a desk: nothing wider than the screen, and no violation that axe finds."""
    if not _AXE.exists():
        pytest.skip("axe-core is not there: npm ci in clients/typescript")
    made = add_share(world.pipeline, str(CLIENT), SHARED, 30, "somebody")
    query = urlencode({k: v for k, v in ASKED.items() if k != "lang"})
    addresses = [
        f"/?{query}&lang=ko", f"/why?{query}&from=2024-03-04", f"/statement.html?{query}",
        f"/share/{tokens.token(made['share_id'])}/?lang=en", "/sign-in",
    ]  # fmt: skip
    with chromium() as running_browser:
        context = running_browser.new_context(extra_http_headers=bearer(MEMBER))
        page = context.new_page()
        for address in addresses:
            page.goto(f"{browser.base_url}{address}")
            for width in (360, 768, 1440):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
            page.evaluate(_AXE.read_text(encoding="utf-8"))
            found = page.evaluate("axe.run()")
            assert [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found["violations"]] == [], address
            assert len(found["passes"]) > 5


SHARED = DayRange(date(2024, 3, 2), date(2024, 3, 3))


def test_a_shared_link_shows_its_client_and_its_days(
    world: Database, browser: httpx.Client, tokens: ShareTokens
) -> None:
    made = add_share(world.pipeline, str(CLIENT), SHARED, 30, "somebody")
    base = f"/share/{tokens.token(made['share_id'])}"
    page = browser.get(f"{base}/", headers=HTML)
    assert page.status_code == 200
    assert "꽃집" in page.text
    assert f"{SHARED.first} … {SHARED.last}" in page.text
    assert "Not compared" not in page.text
    assert "before)" not in page.text
    inside = {href for _, href in figures_of(page.text) if href}
    assert inside
    assert all(href.startswith(f"{base}/why?") for href in inside)
    for path in (next(iter(inside)), f"{base}/statement.csv", f"{base}/export/days/campaign.csv"):
        assert browser.get(path).status_code == 200, path
    # Another client is not asked for, whatever the address says; other days are refused by the database.
    other = browser.get(f"{base}/", params={"client": str(EMPTY), "lang": "en"}, headers=HTML)
    assert "꽃집" in other.text
    for path in ("/", "/why", "/statement.csv", "/export/summary/link.csv"):
        for changes in ({"from": "2024-03-01"}, {"to": "2024-03-04"}, {"from": "2024-03-04", "to": "2024-03-04"}):
            answer = browser.get(f"{base}{path}", params=changes)
            assert answer.status_code == 403, (path, changes)
            assert "other days" in answer.json()["message"]


def test_a_shared_link_that_is_altered_expired_or_revoked(
    world: Database, browser: httpx.Client, tokens: ShareTokens
) -> None:
    made = add_share(world.pipeline, str(CLIENT), SHARED, 1, "somebody")
    token = tokens.token(made["share_id"])
    assert browser.get(f"/share/{token}/").status_code == 200
    # The last two bits of a signature's last character are not part of it.
    letters = f"{string.ascii_uppercase}{string.ascii_lowercase}{string.digits}-_"
    last = letters.index(token[-1])
    altered = [token[:-1] + letters[last ^ bit] for bit in (1, 2, 4)]
    altered += [token[3:], "x", tokens.token(uuid4())]
    for n, wrong in enumerate(altered):
        for path in ("/", "/why", "/statement.xlsx", "/export/summary/link.csv"):
            answer = browser.get(f"/share/{wrong}{path}")
            # One that we signed and that is not there (any more) has been revoked.
            assert answer.status_code == (410 if n == 5 else 404), path
            assert answer.json()["message"].endswith("whoever sent it." if n < 5 else "for another.")
    other = ShareTokens(serve_settings(world, keys=SecretStr("another key of the tests")).serve)
    assert browser.get(f"/share/{other.token(made['share_id'])}/").status_code == 404
    older = ShareTokens(serve_settings(world, keys=SecretStr("test-key-older-0002")).serve)
    assert browser.get(f"/share/{older.token(made['share_id'])}/").status_code == 200
    with psycopg.connect(world.url) as owner:
        at = (
            "update stats.share_link set created_at = now() - interval '2 hours', expires_at = now() + %s "
            "where share_id = %s"
        )
        owner.execute(at.encode(), [timedelta(seconds=-1), made["share_id"]])
    assert browser.get(f"/share/{token}/").status_code == 410
    with psycopg.connect(world.url) as owner:
        owner.execute(at.encode(), [timedelta(hours=1), made["share_id"]])
    assert browser.get(f"/share/{token}/").status_code == 200
    revoke_share(world.pipeline, made["share_id"], "somebody else")
    assert browser.get(f"/share/{token}/").status_code == 410
    again = revoke_share(world.pipeline, made["share_id"], "a third")
    assert again["revoked_by"] == "somebody else"


def test_a_share_is_bound_in_the_database_too(world: Database) -> None:
    """Whatever the application forgot: rows of its client alone, functions of its days alone, nothing once revoked."""
    made = add_share(world.pipeline, str(CLIENT), SHARED, 30, "somebody")
    ask = "select count(*) from stats.range_summary('client', %s, %s)"
    with psycopg.connect(world.url) as connection:
        claims = json.dumps({"role": "authenticated", "share": str(made["share_id"])})
        connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        connection.execute("set role authenticated")
        assert connection.execute(ask.encode(), [SHARED.first, SHARED.last]).fetchone() == (1,)
        assert connection.execute("select distinct client_id from stats.client_daily").fetchall() == [(CLIENT,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="other days"), connection.transaction():
            connection.execute(ask.encode(), [SHARED.first, DAYS[-1]])
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("select * from stats.share_link")
        revoke_share(world.pipeline, made["share_id"], "somebody")
        connection.rollback()
        connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
        connection.execute("set role authenticated")
        assert connection.execute(ask.encode(), [SHARED.first, SHARED.last]).fetchone() == (0,)


def test_links_are_made_listed_and_revoked_by_command(
    world: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVENTFLOW_DATABASE_URL", world.url)
    monkeypatch.setenv("EVENTFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("EVENTFLOW_START_DATE", world.settings.start_date.isoformat())
    span = ("--client", str(CLIENT), "--from", "2024-03-02", "--to", "2024-03-03")

    def run(*command: str) -> Any:
        return CliRunner().invoke(app, ["share", *command])

    assert "EVENTFLOW_SERVE_KEYS must name the keys" in str(run("add", *span).exception)
    monkeypatch.setenv("EVENTFLOW_SERVE_KEYS", KEYS)
    monkeypatch.setenv("EVENTFLOW_SERVE_SITE_URL", "https://numbers.example/")
    made = json.loads(run("add", *span, "--author", "kim", "--json").output)
    assert made["link"].startswith("https://numbers.example/share/")
    assert f"{made['share_id']}  꽃집" in run("list").output
    assert "is revoked" in run("revoke", made["share_id"], "--author", "lee").output
    assert "by lee" in run("list").output
    for wrong, sentence in ((str(uuid4()), "There is no shared link"), ("x", "is not an id")):
        assert sentence in str(run("revoke", wrong).exception)
    assert "There is no client nobody" in str(run("add", "--client", "nobody", *span[2:]).exception)
