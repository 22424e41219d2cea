"""ASGI middleware for page requests (S3): cookies only, no database, on whatever response leaves."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventflow_pipeline.capture import CaptureRequest, CaptureRules, arrive
from eventflow_pipeline.capture.cookies import cookie_pairs
from eventflow_pipeline.capture.query import query_pairs
from eventflow_pipeline.capture.rules import UNCACHED

#: Headers by which browsers, and Next's router, say that nobody looks at what they fetch.
_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_PAGES = ("document", "iframe", "frame")


class EntryMiddleware:
    """Wraps any ASGI application: every page response, a redirect or an error page included, sets the cookies.

    Such a response is for one visitor: it is kept by no cache, whatever the application says of it.

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
        request = capture_request(scope, self._rules)
        arrival = arrive(self._rules, request)
        if self._log and (arrival.log.get("cookie_problems") or arrival.log.get("rejected")):
            self._log(arrival.log)
        as_set = [(cookie.name, cookie.value) for cookie in arrival.cookies if cookie.max_age]
        scope.setdefault("state", {})["capture_cookies"] = [*as_set, *request.cookies]

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start" and arrival.cookies:
                ours = [(b"set-cookie", cookie.header(self._rules).encode("latin-1")) for cookie in arrival.cookies]
                # First: what the page itself sets says more.
                message = {**message, "headers": [*ours, *message.get("headers", [])]}
                MutableHeaders(raw=message["headers"])["cache-control"] = UNCACHED
            await send(message)

        await self._app(scope, receive, with_cookies)


def capture_request(scope: Scope, rules: CaptureRules) -> CaptureRequest:
    """The request as the rules see it; after the middleware ran, with the cookies as they will be."""
    headers = Headers(scope=scope)
    purpose = " ".join(line for name in _PURPOSES for line in headers.getlist(name)).lower()
    cookies = [pair for line in headers.getlist("cookie") for pair in cookie_pairs(line)]
    return CaptureRequest(
        now=time.time(),
        new_session_id=str(uuid.uuid4()),
        new_event_id=str(uuid.uuid4()),
        path=scope["path"],
        query=query_pairs(scope.get("query_string", b""), rules.other_encoding),
        cookies=scope.get("state", {}).get("capture_cookies") or cookies,
        referrer=headers.get("referer"),
        user_agent=headers.get("user-agent"),
        prefetch="prefetch" in purpose or "prerender" in purpose or "next-router-prefetch" in headers,
    )
