"""A page that was fetched ahead (prefetch, prerender): nobody has seen it, and when it is shown no request says so.

What its arrival and its visit would have been travels in a signed cookie of that page alone, until the page's first
call shows that somebody is there; if none comes, it never was (M2, S3).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eventflow_pipeline.capture.cookies import believed, fitting
from eventflow_pipeline.capture.request import CaptureRequest
from eventflow_pipeline.capture.rules import CaptureRules, SetCookie
from eventflow_pipeline.capture.text import clean, uuid_text
from eventflow_pipeline.capture.touch import Touch

#: Browsers keep a page that was fetched ahead for minutes.
LIFETIME = 3_600
_VISIT = ("event_id", "campaign_id", "webinar_id")


@dataclass(frozen=True, slots=True)
class Provisional:
    """What the page fetched ahead will be when it is shown: its session, its arrival, the ids of its visit."""

    session_id: str
    touch: Touch
    visit: Mapping[str, str]


def _name(rules: CaptureRules, page: str) -> str:
    return f"{rules.provisional_cookie}_{hashlib.sha256(page.encode('utf-8', 'replace')).hexdigest()[:12]}"


def keep(rules: CaptureRules, page: str, provisional: Provisional) -> SetCookie:
    """The cookie that carries it, for the page at the path ``page``."""
    name = _name(rules, page)
    visit = {key: provisional.visit[key] for key in _VISIT if provisional.visit.get(key)}
    content = {**provisional.touch.content(), "id": provisional.session_id, **visit}
    return SetCookie(name, fitting(rules, name, content), LIFETIME)


def shown(rules: CaptureRules, request: CaptureRequest, page: str | None) -> tuple[Provisional | None, list[SetCookie]]:
    """What was kept for the page at the path ``page``, and the cookie that ends it."""
    name = _name(rules, page) if page else ""
    if not any(sent == name for sent, _ in request.cookies):
        return None, []
    content = believed(rules, request, name, LIFETIME)
    return _read(content) if isinstance(content, dict) else None, [SetCookie(name, "", 0)]


def _read(content: Mapping[str, Any]) -> Provisional | None:
    session_id, touch = clean(content.get("id")), Touch.from_content(content)
    if session_id is None or touch is None:
        return None
    visit = {key: identifier for key in _VISIT if (identifier := uuid_text(content.get(key)))}
    return Provisional(session_id, touch, visit)
