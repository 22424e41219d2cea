"""The two calls that make facts: a visit (S4) and a registration (S5)."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from eventflow_pipeline.capture import times
from eventflow_pipeline.capture.arrival import touched
from eventflow_pipeline.capture.cookies import CLOCK_SKEW, Remembered, outgoing, remember, session_cookie
from eventflow_pipeline.capture.provisional import Provisional, keep, shown
from eventflow_pipeline.capture.request import CaptureRequest
from eventflow_pipeline.capture.rules import CaptureRules, SetCookie
from eventflow_pipeline.capture.text import (
    clean,
    origin,
    session_text,
    summarize_user_agent,
    surface,
    uuid_text,
)
from eventflow_pipeline.capture.touch import Attribution, Touch
from eventflow_pipeline.domain.personal_data import LOOKED_AT, names_a_person

#: The form's own columns: handed on as they are, stored in the entry alone, never logged (S7).
REGISTRATION_FIELDS = (
    "client_id",
    "agency_id",
    "name",
    "company",
    "phone_norm",
    "code6",
    "survey_no",
    "consent_data",
    "registration_data",
    "completed_at",
)
#: Form values that must not reappear as UTM.
_NUMBER = re.compile(r"[\d\s+\uff0b().\-\u2013/]+")
_IDENTIFYING = ("name", "phone", "phone_norm", "email")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call comes to. ``fact`` is the argument of ``capture_visit`` or ``capture_entry``.

    ``fact`` is None where a page fetched ahead calls: nobody has seen it. ``earlier`` is the visit of such a page that
    an entry now shows to have been seen; it is stored as well.
    ``ignored`` names the times that were supplied and count as not supplied; the answer says so.
    """

    session_id: str
    first: Touch | None
    last: Touch | None
    fact: Mapping[str, Any] | None
    cookies: tuple[SetCookie, ...]
    log: Mapping[str, Any]
    ignored: tuple[str, ...] = ()
    earlier: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    taken_from: str


def visit(rules: CaptureRules, request: CaptureRequest, payload: Mapping[str, Any]) -> Outcome:
    """S4: the payload's session, else the cookie's; UTM of the payload, blanks filled from a trusted last touch.

    A payload that names attribution other than the last touch is an arrival the entry middleware did not see (a page
    served by something else): the touches follow it.
    """
    page = surface(payload.get("surface"))
    known, ahead, seen = _seen(rules, request, page)
    session = _session(request, payload, known)
    supplied, rejected = Attribution.read(payload, rules.link_parameters)
    referrer = origin(payload.get("referrer"))
    attribution, source = _attribution(rules, request.now, supplied, known.last)
    first, last = known.first, known.last
    cookies: tuple[SetCookie, ...] = ()
    if supplied and not (known.last and supplied.agrees_with(known.last.attribution)):
        first, last, cookies = touched(
            rules, request, page or request.path, known.first, known.last, supplied, referrer
        )
    if referrer is None and source == "last_touch" and known.last:
        referrer = known.last.referrer
    fact = {
        **_common(request, payload, session, attribution, page, first),
        "webinar_id": uuid_text(payload.get("webinar_id")),
        "referrer": referrer,
        "user_agent": summarize_user_agent(request.user_agent),
    }
    log = _log("visit", fact, session, source, known, rejected)
    if request.prefetch:
        touch = Touch(supplied or (ahead.touch.attribution if ahead else supplied), int(request.now), referrer)
        kept = (keep(rules, page, Provisional(session.id, touch, _present(fact))),) if page else ()
        return Outcome(session.id, known.first, known.last, None, kept, log, _ignored(payload))
    if ahead and session_text(payload.get("event_id")) is None:
        fact["event_id"] = ahead.visit.get("event_id", fact["event_id"])
    return Outcome(
        session.id,
        first,
        last,
        _present(fact),
        outgoing(rules, request, session_cookie(rules, session.id, request.now), *seen, *cookies),
        log,
        _ignored(payload),
    )


