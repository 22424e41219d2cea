"""The ASGI application that serves pages, statements and exports."""

import asyncio
import secrets
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import psycopg
from fastapi import FastAPI, Request
from starlette.background import BackgroundTask
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.logs import logger
from eventflow_pipeline.reports.settlement import write_report
from eventflow_pipeline.serve_app import exports, pages
from eventflow_pipeline.serve_app.asked import Asked, language_of, read_asked
from eventflow_pipeline.serve_app.callers import Callers
from eventflow_pipeline.serve_app.refusals import Refusal, refusal_of
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.settlement import settlement_of
from eventflow_pipeline.warehouse.serve.reader import READER_ROLE, Asking, Claims, Reader
from eventflow_pipeline.warehouse.serve.shares import ShareTokens
from eventflow_pipeline.web.guards import Origins

_STYLE = Path(__file__).parent / "templates" / "style.css"
_OUR_FAULT = Refusal(500, "This could not be computed, which is our fault: it is in the log.")
_STATEMENTS = {"html": "text/html; charset=utf-8", "xlsx": exports.FORMS["xlsx"], "csv": exports.FORMS["csv"]}


def create_app(settings: Settings) -> FastAPI:
    """The application. Raises UserError for unusable settings."""
    serve = settings.serve
    callers = Callers(serve)
    reader = Reader(settings)
    answers = _Answers(settings, reader, callers)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reader.open()
        yield
        await run_in_threadpool(reader.close)

    app = FastAPI(title="EventFlow numbers", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    for below in ("", "/share/{share}"):
        app.add_api_route(f"{below}/", answers.overview)
        app.add_api_route(f"{below}/why", answers.why)
        app.add_api_route(f"{below}/statement.{{form}}", answers.statement)
        app.add_api_route(f"{below}/export/{{rows}}/{{grain}}.{{form}}", answers.export)

    @app.get("/style.css")
    def style() -> Response:
        return FileResponse(_STYLE, media_type="text/css", headers={"cache-control": "public, max-age=3600"})

    @app.get("/health")
    async def health() -> Response:
        # No thread of those that pages and files wait in: it is up while all of them wait.
        return JSONResponse({"status": "ok"})

    _add_sessions(app, callers)
    _add_refusals(app)
    if listed := Origins(serve).listed:
        app.add_middleware(
            _SessionsFromElsewhere, allow_origins=listed, allow_credentials=True, allow_methods=["POST"],
            allow_headers=["authorization"],
        )  # fmt: skip
    app.add_middleware(_Bounded, seconds=serve.export_seconds + serve.statement_seconds)
    return app


class _Answers:
    """What each address answers, for whoever may ask."""

    def __init__(self, settings: Settings, reader: Reader, callers: Callers) -> None:
        self._settings, self._serve, self._reader, self._callers = settings, settings.serve, reader, callers
        self._shares = ShareTokens(settings.serve) if settings.serve.keys else None
        self._room = _Room(settings.serve.exports)

    def _who(self, request: Request) -> tuple[Claims, Asked, pages.Viewer]:
        """Who asks, what for, and how it is shown: somebody with a token, or whoever has a shared link."""
        now = today(self._settings.zone)
        nonce = request.scope["state"]["nonce"]
        token = request.path_params.get("share")
        if token is None:
            return (
                self._callers.claims(request),
                read_asked(request, now),
                pages.Viewer("", self._settings.zone, now, nonce),
            )
        share_id = self._shares.share_id(token) if self._shares else None
        if share_id is None:
            raise Refusal(404, "This link is none of ours: copy the whole of it, or ask whoever sent it.")
        claims = {"role": READER_ROLE, "share": str(share_id)}
        with self._reader.asking(claims, self._serve.statement_seconds) as asking:
            found = asking.rows("select * from stats.caller_share()")
        if not found:
            raise Refusal(410, "This link has expired or was revoked: ask whoever sent it for another.")
        (shared,) = found
        asked = read_asked(request, now, (shared["first_day"], shared["last_day"]))
        until = f"{shared['expires_at'].astimezone(self._settings.zone):%Y-%m-%d %H:%M}"
        shown = pages.Viewer(f"/share/{token}", self._settings.zone, now, nonce, until)
        return claims, replace(asked, client=shared["client_id"], is_platform=False), shown

    def _page(self, request: Request, make: Callable[[Asking, Asked, pages.Viewer], str]) -> Response:
        claims, asked, viewer = self._who(request)
        with self._reader.asking(claims, self._serve.statement_seconds) as asking:
            if asked.client is None and not asked.is_platform:
                found = pages.clients_of(asking, asked, pages.MOST_CLIENTS)
                sees_all = pages.sees_all(asking)
                # Of facts without client there is no page to lead to: it would lead here again.
                if len(found["clients"]) == 1 and not sees_all and (only := found["clients"][0]["client_id"]):
                    return RedirectResponse(f"/{asked.query(client=only)}", 303)
                return HTMLResponse(pages.clients_page(found, asked, viewer, with_platform=sees_all))
            return HTMLResponse(make(asking, asked, viewer))

    def overview(self, request: Request) -> Response:
        return self._page(request, pages.overview_page)

    def why(self, request: Request) -> Response:
        return self._page(request, pages.why_page)

    def statement(self, request: Request, form: str) -> Response:
        if form not in _STATEMENTS:
            raise Refusal(404, f"There is no such form: use one of {', '.join(_STATEMENTS)}.")
        claims, asked, viewer = self._who(request)
        _require_client(asked)
        with self._reader.asking(claims, self._serve.statement_seconds) as asking:
            query = "select part, content from stats.settlement(%s, %s, %s)"
            rows = asking.rows(query, asked.client, asked.first, asked.last)
        if not any(row["part"] == "client" for row in rows):
            raise Refusal(404, "There is no such client: choose one of those at /.")
        # Its own folder goes with the answer; nothing is sent of a file that does not read back.
        folder = tempfile.TemporaryDirectory(prefix="eventflow-statement-")
        file = Path(folder.name) / f"statement-{asked.first}-{asked.last}.{form}"
        settled = settlement_of(((row["part"], row["content"]) for row in rows), DayRange(asked.first, asked.last))
        write_report(settled, file, self._settings.zone, nonce=viewer.nonce)
        return FileResponse(
            file, media_type=_STATEMENTS[form], filename=file.name, background=BackgroundTask(folder.cleanup),
            content_disposition_type="inline" if form == "html" else "attachment",
        )  # fmt: skip

    def export(self, request: Request, rows: str, grain: str, form: str) -> Response:
        if request.scope["http_version"] < "1.1":
            # Without pieces an answer ends where the connection does: one that broke off would look whole.
            raise Refusal(505, "Exports need HTTP/1.1: set proxy_http_version 1.1 in the proxy, or ask with it.")
        if rows not in exports.ROW_SETS or form not in exports.FORMS:
            known = f"{' or '.join(exports.ROW_SETS)}, as {', '.join(exports.FORMS)}"
            raise Refusal(404, f"There is no such export: ask for {known}.")
        claims, asked, _ = self._who(request)
        holder = (claims.get("share"), claims.get("sub"))
        self._room.enter(holder)

        def made(held: ExitStack) -> Iterator[bytes]:
            asking = held.enter_context(self._reader.asking(claims, self._serve.export_seconds))
            return exports.pieces(asking, exports.ROW_SETS[rows], grain, asked, form)

        pieces = _held(made, lambda: self._room.leave(holder))
        # What is refused is refused before anything is sent.
        first = next(pieces)
        headers = {"content-disposition": f'attachment; filename="{rows}-{asked.first}-{asked.last}.{form}"'}
        return StreamingResponse(_sent(first, pieces), media_type=exports.FORMS[form], headers=headers)


def _add_sessions(app: FastAPI, callers: Callers) -> None:
    @app.post("/session")
    async def exchange(request: Request) -> Response:
        return await callers.exchange(request)

    @app.post("/session/end")
    async def leave(request: Request) -> Response:
        return await callers.leave(request)

    @app.get("/sign-in")
    def sign_in(request: Request) -> Response:
        return HTMLResponse(pages.render("sign_in", language_of(request)))


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(psycopg.Error)
    def refused_by_database(request: Request, problem: psycopg.Error) -> Response:
        refusal = refusal_of(problem)
        if refusal is None:
            logger(component="serve").error("serve_failed", reason=type(problem).__name__, sqlstate=problem.sqlstate)
            refusal = _OUR_FAULT
        return _refused(request, refusal)

    @app.exception_handler(Refusal)
    def refused(request: Request, problem: Refusal) -> Response:
        return _refused(request, problem)

    @app.exception_handler(404)
    @app.exception_handler(405)
    def not_there(request: Request, problem: Any) -> Response:
        return _refused(request, Refusal(problem.status_code, "There is no such page: begin at /."))


def _require_client(asked: Asked) -> None:
    if asked.client is None:
        raise Refusal(400, "A statement is of one client: give client.")
    if asked.first > asked.last:
        raise Refusal(400, f"The range {asked.first}..{asked.last} is reversed: give the earlier date as from.")


def _refused(request: Request, refusal: Refusal) -> Response:
    """One sentence: as a page to who asks for pages, else as JSON; to sign in where that is what is missing."""
    headers = {"retry-after": str(refusal.retry_seconds)} if refusal.retry_seconds else {}
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"message": refusal.sentence}, refusal.status, headers)
    name = "sign_in" if refusal.status == 401 else "refusal"
    shown = pages.render(name, language_of(request), sentence=refusal.sentence)
    return HTMLResponse(shown, refusal.status, headers)


