"""The ASGI application of capture: calls, short links, health, and the entry middleware around its pages."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventflow_pipeline.capture.text import surface, uuid_text
from eventflow_pipeline.capture_app.answers import Answer, refusal
from eventflow_pipeline.capture_app.calls import Calls
from eventflow_pipeline.capture_app.entry_middleware import EntryMiddleware
from eventflow_pipeline.capture_app.event_queue import EventQueue
from eventflow_pipeline.capture_app.links import Links, destination
from eventflow_pipeline.capture_app.log_lines import LogLines
from eventflow_pipeline.capture_app.rates import address_of
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.capture.store import CaptureStore
from eventflow_pipeline.web.guards import Origins

#: Paths that are no pages: nobody arrives there.
NO_PAGES = ("/visit", "/entry", "/presence", "/l/", "/health", "/ready", "/openapi.json", "/docs")
#: Asked by whoever watches the process, however much else their address asks for.
_PROBES = ("/health", "/ready")
#: Requests of one address that are begun before others have their turn: each takes a millisecond or two.
_AT_ONCE = 8
_DRAIN_SECONDS = 10.0
_ANY = {"description": "Any JSON; whatever is malformed counts as not supplied."}
_VISIT_FIELDS = (
    "event_id", "campaign_id", "webinar_id", "session_id", "utm_source", "utm_medium", "utm_campaign", "utm_term",
    "utm_content", "cid", "link_id", "referrer", "surface",
)  # fmt: skip
_ENTRY_FIELDS = (
    *(name for name in _VISIT_FIELDS if name != "webinar_id"), "name", "company", "phone",
    "phone_norm", "code6", "survey_no", "consent_data", "registration_data", "completed_at",
)  # fmt: skip


def create_app(settings: Settings, *, pages: bool = False) -> FastAPI:
    """The application; ``pages`` adds the demo's pages. Raises UserError for unusable settings."""
    log = LogLines()
    store = CaptureStore(settings)
    queue = EventQueue(store, log, settings.capture.queue, settings.capture.queue_mib * 2**20)
    calls = Calls(settings, store, queue, log)
    links = Links(store)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await store.open()
        queue.start()
        yield
        await queue.stop(_DRAIN_SECONDS)
        await store.close()
        log.close()

    app = FastAPI(title="EventFlow capture", version="1", lifespan=lifespan, redoc_url=None)

    @app.post("/visit", **_described("Record a visit (S4).", _VISIT_FIELDS))
    async def visit(request: Request) -> Response:
        return await calls.record("visit", request)

    @app.post("/entry", **_described("Record a registration (S5).", _ENTRY_FIELDS))
    async def entry(request: Request) -> Response:
        return await calls.record("entry", request)

    @app.post("/presence", **_described("A viewer is present; needs a bearer token (P3).", ("webinar_id",)))
    async def presence(request: Request) -> Response:
        return await calls.presence(request)

    async def follow(request: Request, key: str, client_id: str | None) -> Response:
        may_ask = partial(calls.rates.may_look_up, request)
        link, how = await links.target(key[:200].replace("\0", ""), client_id, may_ask)
        if how in ("unknown", "database away", "asked too often"):
            log.write("warning", "short_link_unresolved", reason=how)
        where = destination(settings.capture, calls.rules, key[:200], link, request.scope.get("query_string", b""))
        # No cookie here: a crawler that only looks at the link is nobody's session.
        return RedirectResponse(where, 302, {"cache-control": "no-store"})

    redirect: dict[str, Any] = {
        "status_code": 302,
        "response_class": RedirectResponse,
        "responses": {302: {"description": "To the link's page, with everything the click carried."}},
    }

    @app.get("/l/{key}", summary="Follow a short link, by id or cid.", **redirect)
    async def short_link(request: Request, key: str) -> Response:
        return await follow(request, key, None)

    @app.get("/l/{client_id}/{key}", summary="Follow a short link of one client, by its cid.", **redirect)
    async def client_link(request: Request, client_id: str, key: str) -> Response:
        return await follow(request, key, uuid_text(client_id))

    # Those who only want to know where a link leads ask with HEAD.
    app.add_api_route("/l/{key}", short_link, methods=["HEAD"], include_in_schema=False)
    app.add_api_route("/l/{client_id}/{key}", client_link, methods=["HEAD"], include_in_schema=False)

    app.state.queue, app.state.log = queue, log

    @app.get("/health", summary="Is the process alive? 200 as long as it answers, whatever the database does.")
    async def health() -> JSONResponse:
        away = queue.away_since is not None
        return JSONResponse({"status": "degraded" if away else "ok", "database": not away, "queued": len(queue)})

    refused: dict[int | str, dict[str, Any]] = {503: {"description": "The queue is full: events are refused."}}

    @app.get("/ready", summary="Are events taken? 503 only while they are refused.", responses=refused)
    async def ready() -> JSONResponse:
        # Not while they are held: whoever took this process away for that would kill the queue that keeps them.
        return JSONResponse({"ready": not queue.refusing}, 503 if queue.refusing else 200)

    if pages:
        from eventflow_pipeline.capture_app.pages import add_pages

        add_pages(app, calls)
    app.add_middleware(
        EntryMiddleware,
        rules=calls.rules,
        skip=NO_PAGES,
        log=lambda fields: log.write("info", "arrival", **fields),
    )
    app.add_middleware(_Counted, calls=calls)
    if listed := Origins(settings.capture).listed:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=listed,
            allow_credentials=True,
            allow_methods=["POST"],
            allow_headers=["content-type", "authorization"],
        )
    app.add_middleware(_NeverFail, calls=calls, log=log)
    return app


