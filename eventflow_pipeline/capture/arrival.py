"""A page request (S3): the session cookie is created if absent, the touches follow what the URL carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventflow_pipeline.capture.cookies import outgoing, remember, session_cookie, touch_cookie
from eventflow_pipeline.capture.provisional import Provisional, keep, shown
from eventflow_pipeline.capture.query import first_of_each
from eventflow_pipeline.capture.request import CaptureRequest
from eventflow_pipeline.capture.rules import CaptureRules, SetCookie
from eventflow_pipeline.capture.text import origin, surface
from eventflow_pipeline.capture.touch import Attribution, Touch


@dataclass(frozen=True, slots=True)
class Arrival:
    """Session and touches after the request, the cookies its response must set and the line to log."""

    session_id: str | None
    first: Touch | None
    last: Touch | None
    cookies: tuple[SetCookie, ...]
    log: Mapping[str, Any]


def arrive(rules: CaptureRules, request: CaptureRequest) -> Arrival:
    """S3, without any database. A page fetched ahead changes nothing that is known: its arrival is kept until shown."""
    known = remember(rules, request, request.path)
    log: dict[str, Any] = {"cookie_problems": list(known.problems)}
    session_id = known.session_id or request.new_session_id
    carried, rejected = Attribution.read(
        first_of_each((name.lower(), value) for name, value in request.query), rules.link_parameters
    )
    # Most page requests carry nothing: where they come from is nobody's business then.
    referrer = origin(request.referrer) if carried else None
    page = surface(request.path)
    if request.prefetch:
        ahead = Provisional(session_id, Touch(carried, int(request.now), referrer), {})
        kept = (keep(rules, page, ahead),) if page else ()
        return Arrival(known.session_id, known.first, known.last, kept, {**log, "session_from": "prefetch"})
    _, superseded = shown(rules, request, page)
    first, last, cookies = touched(rules, request, request.path, known.first, known.last, carried, referrer)
    log |= {
        "session_from": "cookie" if known.session_id else "new",
        "arrival": bool(carried),
        "rejected": list(rejected),
    }
    session = session_cookie(rules, session_id, request.now)
    return Arrival(session_id, first, last, outgoing(rules, request, session, *cookies, *superseded), log)


def touched(
    rules: CaptureRules,
    request: CaptureRequest,
    path: str,
    first: Touch | None,
    last: Touch | None,
    carried: Attribution,
    referrer: str | None,
    at: int | None = None,
) -> tuple[Touch | None, Touch | None, tuple[SetCookie, ...]]:
    """Touches after an arrival ``at`` (default: now) that carried ``carried`` (S2).

    The first never changes, the last always follows.
    """
    if not carried:
        return first, last, ()
    touch = Touch(carried, int(request.now) if at is None else at, referrer)
    cookies = [touch_cookie(rules, "last", touch, path)]
    if first is None:
        cookies.insert(0, touch_cookie(rules, "first", touch, path))
    return first or touch, touch, tuple(cookies)
