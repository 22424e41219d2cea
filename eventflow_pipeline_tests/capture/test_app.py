"""The application over HTTP, with a real server and a real database."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from limits import RateLimitItemPerMinute
from pydantic import SecretStr
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from eventflow_pipeline.capture import CaptureRequest, CaptureRules, arrive
from eventflow_pipeline.capture_app.app import create_app
from eventflow_pipeline.capture_app.bodies import parse
from eventflow_pipeline.capture_app.entry_middleware import EntryMiddleware
from eventflow_pipeline.capture_app.rates import Rates, Windows
from eventflow_pipeline.dev.dagster_process import free_port
from eventflow_pipeline.warehouse.capture.dead_letters import link_entries, work_waiting
from eventflow_pipeline_tests.capture.serving import KEYS, Serving, capture_settings
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.web.test_tokens import FUTURE, PAST, SECRET, token

C, K = str(uuid.UUID(int=0xC1)), str(uuid.UUID(int=0xA1))
#: Stored, or in the queue still.
TAKEN = (200, 202)


def _fill(database: Database) -> None:
    database.execute(
        "insert into event_survey_campaigns (id, client_id, title, public_path) values (:c, :k, 't', '/spring')",
        c=C,
        k=K,
    )


@pytest.fixture
def app(database: Database) -> Iterator[Serving]:
    _fill(database)
    with Serving(capture_settings(database.settings)) as serving:
        yield serving


def _rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.url) as owner:
        return owner.execute(query.encode()).fetchall()


def test_arrival_visit_and_registration_become_one_linked_attributed_pair(app: Serving, database: Database) -> None:
    with app.client() as browser:
        arrived = browser.get("/welcome", params={"utm_source": "Naver", "utm_medium": "cpc", "cid": "ab12cd34"})
        assert arrived.status_code == 404  # not ours to serve; the cookies are set all the same
        assert {cookie.name for cookie in browser.cookies.jar} == {"ef_session", "ef_first_touch", "ef_last_touch"}
        visit = browser.post("/visit", json={"event_id": "v", "campaign_id": C, "surface": "/welcome"}).json()
        assert (visit["accepted"], visit["status"]) == (True, "stored")
        entry = browser.post("/entry", json={"event_id": "e", "campaign_id": C, "phone_norm": "0101"}).json()
        assert (entry["status"], entry["session_id"]) == ("stored", visit["session_id"])
        again = browser.post("/entry", json={"event_id": "e2", "campaign_id": C, "phone_norm": "0101"}).json()
        assert set(again) == {"accepted", "status", "event_id", "session_id"}, "who is registered is not told"
        assert (again["accepted"], again["status"]) == (True, "stored")
        assert "fact_id" not in again
    assert link_entries(database.pipeline).entries == 1
    assert _rows(
        database, "select session_id, utm_source, utm_medium, cid, entry_id is not null from event_access_logs"
    ) == [(visit["session_id"], "naver", "cpc", "AB12CD34", True)]
    assert _rows(database, "select session_id, utm_source, registration_data from event_survey_entries") == [
        (visit["session_id"], "naver", {"cid": "AB12CD34"})
    ]


def test_whose_a_registration_is_its_campaign_says(app: Serving, database: Database) -> None:
    """In a call that anybody can make nobody else does, and one client's text ids are not another's."""
    other, foreign = str(uuid.uuid4()), str(uuid.uuid4())
    with app.client() as browser:
        for campaign in (str(uuid.uuid4()), C):
            event = {"event_id": "order-1001", "campaign_id": campaign, "client_id": foreign, "agency_id": other}
            answer = browser.post("/entry", json={**event, "phone": "1"}).json()
            known = "stored" if campaign == C else "dead_letter"
            assert (answer["status"], answer.get("duplicate_of")) == (known, None)
    assert _rows(database, "select client_id::text, agency_id from event_survey_entries") == [(K, None)]
    ((letter,),) = _rows(database, "select payload from stats.dead_letter")
    assert not {"client_id", "agency_id"} & set(letter), "it waits for its campaign"


def test_one_person_however_the_number_is_spelled(app: Serving, database: Database) -> None:
    with app.client() as browser:
        for spelled in ("010-1234-5678", "+82 10-1234-5678", "0082 10 1234 5678"):
            assert browser.post("/entry", json={"campaign_id": C, "phone": spelled}).json()["status"] == "stored"
    assert _rows(database, "select phone_norm from event_survey_entries") == [("01012345678",)]


def test_a_form_without_javascript_is_taken(app: Serving, database: Database) -> None:
    with app.client() as browser:
        answer = browser.post("/entry", data={"campaign_id": C, "phone": "010-1234-5678", "name": "김"})
    assert answer.json()["status"] == "stored"
    assert _rows(database, "select phone_norm, name from event_survey_entries") == [("01012345678", "김")]


def test_answers_name_the_times_that_do_not_count(app: Serving) -> None:
    with app.client() as browser:
        times = {"occurred_at": "2026-03-02T01:00:00Z", "completed_at": "2026-03-02T01:00:00"}
        answer = browser.post("/entry", json={"campaign_id": C, "phone_norm": "0101", **times}).json()
        assert (answer["status"], answer["ignored"]) == ("stored", ["completed_at", "occurred_at"])
        assert "ignored" not in browser.post("/visit", json={"campaign_id": C}).json()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b"[" * 60_000, 400),
        (b"1" * 5000, 400),
        (b"x" * 70_000, 413),
    ],
)
def test_what_is_no_event_is_said(app: Serving, body: bytes, status: int) -> None:
    with app.client() as browser:
        answer = browser.post("/visit", content=body)
        chunked = browser.post("/visit", content=iter([body]))
    assert answer.status_code == chunked.status_code == status
    assert answer.json()["accepted"] is False


def test_a_call_that_says_nothing_costs_nothing_afterwards(app: Serving, database: Database) -> None:
    """curl -d '{}' …/visit, by anybody: no letter waits for 90 days, and no run is started for it."""
    for call in ("/visit", "/entry"):
        done = subprocess.run(
            ["curl", "-s", "-w", " %{http_code}", "-d", "{}", f"{app.url}{call}"], capture_output=True, text=True
        )
        answer, status = done.stdout.rsplit(" ", 1)
        assert (json.loads(answer)["accepted"], json.loads(answer)["status"], status) == (False, "refused", "400")
        assert json.loads(answer)["reason"].startswith("it names no campaign")
    assert _rows(database, "select count(*) from stats.dead_letter") == [(0,)]
    assert not work_waiting(database.pipeline)


def test_hostile_json_is_a_fact_or_refused(app: Serving, database: Database) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    bodies = [
        b'{"campaign_id": "%s", "utm_source": "a\\u0000b", "n\\u0000": NaN, "x": 1e999, "y": "\\ud800"}' % C.encode(),
        json.dumps({"campaign_id": C, "registration_data": deep, "phone_norm": "1"}).encode(),
        '{"campaign_id": "%s", "utm_source": "네이버"}'.encode("euc-kr") % C.encode(),
        b'{"campaign_id": "nowhere", "event_id": {"a": 1}}',
    ]  # fmt: skip
    with app.client() as browser:
        statuses = [browser.post("/visit", content=body).json()["status"] for body in bodies]
        statuses += [browser.post("/entry", content=body).json()["status"] for body in bodies[1:2]]
    assert statuses == ["stored", "stored", "stored", "refused", "stored"]
    assert _rows(database, "select count(*) from stats.dead_letter") == [(0,)]


def test_bodies_become_json_that_postgres_can_hold() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1e999, "b": [NaN, "\\u0000x\\udc00"], "c": {"d": true}}', "", None) == {
        "a": None,
        "b": [None, "x"],
        "c": {"d": True},
    }
    assert parse(b"a=1&b=%00x&a=2", "application/x-www-form-urlencoded; charset=utf-8", None) == {"a": "1", "b": "x"}


def test_only_listed_origins_may_call(database: Database) -> None:
    settings = capture_settings(database.settings, origins="https://site.example")
    with Serving(settings) as app, app.client() as browser:

        def call(**headers: str) -> httpx.Response:
            return browser.post("/visit", json={"campaign_id": C}, headers=headers)

        assert call(origin="https://evil.example").status_code == 403
        assert call(origin="null").status_code == 403
        assert call(**{"sec-fetch-site": "cross-site"}).status_code == 403
        assert call(origin="http://site.example").status_code == 403, "another scheme is another site"
        assert call(origin="http://evil.example", host="evil.example").status_code == 403, "whatever it calls us"
        assert call().status_code in TAKEN
        listed = call(origin="https://site.example")
        assert listed.status_code in TAKEN
        assert listed.headers["access-control-allow-origin"] == "https://site.example"
        assert listed.headers["access-control-allow-credentials"] == "true"


def test_without_settings_pages_on_loopback_may_call_and_no_other(app: Serving) -> None:
    with app.client() as browser:

        def call(**headers: str) -> int:
            return browser.post("/visit", json={"campaign_id": C}, headers=headers).status_code

        assert call(origin=app.url) in TAKEN
        assert call(origin="http://127.0.0.1:1") == 403
        assert call(origin="http://evil.example:18600", host="evil.example:18600") == 403, "a name that leads here"
        assert call(origin=app.url.replace("http", "ftp")) == 403


def test_the_site_of_short_links_may_call(database: Database) -> None:
    settings = capture_settings(database.settings, site_url="https://site.example/events")
    with Serving(settings) as app, app.client() as browser:
        listed = {"origin": "https://site.example"}
        assert browser.post("/visit", json={"campaign_id": C}, headers=listed).status_code in TAKEN


def _anonymous(browser: httpx.Client, event: dict[str, Any], **headers: str) -> httpx.Response:
    """A visit of somebody without cookies."""
    browser.cookies.clear()
    return browser.post("/visit", json=event, headers=headers)


def test_one_address_cannot_flood(database: Database) -> None:
    with Serving(capture_settings(database.settings, rate="3/minute")) as app, app.client() as browser:
        answers = [_anonymous(browser, {}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429], "junk is a call like others"
    assert answers[3].json() == {"accepted": False, "reason": "too many calls"}
    assert answers[3].headers["retry-after"]


def test_all_that_an_address_asks_for_counts(database: Database) -> None:
    """Pages and pages that are none as well: on one connection thousands came at once, and nobody else was served."""
    asked = b"".join(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"openapi.json", b"", b"docs", b"l/x"))
    settings = capture_settings(database.settings, rate="9/minute", address_rate="2/minute")
    with Serving(settings) as app, _connected(app) as connection:
        connection.sendall(asked)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"429"], "the connection is ended"
        with app.client() as probe:
            assert probe.get("/docs").status_code == 429
            assert probe.get("/l/x").headers["location"] == "/", "a click arrives all the same"
            assert [probe.get(path).status_code for path in ("/health", "/ready")] == [200, 200]


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def test_what_an_address_asks_at_once_lets_others_in_between(database: Database) -> None:
    """Two hundred requests were all begun before somebody else's one, and again for each of its steps."""
    app = create_app(capture_settings(database.settings))
    served: list[str] = []

    async def ask(address: str) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                served.append(address)

        asked = {"type": "http", "method": "GET", "path": "/docs", "headers": [], "query_string": b""}
        await app({**asked, "client": (address, 1)}, _nothing, send)

    async def all_at_once() -> None:
        await asyncio.gather(*(ask("192.0.2.1") for _ in range(200)), ask("192.0.2.2"))

    asyncio.run(all_at_once())
    assert served.index("192.0.2.2") < 30
    assert len(served) == 201