def entry(rules: CaptureRules, request: CaptureRequest, payload: Mapping[str, Any]) -> Outcome:
    """S5: as a visit, and session_id always goes to the entry. A form is no arrival: touches stay as they are.

    Whoever sends a form is there, whatever the browser says of the page: a registration is never provisional.
    """
    page = surface(payload.get("surface"))
    known, ahead, seen = _seen(rules, request, page)
    session = _session(request, payload, known)
    form = payload.get("registration_data")
    named = dict(payload)
    if clean(payload.get("cid")) is None and isinstance(form, Mapping):
        named["cid"] = form.get("cid")
    supplied, rejected = Attribution.read(named, rules.link_parameters, _form_values(payload, form))
    attribution, source = _attribution(rules, request.now, supplied, known.last)
    referrer = origin(payload.get("referrer"))
    if referrer is None and source == "last_touch" and known.last:
        referrer = known.last.referrer
    completed = times.near(payload.get("completed_at"), request.now) is not None
    fact = {
        **{name: payload.get(name) for name in REGISTRATION_FIELDS if completed or name != "completed_at"},
        **_common(request, payload, session, attribution, page, known.first),
        "client_id": uuid_text(payload.get("client_id")),
        "agency_id": uuid_text(payload.get("agency_id")),
        "phone_norm": _phone(payload, rules.country_code),
        "utm_referrer": referrer,
        "utm_first_visit_at": known.first.at if known.first else None,
    }
    return Outcome(
        session.id,
        known.first,
        known.last,
        _present(fact),
        outgoing(rules, request, session_cookie(rules, session.id, request.now), *seen),
        _log("entry", fact, session, source, known, rejected),
        _ignored(payload, *(() if completed else ("completed_at",))),
        _earlier(rules, request, ahead, session, known, page),
    )


def event_id(value: object, fresh: str, target: str | None) -> str:
    """The fact's id: a UUID as it is, other text by its MD5 within ``target``, so that a repeat is the same.

    ``target`` is the campaign or webinar: one tenant's "order-1001" is not another's. ``fresh`` for nothing.
    """
    if (identifier := uuid_text(value)) is not None:
        return identifier
    text = session_text(value)
    if text is None:
        return fresh
    return uuid_text(hashlib.md5(f"{target or ''}:{text}".encode(), usedforsecurity=False).hexdigest()) or fresh


def _seen(
    rules: CaptureRules, request: CaptureRequest, page: str | None
) -> tuple[Remembered, Provisional | None, tuple[SetCookie, ...]]:
    """What is known once somebody is seen on the page that calls: if it was fetched ahead, its arrival counts now."""
    known = remember(rules, request, page or request.path)
    # A call names its page; the browser does, too.
    ahead, cookies = shown(rules, request, page or surface(request.referrer))
    if ahead is None:
        return known, None, tuple(cookies)
    if request.prefetch:
        return replace(known, session_id=known.session_id or ahead.session_id), ahead, ()
    touch = ahead.touch
    first, last, touches = touched(
        rules, request, page or request.path, known.first, known.last, touch.attribution, touch.referrer, touch.at
    )
    known = replace(known, session_id=known.session_id or ahead.session_id, first=first, last=last)
    return known, ahead, (*cookies, *touches)


def _earlier(
    rules: CaptureRules,
    request: CaptureRequest,
    ahead: Provisional | None,
    session: _Session,
    known: Remembered,
    page: str | None,
) -> dict[str, Any] | None:
    """The visit of a page fetched ahead whose form was sent: nothing else had said that it was shown."""
    if ahead is None or "event_id" not in ahead.visit:
        return None
    attribution, _ = _attribution(rules, request.now, ahead.touch.attribution, known.last)
    fact = {
        **ahead.visit,
        "session_id": session.id,
        **attribution.supplied(),
        "occurred_at": ahead.touch.at,
        "surface": page,
        "first_touch": known.first.content() if known.first else None,
        "referrer": ahead.touch.referrer,
        "user_agent": summarize_user_agent(request.user_agent),
    }
    return _present(fact)


