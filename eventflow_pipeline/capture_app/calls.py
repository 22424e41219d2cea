"""What a call does: from a request to an event in the queue, and an answer as soon as it is known."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from eventflow_pipeline.capture import CaptureRequest, CaptureRules, Outcome, entry, visit
from eventflow_pipeline.capture.facts import why_never
from eventflow_pipeline.capture.text import uuid_text
from eventflow_pipeline.capture_app.answers import answer, refusal
from eventflow_pipeline.capture_app.bodies import parse
from eventflow_pipeline.capture_app.entry_middleware import capture_request
from eventflow_pipeline.capture_app.event_queue import EventQueue
from eventflow_pipeline.capture_app.log_lines import LogLines
from eventflow_pipeline.capture_app.rates import Rates
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.capture.store import AWAY, CaptureStore
from eventflow_pipeline.web.guards import Origins, read_body
from eventflow_pipeline.web.tokens import Tokens

Fact = Literal["visit", "entry"]
_RULES: dict[Fact, Callable[[CaptureRules, CaptureRequest, Mapping[str, Any]], Outcome]] = {
    "visit": visit,
    "entry": entry,
}
_CALLS = ("/visit", "/entry", "/presence")
_PRESENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Taken:
    """An event on its way: no id for a page that was fetched ahead, nothing to wait for when the queue is full."""

    fact: Fact
    outcome: Outcome
    event_id: str | None
    waiting: asyncio.Future[dict[str, Any]] | None


#: Whose a registration is, its campaign says; in a call anybody can make, nobody else does (E2).
_NOT_FROM_OUTSIDE = ("client_id", "agency_id")


class Calls:
    """The public calls of one application."""

    def __init__(self, settings: Settings, store: CaptureStore, queue: EventQueue, log: LogLines) -> None:
        self.rules = settings.capture_rules
        self._settings, self._store, self._queue, self._log = settings, store, queue, log
        self._origins, self.rates = Origins(settings.capture), Rates(settings.capture, self.rules)
        secret = settings.capture.jwt_secret
        variable = "EVENTFLOW_CAPTURE_JWT_SECRET"
        self._tokens = Tokens(secret.get_secret_value(), variable, settings.capture.jwt_audience) if secret else None
        self._wait = {"visit": settings.capture.visit_wait_ms / 1000, "entry": settings.capture.entry_wait_ms / 1000}

    def too_many(self, request: Request) -> Response | None:
        """Count a request, whatever it is for; what answers it when its address has sent too many.

        That ends the connection: what else had come on it is not looked at. A click still arrives at the site.
        """
        if self.rates.may_send(request):
            return None
        refused: Response
        if request.scope["path"] in _CALLS:
            refused = self._refuse(request, 429, "too many calls", retry=60)
        elif request.scope["path"].startswith("/l/"):
            site = self._settings.capture.site_url.rstrip("/")
            refused = RedirectResponse(f"{site}/", 302, {"cache-control": "no-store"})
        else:  # nothing is lost that a line should tell
            refused = refusal(self.rules, 429, "too many calls", retry=60)
        refused.headers["connection"] = "close"
        return refused

    async def payload(self, request: Request) -> dict[str, Any] | Response:
        """The call's body as an object, or the refusal that answers it."""
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        parsed = parse(body, request.headers.get("content-type", ""), self.rules.other_encoding)
        if parsed is None:
            return self._refuse(request, 400, "body is no JSON object")
        target = uuid_text(parsed.get("campaign_id")) or uuid_text(parsed.get("webinar_id"))
        if not self.rates.may_call(request, self._asked(request), target):
            return self._refuse(request, 429, "too many calls", retry=60)
        return parsed

    async def _body(self, request: Request) -> bytes | Response:
        """The call's body, or the refusal of what costs too much to look at."""
        if not self._origins.allow(request):
            return self._refuse(request, 403, "origin not allowed")
        body = await read_body(request, self._settings.capture.body_kib * 1024, self._settings.capture.request_seconds)
        if body is None:
            return self._refuse(request, 413, "body too large")
        if not self.rates.may_send_as_much(request, len(body)):
            return self._refuse(request, 429, "too many calls", retry=1)
        return body

    async def record(self, fact: Fact, request: Request) -> Response:
        """Answer ``POST /visit`` or ``POST /entry``."""
        payload = await self.payload(request)
        if isinstance(payload, Response):
            return payload
        taken = self.take(fact, request, payload)
        # Parsed, a body is many times its size, and the database may be slow: nobody holds one while waiting for it.
        del payload
        outcome, result = await self.answered(taken)
        committed = result.get("status") in ("stored", "duplicate")
        full = result.get("reason") == "queue full"
        refused = result.get("status") == "refused"
        status = 200 if committed else 202 if result["accepted"] else 429 if full else 400 if refused else 200
        result["session_id"] = outcome.session_id
        result["ignored"] = sorted({*outcome.ignored, *result.get("ignored", ())}) or None
        return answer(self.rules, status, result, outcome.cookies, retry=1 if full else None)

    def _asked(self, request: Request) -> CaptureRequest:
        """The request as the rules see it, read once: its headers and query are as long as its sender likes."""
        asked: CaptureRequest | None = request.scope.setdefault("state", {}).get("capture_request")
        if asked is None:
            asked = request.scope["state"]["capture_request"] = capture_request(request.scope, self.rules)
        return asked

    def take(self, fact: Fact, request: Request, payload: Mapping[str, Any]) -> "Taken":
        """Apply the rules to a payload and hand the event over. For pages rendered here, too."""
        asked = self._asked(request)
        outcome = _RULES[fact](self.rules, asked, {k: v for k, v in payload.items() if k not in _NOT_FROM_OUTSIDE})
        if outcome.log.get("cookie_problems") or outcome.log.get("rejected"):
            self._log.write("info", "capture", **outcome.log)
        if outcome.earlier is not None:
            self._offer("visit", outcome.earlier, outcome)
        without_facts = replace(outcome, fact=None, earlier=None)
        if outcome.fact is None:
            return Taken(fact, without_facts, None, None)
        identifier = outcome.fact["event_id"]
        if (never := why_never(fact, outcome.fact)) is None:
            return Taken(fact, without_facts, identifier, self._offer(fact, outcome.fact, outcome))
        # Known without the database, which junk shall not keep busy.
        self._log.write("warning", "capture_refused", fact=fact, event_id=identifier, reason=never)
        refused: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        refused.set_result({"accepted": False, "status": "refused", "event_id": identifier, "reason": never})
        return Taken(fact, without_facts, identifier, refused)

    async def answered(self, taken: "Taken") -> tuple[Outcome, dict[str, Any]]:
        """What became of the event, as far as is known in time, and the outcome without its facts."""
        identifier, waiting = taken.event_id, taken.waiting
        if identifier is None:
            return taken.outcome, {"accepted": True, "status": "provisional"}
        if waiting is None:
            return taken.outcome, {"accepted": False, "event_id": identifier, "reason": "queue full"}
        await asyncio.wait([waiting], timeout=self._wait[taken.fact])
        if waiting.done():
            result = dict(waiting.result())
            if result.get("duplicate_of") == "person":
                # Who is registered is not for everybody to ask.
                result = {"accepted": True, "status": "stored", "event_id": identifier}
            return taken.outcome, result
        return taken.outcome, {"accepted": True, "status": "queued", "event_id": identifier}

    def _offer(self, fact: Fact, event: Mapping[str, Any], outcome: Outcome) -> asyncio.Future[dict[str, Any]] | None:
        """Into the queue; None when it is full."""
        waiting = self._queue.offer(fact, event)
        if waiting is None:
            # The last resort: the answer says so, and this line is all that is left here.
            lost = {**outcome.log, "fact": fact, "event_id": event["event_id"], "reason": "queue full"}
            self._log.write("error", "capture_lost", **lost)
        return waiting

    async def presence(self, request: Request) -> Response:
        """Answer ``POST /presence``: one ping of a viewer who shows a token, passed on and not queued (P3)."""
        payload = await self.payload(request)
        if isinstance(payload, Response) or self._tokens is None:
            return payload if isinstance(payload, Response) else refusal(self.rules, 200, "presence is not set up")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._tokens.claims(token.strip())
        if scheme.lower() != "bearer" or claims is None:
            return refusal(self.rules, 401, "a valid token is needed")
        webinar_id = uuid_text(payload.get("webinar_id"))
        if webinar_id is None:
            return refusal(self.rules, 400, "webinar_id is no UUID")
        user_id = uuid_text(claims["sub"])
        if user_id is None:
            return refusal(self.rules, 200, "ping refused")
        return await self._ping(webinar_id, user_id)

    async def _ping(self, webinar_id: str, user_id: str) -> Response:
        try:
            done = await asyncio.wait_for(self._store.presence_ping(webinar_id, user_id), _PRESENCE_SECONDS)
        except AWAY as problem:
            self._log.write("error", "presence_lost", reason=type(problem).__name__, webinar_id=webinar_id)
            return refusal(self.rules, 200, "database away")
        except Exception as problem:  # the function refused: its answer is not the viewer's business
            self._log.write("warning", "presence_refused", reason=type(problem).__name__, webinar_id=webinar_id)
            return refusal(self.rules, 200, "ping refused")
        if not done:
            return refusal(self.rules, 200, "presence is not set up")
        return answer(self.rules, 200, {"accepted": True, "status": "stored"})

    def _refuse(self, request: Request, status: int, reason: str, retry: int | None = None) -> Response:
        self._log.write("warning", "call_refused", reason=reason, route=request.scope["path"])
        return refusal(self.rules, status, reason, retry)