def test_a_hall_of_visitors_behind_one_address_is_not_locked_out(database: Database) -> None:
    """Neither by each other, nor by somebody beside them who floods their campaign, or another, without cookies."""
    settings = capture_settings(database.settings, rate="3/minute", session_rate="2/minute", address_rate="28/minute")
    with Serving(settings) as app:

        def visitor() -> list[int]:
            with app.client() as browser:
                browser.get("/welcome")
                return [browser.post("/visit", json={"campaign_id": C}).status_code for _ in range(3)]

        def flood(campaign: str) -> list[int]:
            with app.client() as browser:
                event = {"campaign_id": campaign}
                return [_anonymous(browser, event, cookie="ef_session=x.y").status_code for _ in range(4)]

        assert flood(C) == [200, 200, 200, 429], "a cookie that is not ours is nobody's session"
        assert [visitor() for _ in range(4)] == [[200, 200, 429]] * 4, "each counts for itself"
        assert flood(str(uuid.uuid4())) == [200, 200, 200, 429], "another campaign counts for itself"
        assert flood(str(uuid.uuid4())) == [200, 200, 200, 429]
        assert flood(str(uuid.uuid4())) == [429, 429, 429, 429], "the address counts all the same"


def test_a_thousand_visitors_of_one_address_come_in_within_a_minute(database: Database) -> None:
    """By the defaults: their first call, which may carry no cookie yet, a second, and their registration."""
    settings = database.settings.changed(capture={"keys": SecretStr(KEYS)})
    rates = Rates(settings.capture, settings.capture_rules)
    request = Request({"type": "http", "client": ("192.0.2.1", 1), "headers": [], "path": "/visit"})
    for number in range(1_000):
        asked = CaptureRequest(now=time.time(), new_session_id=f"s{number}", new_event_id=f"e{number}")
        assert rates.may_send(request)
        assert rates.may_call(request, asked, C)
        cookies = [(cookie.name, cookie.value) for cookie in arrive(settings.capture_rules, asked).cookies]
        for _ in range(2):
            assert rates.may_send(request)
            assert rates.may_call(request, replace(asked, cookies=cookies), C)