def why_never(kind: str, event: Mapping[str, Any]) -> str | None:
    """Why an event, a ``visit`` or an ``entry``, can never be a fact; None when it may be one.

    A campaign that is not there (yet) is no such reason (C2). ``stats.capture_never`` says the same.
    """
    if uuid_text(event.get("campaign_id")):
        return None
    if kind == "entry":
        return "it names no campaign"
    return None if uuid_text(event.get("webinar_id")) else "it names no campaign and no webinar"


def _session(request: CaptureRequest, payload: Mapping[str, Any], known: Remembered) -> _Session:
    supplied = session_text(payload.get("session_id"))
    if supplied and not names_a_person(clean(payload["session_id"], LOOKED_AT) or ""):
        return _Session(supplied, "payload")
    if known.session_id:
        return _Session(known.session_id, "cookie")
    return _Session(request.new_session_id, "new")


def _attribution(rules: CaptureRules, now: float, supplied: Attribution, last: Touch | None) -> tuple[Attribution, str]:
    """One arrival's attribution: what was supplied, or the last touch that says all of it and more. Never a mixture."""
    trusted = last is not None and -CLOCK_SKEW <= now - last.at <= rules.trust_seconds
    if last and trusted and last.attribution and supplied.agrees_with(last.attribution):
        return last.attribution, "supplied" if supplied == last.attribution else "last_touch"
    return supplied, "supplied" if supplied else "none"


def _common(
    request: CaptureRequest,
    payload: Mapping[str, Any],
    session: _Session,
    attribution: Attribution,
    page: str | None,
    first: Touch | None,
) -> dict[str, Any]:
    campaign = uuid_text(payload.get("campaign_id"))
    return {
        "event_id": event_id(
            payload.get("event_id"), request.new_event_id, campaign or uuid_text(payload.get("webinar_id"))
        ),
        "campaign_id": campaign,
        "session_id": session.id,
        **attribution.supplied(),
        "occurred_at": round(request.now, 6),
        "surface": page,
        "first_touch": first.content() if first else None,
    }


def _ignored(payload: Mapping[str, Any], *malformed: str) -> tuple[str, ...]:
    """Times that count as not supplied: what is malformed, and occurred_at, because the server's own clock counts."""
    return tuple(name for name in (*malformed, "occurred_at") if times.supplied(payload, name))


def _present(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fact.items() if value is not None}


def _form_values(payload: Mapping[str, Any], form: object) -> list[str]:
    places = [payload, form] if isinstance(form, Mapping) else [payload]
    found = [text for place in places for name in _IDENTIFYING if (text := clean(place.get(name), LOOKED_AT))]
    return [text for text in found if len(text) > 1]


def _phone(payload: Mapping[str, Any], country_code: str) -> str | None:
    """One person's number in one spelling: the digits of ``phone_norm``, else of ``phone``, as dialled in the country.

    A ``phone_norm`` that is written like no number is kept as it is.
    """
    given = clean(payload.get("phone_norm"))
    if given and not _NUMBER.fullmatch(given):
        return given
    given = given or clean(payload.get("phone")) or ""
    digits = "".join(str(unicodedata.digit(ch)) for ch in given if ch.isdecimal())
    bare = digits.removeprefix("00")
    abroad = given[:1] in ("+", "\uff0b") or bare != digits or (len(digits) >= 11 and not digits.startswith("0"))
    if abroad and bare.startswith(country_code):
        return "0" + bare.removeprefix(country_code).lstrip("0")
    return digits or None


def _log(
    kind: str,
    fact: Mapping[str, Any],
    session: _Session,
    source: str,
    known: Remembered,
    rejected: tuple[str, ...],
) -> dict[str, Any]:
    """What may be logged of a call: ids that name no person, where things came from, never a value (S7)."""
    return {
        "fact": kind,
        "event_id": fact["event_id"],
        "campaign_id": fact["campaign_id"],
        "session_from": session.taken_from,
        "attribution": source,
        "cookie_problems": list(known.problems),
        "rejected": list(rejected),
    }
