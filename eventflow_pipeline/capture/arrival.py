"""A page request (S3): the session cookie is created if absent, the touches follow what the URL carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventflow_pipeline.capture.cookies import remember, session_cookie, touch_cookie
from eventflow_pipeline.capture.request import CaptureRequest
from eventflow_pipeline.capture.rules import CaptureRules, SetCookie
from eventflow_pipeline.capture.text import origin
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
    """S3, without any database. A prefetch is ignored: it changes nothing and creates no session."""
    known = remember(rules, request, request.path)
    log: dict[str, Any] = {"cookie_problems": list(known.problems)}
    if request.prefetch:
        return Arrival(known.session_id, known.first, known.last, (), {**log, "session_from": "prefetch"})
    session_id = known.session_id or request.new_session_id
    carried, rejected = Attribution.read(_first_of_each(request), rules.link_parameters)
    # Most page requests carry nothing: where they come from is nobody's business then.
    referrer = origin(request.referrer) if carried else None
    first, last, cookies = touched(rules, request, request.path, known.first, known.last, carried, referrer)
    log |= {
        "session_from": "cookie" if known.session_id else "new",
        "arrival": bool(carried),
        "rejected": list(rejected),
    }
    return Arrival(session_id, first, last, (session_cookie(rules, session_id, request.now), *cookies), log)


def touched(
    rules: CaptureRules,
    request: CaptureRequest,
    path: str,
    first: Touch | None,
    last: Touch | None,
    carried: Attribution,
    referrer: str | None,
) -> tuple[Touch | None, Touch | None, tuple[SetCookie, ...]]:
    """Touches after an arrival that carried ``carried`` (S2): the first never changes, the last always follows."""
    if not carried:
        return first, last, ()
    touch = Touch(carried, int(request.now), referrer)
    cookies = [touch_cookie(rules, "last", touch, path)]
    if first is None:
        cookies.insert(0, touch_cookie(rules, "first", touch, path))
    return first or touch, touch, tuple(cookies)


def _first_of_each(request: CaptureRequest) -> dict[str, object]:
    """Query parameters, of a repeated one the first that is not blank."""
    found: dict[str, object] = {}
    for name, value in request.query:
        key = name.lower()
        if not str(found.get(key, "")).strip():
            found[key] = value
    return found
