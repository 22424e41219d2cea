"""ASGI middleware for page requests (S3): cookies only, no database, on whatever response leaves."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventflow_pipeline.capture import CaptureRequest, CaptureRules, arrive

_PAGES = ("document", "iframe", "frame")


class EntryMiddleware:
    """Wraps any ASGI application: every page response, a redirect or an error page included, sets the cookies.

    ``scope["state"]["capture_cookies"]`` holds the cookies as the browser will have them after this response, so that
    a page rendered by this very request knows the session. ``skip`` are path prefixes that are no pages. ``log`` gets
    what was odd about a request's cookies or UTM.
    """

    def __init__(
        self,
        app: ASGIApp,
        rules: CaptureRules,
        skip: tuple[str, ...] = (),
        log: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._app, self._rules, self._skip, self._log = app, rules, skip, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].startswith(self._skip or ("\0",)):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("sec-fetch-dest", "document") not in _PAGES:
            await self._app(scope, receive, send)
            return
        arrival = arrive(self._rules, capture_request(scope))
        if self._log and (arrival.log.get("cookie_problems") or arrival.log.get("rejected")):
            self._log(arrival.log)
        cookies = {**request_cookies(headers), **{cookie.name: cookie.value for cookie in arrival.cookies}}
        scope.setdefault("state", {})["capture_cookies"] = cookies

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_cookies = [
                    (b"set-cookie", cookie.header(self._rules).encode("latin-1")) for cookie in arrival.cookies
                ]
                message = {**message, "headers": [*message.get("headers", []), *set_cookies]}
            await send(message)

        await self._app(scope, receive, with_cookies)


def request_cookies(headers: Headers) -> dict[str, str]:
    """Cookies of a request; of a repeated name the first, as browsers order the most specific first."""
    found: dict[str, str] = {}
    for line in headers.getlist("cookie"):
        for name, value in cookie_parser(line).items():
            found.setdefault(name, value)
    return found


def capture_request(scope: Scope) -> CaptureRequest:
    """The request as the rules see it; after the middleware ran, with the cookies as they will be."""
    headers = Headers(scope=scope)
    query = scope.get("query_string", b"").decode("latin-1")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        pairs = []
    purpose = headers.get("sec-purpose", "") + headers.get("purpose", "") + headers.get("x-moz", "")
    return CaptureRequest(
        now=time.time(),
        new_session_id=str(uuid.uuid4()),
        new_event_id=str(uuid.uuid4()),
        path=scope["path"],
        query=pairs,
        cookies=scope.get("state", {}).get("capture_cookies") or request_cookies(headers),
        referrer=headers.get("referer"),
        user_agent=headers.get("user-agent"),
        prefetch="prefetch" in purpose or "prerender" in purpose or "next-router-prefetch" in headers,
    )