def test_a_call_does_not_pay_for_all_others_that_are_counted(database: Database) -> None:
    """Nothing looks through the addresses of a window: no thread does, and of those before nothing is kept."""
    threads = threading.active_count()
    settings = database.settings.changed(capture={"keys": SecretStr(KEYS)})
    rates = Rates(settings.capture, settings.capture_rules)
    for number in range(1_000):
        host = f"192.0.{number // 250}.{number % 250}"
        assert rates.may_send(Request({"type": "http", "client": (host, 1), "headers": [], "path": "/visit"}))
    assert threading.active_count() == threads


def test_a_window_ends_for_all_keys_at_once() -> None:
    now = 100.0
    windows, twice = Windows(clock=lambda: now), RateLimitItemPerMinute(2)
    assert [windows.hit(twice, "a") for _ in range(3)] == [True, True, False]
    now = 159.9
    assert not windows.hit(twice, "a")
    assert windows.hit(twice, "b")
    now = 160.0
    assert windows.hit(twice, "a")
    assert [len(counts) for _began, counts in windows._windows.values()] == [1]


def test_who_calls_is_who_the_named_proxy_says(database: Database) -> None:
    def statuses(proxies: str, *claimed: str) -> list[int]:
        settings = capture_settings(database.settings, rate="1/minute", proxies=proxies)
        with Serving(settings) as app, app.client() as browser:
            return [
                _anonymous(browser, {"campaign_id": C}, **{"x-forwarded-for": name}).status_code for name in claimed
            ]

    assert statuses("", "192.0.2.1", "192.0.2.2") == [200, 429], "anybody can write the header"
    assert statuses("127.0.0.1", "192.0.2.1", "192.0.2.2", "192.0.2.1") == [200, 200, 429]
    assert statuses("127.0.0.1", "evil", "2001:db8::1", "evil2", "2001:db8::ffff", "2001:db8:0:1::1") == [
        200, 200, 429, 429, 200,
    ], "what is no address is one caller, a /64 is another"  # fmt: skip