class _Counted:
    """All that an address asks for counts for it, pages and pages that are none as well, before any of it is done.

    What it asks at once is begun a few at a time, between which the others have their turn: else everybody would wait
    for all the connections of one.
    """

    def __init__(self, app: ASGIApp, calls: Calls) -> None:
        self._app, self._calls = app, calls
        #: Requests begun in this round of the event loop, by address.
        self._begun: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = self._app
        if scope["type"] == "http" and scope["path"] not in _PROBES:
            request = Request(scope)
            await self._turn(address_of(request))
            answered = self._calls.too_many(request) or answered
        await answered(scope, receive, send)

    async def _turn(self, address: str) -> None:
        while self._begun[address] >= _AT_ONCE:
            await asyncio.sleep(0)
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._begun.clear)
        self._begun[address] += 1


class _NeverFail:
    """The user's flow is protected (F1): an error nobody foresaw is one log line and a well-formed answer, no 5xx."""

    def __init__(self, app: ASGIApp, calls: Calls, log: LogLines) -> None:
        self._app, self._calls, self._log = app, calls, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as problem:
            self._log.write("error", "capture_failed", reason=type(problem).__name__, route=surface(scope["path"]))
            if not started:
                await refusal(self._calls.rules, 200, "internal error")(scope, receive, send)


def _described(summary: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """How a call shows in the OpenAPI description. Bodies are read by hand: nothing malformed may be refused whole."""
    body = {"type": "object", "properties": dict.fromkeys(fields, _ANY), "additionalProperties": True}
    content = {name: {"schema": body} for name in ("application/json", "application/x-www-form-urlencoded")}
    statuses = {
        200: "Committed, or accepted false with its reason.",
        202: "Kept, but not a fact yet (queued or dead_letter).",
        400: "The body is no JSON object, or can be no fact (refused).",
        401: "No valid token (presence only).",
        403: "The calling page's origin is not allowed.",
        413: "The body is too large.",
        429: "Too many calls, or the queue is full; see Retry-After.",
    }
    return {
        "summary": summary,
        "response_class": JSONResponse,
        "openapi_extra": {"requestBody": {"required": True, "content": json.loads(json.dumps(content))}},
        "responses": {status: {"model": Answer, "description": text} for status, text in statuses.items()},
    }