class _Room:
    """Places for exports: so many at once, and of whoever asks no more than one, who else could take them all."""

    def __init__(self, places: int) -> None:
        self._places, self._lock = places, threading.Lock()
        self._holders: set[Hashable] = set()

    def enter(self, holder: Hashable) -> None:
        """Take a place. Raises Refusal: 429 for a second one, 503 where all are taken."""
        with self._lock:
            if holder in self._holders:
                raise Refusal(429, "An export of yours is being made: ask for the next one when it has ended.", 30)
            if len(self._holders) >= self._places:
                raise Refusal(503, "Other exports are being made: try again in a minute.", 60)
            self._holders.add(holder)

    def leave(self, holder: Hashable) -> None:
        """Give the place back."""
        with self._lock:
            self._holders.discard(holder)


def _held(make: Callable[[ExitStack], Iterator[bytes]], leave: Callable[[], None]) -> Iterator[bytes]:
    """Pieces of an export, which has its transaction and its place until the last one or until nobody wants more."""
    try:
        with ExitStack() as held:
            yield from make(held)
    finally:
        leave()


async def _sent(first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in iterate_in_threadpool(pieces):
            yield piece
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(pieces.close)  # type: ignore[attr-defined]


class _SessionsFromElsewhere(CORSMiddleware):
    """Pages of listed origins exchange a token and forget it; what it opens is not theirs to read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in ("/session", "/session/end"):
            await self.app(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


class _Bounded:
    """Around every answer: a nonce for its styles, what browsers are told of it, and an end in time."""

    def __init__(self, app: ASGIApp, seconds: int) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope["state"] = {**scope.get("state", {}), "nonce": nonce}
        policy = (
            f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )

        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                headers = message["headers"]
                given = {name for name, _ in headers}
                if b"cache-control" not in given:
                    # Of one caller alone, and asked again each time: figures change, and so does who may see them.
                    headers.append((b"cache-control", b"private, no-cache"))
                    headers.append((b"vary", b"authorization, cookie, accept, accept-language"))
                # Without any referrer browsers name no origin either (Origin: null), and our own forms were refused.
                headers += [
                    (b"content-security-policy", policy.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"same-origin"),
                    # A shared link that somebody published is found by nobody else.
                    (b"x-robots-tag", b"noindex"),
                ]
            await send(message)

        # Whoever takes an answer more slowly than this takes the connection to the database from others.
        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, with_headers)
        except TimeoutError:
            logger(component="serve").warning("answer_cut", seconds=self._seconds)
            refusal = Refusal(503, "That took longer than an answer may take: ask for fewer days.", 60)
        except Exception as problem:  # whose text may quote what is nobody's business
            logger(component="serve").error("serve_failed", reason=type(problem).__name__)
            refusal = _OUR_FAULT
        else:
            return
        # Of an answer that has begun the end is missing, which whoever reads it notices.
        if not started:
            await _refused(Request(scope), refusal)(scope, receive, with_headers)