def _connected(app: Serving) -> socket.socket:
    host, port = app.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def _closed(connection: socket.socket) -> bool:
    """Waits for the server to end it."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /visit HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /visit HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ],
    ids=["nothing", "half its headers", "half its body"],
)
def test_a_request_that_does_not_come_is_not_waited_for(database: Database, sent: bytes) -> None:
    settings = capture_settings(database.settings, request_seconds=0.5)
    with Serving(settings) as app, _connected(app) as connection:
        connection.sendall(sent)
        assert _closed(connection)


def test_headers_without_end_are_not_read(app: Serving) -> None:
    with _connected(app) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                connection.sendall(b"X-Long: " + b"x" * 8_000 + b"\r\n")
        assert _closed(connection)
    with app.client() as browser:
        assert browser.get("/health").status_code == 200


def test_an_address_holds_so_many_connections_and_no_more(database: Database) -> None:
    settings = capture_settings(database.settings, connections=20, request_seconds=60)
    with Serving(settings) as app, contextlib.ExitStack() as held:
        for _ in range(20):
            held.enter_context(_connected(app))
        with _connected(app) as one_more:
            assert _closed(one_more)
        held.close()
        with app.client() as browser:  # they are counted out again
            assert _await(lambda: _answers(browser))


def _answers(browser: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return browser.get("/health").status_code == 200
    return False


def _await(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_cookies_are_set_on_redirects_and_by_arrivals_alone(app: Serving) -> None:
    with app.client() as browser:
        assert "set-cookie" not in browser.get("/health").headers
        assert "set-cookie" not in browser.head("/welcome").headers
        assert "set-cookie" not in browser.get("/logo.png", headers={"sec-fetch-dest": "image"}).headers
        cookie = browser.get("/welcome").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_made_up_links_push_no_link_out_and_ask_the_database_so_often_only(database: Database) -> None:
    _fill(database)
    add = "insert into campaign_link_meta (id, client_id, name, cid, target_type, target_campaign_id, status) "
    database.execute(f"{add} values (gen_random_uuid(), :k, 'n', 'AB12CD34', 'campaign', :c, 'active')", k=K, c=C)
    database.execute(f"{add} values (gen_random_uuid(), :k, 'n', 'EF56GH78', 'campaign', :c, 'active')", k=K, c=C)
    settings = capture_settings(database.settings, rate="5/minute")
    with Serving(settings) as app, app.client() as browser:
        leads = [browser.get(f"/l/{key}").headers["location"] for key in ("AB12CD34", "NO1", "NO2", "NO3", "NO4")]
        assert leads[0].startswith("/spring?")
        assert browser.get("/l/AB12CD34").headers["location"] == leads[0], "known links still lead where they led"
        assert browser.get("/l/NO1").headers["location"] == leads[1]
        assert browser.get("/l/EF56GH78").headers["location"] == "/?cid=EF56GH78", "asked too often: the cid is kept"


def test_no_cache_keeps_a_response_that_sets_a_cookie() -> None:
    """A page that a cache kept for an hour would make everybody of that hour one session."""

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"cache-control", b"public, s-maxage=3600"), (b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<p>"})

    async def ask(path: str) -> httpx.Response:
        site = EntryMiddleware(page, CaptureRules(keys=("key-of-the-middleware-1",)), skip=("/static",))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://site.example") as browser:
            return await browser.get(path)

    for path in ("/", "/?utm_source=naver"):
        answer = asyncio.run(ask(path))
        assert "ef_session" in answer.headers["set-cookie"]
        assert answer.headers.get_list("cache-control") == ["private, no-store"]
    untouched = asyncio.run(ask("/static/logo"))
    assert "set-cookie" not in untouched.headers
    assert untouched.headers["cache-control"] == "public, s-maxage=3600"


@pytest.mark.parametrize(
    "header",
    [
        {"sec-purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"x-purpose": "preview, prefetch"},
        {"x-moz": "prefetch"},
        {"next-router-prefetch": "1"},
    ],
    ids=lambda header: next(iter(header)),
)
def test_a_page_fetched_ahead_is_a_visit_once_it_is_shown(database: Database, header: dict[str, str]) -> None:
    _fill(database)
    visits = "select session_id, utm_source, id::text from event_access_logs"
    with Serving(capture_settings(database.settings), pages=True) as app, app.client() as browser:
        path = f"/demo/{C}/welcome"
        browser.get(f"{path}?utm_source=naver", headers=header)
        called = browser.post("/visit", json={"campaign_id": C, "surface": path}, headers=header)
        assert called.json() == {"accepted": True, "status": "provisional", "session_id": called.json()["session_id"]}
        assert _rows(database, visits) == [], "nobody has seen it"
        assert [cookie.name[:15] for cookie in browser.cookies.jar] == ["ef_provisional_"]

        other = browser.post("/visit", json={"campaign_id": C, "surface": "/elsewhere"}).json()
        shown = browser.post("/visit", json={"campaign_id": C, "surface": path}).json()
        again = browser.post("/visit", json={"event_id": shown["event_id"], "campaign_id": C, "surface": path}).json()
        entry = browser.post("/entry", json={"campaign_id": C, "surface": path, "phone_norm": "0101"}).json()
    assert (shown["status"], again["status"], entry["status"]) == ("stored", "duplicate", "stored")
    assert {shown["session_id"], entry["session_id"]} == {other["session_id"]}, "who was there already stays who it was"
    assert set(_rows(database, visits)) == {
        (other["session_id"], None, other["event_id"]),
        (other["session_id"], "naver", shown["event_id"]),
    }
    assert _rows(database, "select utm_source from event_survey_entries") == [("naver",)]


def test_a_form_alone_shows_that_its_page_was_seen(database: Database) -> None:
    """A page rendered here that was fetched ahead, without JavaScript: one visit, one entry, one session."""
    _fill(database)
    with Serving(capture_settings(database.settings), pages=True) as app, app.client() as browser:
        path = f"/demo/{C}/register"
        browser.get(f"{path}?utm_source=naver", headers={"sec-purpose": "prefetch;prerender"})
        browser.post(path, data={"phone": "010-1234-5678"}, headers={"referer": f"{app.url}{path}"})
    (entry,) = _rows(database, "select session_id, utm_source from event_survey_entries")
    assert entry[1] == "naver"
    assert _rows(database, "select session_id, utm_source from event_access_logs") == [entry]


def test_a_short_link_keeps_everything_and_makes_no_session(app: Serving, database: Database) -> None:
    link, other, webinar = (str(uuid.uuid4()) for _ in range(3))
    insert = (
        "insert into campaign_link_meta (id, client_id, name, cid, target_type, target_campaign_id, target_webinar_id, "
        "utm_source, utm_medium, status) "
        "values (:id, :client, 'n', :cid, :type, :campaign, :webinar, 'naver', 'cpc', 'paused')"
    )
    database.execute(insert, id=link, client=K, cid="AB12CD34", type="campaign", campaign=C, webinar=None)
    database.execute(
        insert, id=other, client=str(uuid.uuid4()), cid="SAMECID1", type="webinar", campaign=None, webinar=webinar
    )
    database.execute(insert, id=str(uuid.uuid4()), client=K, cid="SAMECID1", type="campaign", campaign=C, webinar=None)
    with app.client() as browser:

        def leads(path: str) -> str:
            answer = browser.get(path)
            assert answer.status_code == 302
            assert browser.head(path).headers["location"] == answer.headers["location"]
            assert "set-cookie" not in answer.headers
            return answer.headers["location"]

        own = f"link_id={link}&cid=AB12CD34"
        assert leads("/l/ab12cd34?a=1&a=2&b=") == f"/spring?a=1&a=2&b=&{own}&utm_source=naver&utm_medium=cpc"
        assert leads(f"/l/{link}?utm_source=kakao") == f"/spring?utm_source=kakao&{own}"
        assert leads("/l/NOSUCH12?x=%ED%95%9C") == "/?x=%ED%95%9C&cid=NOSUCH12"
        cp949 = "utm_campaign=%BA%BD%BC%BC%C0%CF&q=a+b%2Bc;d"
        assert leads(f"/l/{link}?{cp949}") == f"/spring?{cp949}&{own}", "byte for byte, not read and written again"
        assert leads("/l/SAMECID1") == "/?cid=SAMECID1", "two clients' cid: nobody's without the client"
        assert leads(f"/l/{K}/SAMECID1").startswith("/spring?")
        assert leads(f"/l/{other}").startswith(f"/webinars/{webinar}?")
        assert leads("/l/%00%0d%0aSet-Cookie:x").startswith("/")
        database.execute("update event_survey_campaigns set public_path = '//evil.example/x'")
        assert leads(f"/l/{K}/AB12CD34").startswith("/evil.example/x?")


def test_a_presence_ping_is_passed_on_as_its_viewer(database: Database) -> None:
    settings = capture_settings(database.settings, jwt_secret=SecretStr(SECRET))
    user, webinar = str(uuid.uuid4()), str(uuid.uuid4())
    good = token(sub=user, exp=FUTURE)
    database.execute("insert into webinars (id, client_id, title) values (:w, :k, 'w')", w=webinar, k=K)
    with Serving(settings) as app, app.client() as browser:

        def ping(shown: str) -> dict[str, Any]:
            headers = {"authorization": f"Bearer {shown}"}
            answer: dict[str, Any] = browser.post("/presence", json={"webinar_id": webinar}, headers=headers).json()
            return answer

        assert ping(good)["accepted"] is True
        another = token("another secret of the tests, 32 bytes", sub=user, exp=FUTURE)
        for bad in ("x", "x.y.z", another, token(sub=user, exp=PAST), token(sub="no id", exp=FUTURE)):
            assert ping(bad)["accepted"] is False
        seen = "select webinar_id::text, user_id::text from webinar_live_presence"
        assert _rows(database, seen) == [(webinar, user)]
        database.execute("drop function stats.capture_presence(uuid, uuid)")
        assert ping(good) == {"accepted": False, "reason": "presence is not set up"}


def test_nothing_personal_is_logged(app: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    with app.client() as browser:
        browser.get(
            "/welcome?utm_source=kim@mail.example&utm_medium=010-1234-5678", headers={"cookie": "ef_session=forged"}
        )
        browser.post(
            "/entry",
            json={
                "campaign_id": "nowhere",
                "name": "Kim Hana",
                "phone_norm": "01012345678",
                "session_id": "secret-session",
                "utm_source": "kim hana",
            },
        )
    app.__exit__()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    events = {line["event"] for line in lines}
    assert {"arrival", "capture", "capture_refused"} <= events
    text = json.dumps(lines, ensure_ascii=False)
    # Of the phone number what no time and no random id holds by chance.
    for secret in ("kim", "12345678", "1234-5678", "secret-session", "Hana"):
        assert secret not in text
    arrival = next(line for line in lines if line["event"] == "arrival")
    assert arrival["cookie_problems"] == ["session:tampered"]
    assert arrival["rejected"] == ["utm_source:email", "utm_medium:phone"]
    refused = next(line for line in lines if line["event"] == "capture_refused")
    assert refused["reason"] == "it names no campaign"
    assert refused["level"] == "warning"


def test_the_database_may_go_away_and_come_back(databases: Databases, database: Database) -> None:
    """Connections are cut and refused for a while: calls are taken at once and stored when it is back."""
    _fill(database)
    name = database.url.rsplit("/", 1)[1].split("?")[0]
    settings = capture_settings(database.settings, visit_wait_ms=25)
    with Serving(settings) as app, app.client() as browser:
        assert browser.post("/visit", json={"campaign_id": C, "event_id": "before"}).json()["accepted"] is True
        while browser.get("/health").json()["queued"]:
            time.sleep(0.05)
        database.close()
        databases.admin(f'alter database "{name}" allow_connections false')
        databases.admin(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
        slowest = 0.0
        for number in range(20):
            started = time.monotonic()
            answer = browser.post("/visit", json={"campaign_id": C, "event_id": f"away {number}"}).json()
            slowest = max(slowest, time.monotonic() - started)
            assert (answer["accepted"], answer["status"]) == (True, "queued")
        assert slowest < 10, "a call must not wait for the database"
        assert browser.get("/health").json()["status"] == "degraded"
        databases.admin(f'alter database "{name}" allow_connections true')
        deadline = time.monotonic() + 120
        while browser.get("/health").json() != {"status": "ok", "database": True, "queued": 0}:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert _rows(database, "select count(*), count(distinct id) from event_access_logs") == [(21, 21)]


def test_a_full_queue_pushes_back_and_says_so(databases: Databases, database: Database) -> None:
    name = database.url.rsplit("/", 1)[1].split("?")[0]
    database.close()
    databases.admin(f'alter database "{name}" allow_connections false')
    settings = capture_settings(database.settings, queue=2, visit_wait_ms=0)
    with Serving(settings) as app, app.client() as browser:
        answers = [browser.post("/visit", json={"campaign_id": C}) for _ in range(3)]
        databases.admin(f'alter database "{name}" allow_connections true')
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json()["reason"] == "queue full"
    assert answers[2].json()["accepted"] is False
    assert _rows(database, "select count(*) from event_access_logs") == [(2,)], "a stop drains the queue"


def test_the_command_serves_and_drains_on_sigterm(database: Database, tmp_path: Path) -> None:
    _fill(database)
    port = free_port()
    environment = {
        **os.environ, "EVENTFLOW_DATABASE_URL": database.url, "EVENTFLOW_HOME": str(tmp_path),
        "EVENTFLOW_START_DATE": database.settings.start_date.isoformat(), "EVENTFLOW_CAPTURE_KEYS": KEYS,
    }  # fmt: skip
    eventflow = str(Path(sys.executable).with_name("eventflow"))
    process = subprocess.Popen([eventflow, "capture", "serve", "--port", str(port)], env=environment)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        answer = httpx.post(f"http://127.0.0.1:{port}/visit", json={"campaign_id": C, "event_id": "x"}).json()
        assert answer["accepted"] is True
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    finally:
        process.kill()
    assert _rows(database, "select count(*) from event_access_logs") == [(1,)]
    refused = subprocess.run(
        [eventflow, "capture", "serve"],
        env={**environment, "EVENTFLOW_CAPTURE_KEYS": "short"},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("eventflow: EVENTFLOW_CAPTURE_KEYS")
