"""Signed cookies: ``base64url(JSON) "." base64url(HMAC-SHA256)``, both without padding.

The signing key is HMAC-SHA256(key, "eventflow-capture:" + cookie name), so a value moved under another name, another
tenant's included, fails. ``conformance/capture/cookies.json`` has the exact bytes.
"""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadSignature, Signer

from eventflow_pipeline.capture.request import CaptureRequest
from eventflow_pipeline.capture.rules import CaptureRules, SetCookie
from eventflow_pipeline.capture.text import clean
from eventflow_pipeline.capture.touch import Touch

#: Browsers drop a cookie of more than 4,096 bytes, name and attributes included.
LARGEST = 3_800
#: A cookie from this many seconds ahead is believed: servers' clocks differ.
CLOCK_SKEW = 300
#: Cookies of one name that are looked at. A browser sends one for each domain and path that set it.
_MOST_OF_A_NAME = 8
#: Cookies of one header that are looked at: more than a browser keeps of one site.
_MOST_COOKIES = 256


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the request's cookies say, as far as it can be believed, and why the rest was not (``cookie:why``)."""

    session_id: str | None = None
    first: Touch | None = None
    last: Touch | None = None
    problems: tuple[str, ...] = ()


def scope(rules: CaptureRules, path: str) -> str:
    """The tenant a path belongs to, as the suffix of its touch cookies; empty with ``scope_segments`` 0.

    Two tenants never have one: segments are joined by what none of them holds, and what would not be kept apart is
    hashed.
    """
    segments = [part for part in path.split("/") if part][: rules.scope_segments]
    name = ".".join(segments)
    if not segments:
        return ""
    if len(name) <= 40 and all(re.fullmatch(r"[a-z0-9-]+", part) for part in segments):
        return f"_{name}"
    return f"_{hashlib.sha256('/'.join(segments).encode('utf-8', 'replace')).hexdigest()[:16]}"


def sign(rules: CaptureRules, name: str, content: Mapping[str, Any]) -> str:
    """Value of the cookie ``name`` that carries ``content``, signed with the newest key."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return _signer(rules, name).sign(base64.urlsafe_b64encode(body).rstrip(b"=")).decode()


def verify(rules: CaptureRules, name: str, value: str) -> dict[str, Any] | str:
    """Content of a cookie that one of the keys signed under this name; else why not, in a word."""
    if len(value) > LARGEST + 200:
        return "oversized"
    try:
        body = _signer(rules, name).unsign(value.encode("ascii"))
        content = json.loads(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    except (BadSignature, UnicodeEncodeError):
        return "tampered"
    except (ValueError, RecursionError):
        return "malformed"
    return content if isinstance(content, dict) else "malformed"


def remember(rules: CaptureRules, request: CaptureRequest, path: str) -> Remembered:
    """What the request's cookies say about the page at ``path``: forged, expired or garbled ones count as absent.

    Of a name that came more than once (a cookie of the host beside one of the domain) the first that is neither counts.
    """
    problems: list[str] = []
    suffix = scope(rules, path)

    def read(name: str, label: str, lifetime: int) -> dict[str, Any] | None:
        content = believed(rules, request, name, lifetime)
        if isinstance(content, str):
            problems.append(f"{label}:{content}")
        return content if isinstance(content, dict) else None

    session = read(rules.session_cookie, "session", rules.session_seconds)
    first = read(rules.first_cookie + suffix, "first_touch", rules.first_seconds)
    last = read(rules.last_cookie + suffix, "last_touch", rules.last_seconds)
    return Remembered(
        clean(session.get("id")) if session else None,
        Touch.from_content(first) if first else None,
        Touch.from_content(last) if last else None,
        tuple(problems),
    )


def believed(rules: CaptureRules, request: CaptureRequest, name: str, lifetime: int) -> dict[str, Any] | str | None:
    """Content of the first cookie of that name that can be believed; else why the first could not; None without one."""
    why: str | None = None
    for value in [value for sent, value in request.cookies if sent == name and value][:_MOST_OF_A_NAME]:
        content = verify(rules, name, value)
        if not isinstance(content, str):
            at = content.get("at")
            if not isinstance(at, int) or isinstance(at, bool):
                content = "malformed"
            elif at > request.now + CLOCK_SKEW:
                content = "future"
            elif at + lifetime <= request.now:
                content = "expired"
            else:
                return content
        why = why or content
    return why


def outgoing(rules: CaptureRules, request: CaptureRequest, *cookies: SetCookie) -> tuple[SetCookie, ...]:
    """The cookies to set, of a name the last; those of the host that hide the domain's own are ended with them."""
    wanted = {cookie.name: cookie for cookie in cookies}
    sent = Counter(name for name, _ in request.cookies)
    hiding = [SetCookie(name, "", 0, host_only=True) for name in wanted if rules.domain and sent[name] > 1]
    return (*wanted.values(), *hiding)


def cookie_pairs(header: str) -> list[tuple[str, str]]:
    """Names and values of a Cookie header in its order, a name as often as it came."""
    pairs = (part.partition("=") for part in header.split(";", _MOST_COOKIES)[:_MOST_COOKIES])
    return [(name.strip(), value.strip().strip('"')) for name, _, value in pairs]


def session_cookie(rules: CaptureRules, session_id: str, now: float) -> SetCookie:
    """The session's cookie, its lifetime starting anew."""
    name = rules.session_cookie
    return SetCookie(name, sign(rules, name, {"at": int(now), "id": session_id}), rules.session_seconds)


def touch_cookie(rules: CaptureRules, which: str, touch: Touch, path: str) -> SetCookie:
    """Cookie of the ``first`` or ``last`` touch, for the tenant of ``path``, shortened until a browser keeps it."""
    name = (rules.first_cookie if which == "first" else rules.last_cookie) + scope(rules, path)
    lifetime = rules.first_seconds if which == "first" else rules.last_seconds
    return SetCookie(name, fitting(rules, name, touch.content()), lifetime)


def fitting(rules: CaptureRules, name: str, content: Mapping[str, Any]) -> str:
    """Value of a cookie that carries a touch, shortened until a browser keeps it."""
    content = dict(content)
    for dropped in (None, "referrer", "utm_content", "utm_term"):
        content.pop(dropped or "", None)
        value = sign(rules, name, content)
        if len(name) + len(value) <= LARGEST:
            return value
    short = {key: text[:100] for key, text in content.items() if isinstance(text, str) and key != "id"}
    return sign(rules, name, {**content, **short})


def _signer(rules: CaptureRules, name: str) -> Signer:
    # itsdangerous wants the newest key last.
    return Signer(
        rules.keys[::-1], salt=f"eventflow-capture:{name}", key_derivation="hmac", digest_method=hashlib.sha256
    )
