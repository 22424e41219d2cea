"""Text from outside: normalized (N1), never longer than what is kept, and refused where it looks personal (S7)."""

import re
from urllib.parse import urlsplit

from eventflow_pipeline.domain.normalization import (
    BLANKS,
    LONGEST,
    normalize_cid,
    normalize_session,
    normalize_text,
    normalize_utm,
)
from eventflow_pipeline.domain.personal_data import personal_kind

#: Characters of a value that are looked at: as many as a URL may have.
_LONGEST = 8_192
#: Longest name of a host, in characters.
_LONGEST_HOST = 253
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


def _text(value: object) -> str:
    """Text of a payload without what Postgres cannot store. Numbers read as their digits; all else is not supplied."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    if isinstance(value, int) and abs(value) >= 10**40:  # no id; Python refuses to print the largest
        return ""
    return _UNSTORABLE.sub("", str(value)[:_LONGEST])


def clean(value: object, cap: int = LONGEST) -> str | None:
    """Normalized text (N1), its first ``cap`` characters; None when nothing is left."""
    text = normalize_text(_text(value)[: 4 * cap]) or ""
    return text[:cap].strip(BLANKS) or None


def session_text(value: object) -> str | None:
    """A session id or another id that is text (N1)."""
    return normalize_session(_text(value))


def utm_text(value: object) -> str | None:
    """A UTM value (N1)."""
    return normalize_utm(_text(value))


def cid_text(value: object) -> str | None:
    """A cid (N1). One that is too long to match is kept long enough not to, and no longer."""
    code = normalize_cid(_text(value))
    if code is None or len(code) <= LONGEST:
        return code
    return f"{(normalize_text(_text(value)) or '')[:LONGEST]}…"


def uuid_text(value: object) -> str | None:
    """``value`` as a UUID in its usual form, or None."""
    text = (clean(value) or "").lower().strip("{}")
    if not _UUID.fullmatch(text):
        return None
    bare = text.replace("-", "")
    return f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"


def origin(value: object) -> str | None:
    """Of a referrer only ``scheme://host`` (S7); None when it has none."""
    text = clean(value, 2_000)
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "")[:_LONGEST_HOST]
        _ = parts.port  # refused when it is no number: a password with a slash, and the host before it is a user's name
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[a-z][a-z0-9+.-]*", parts.scheme) or personal_kind(host):
        return None
    return f"{parts.scheme}://{host}"


def surface(value: object) -> str | None:
    """Path of a page or name of a route, without query and fragment; None when it looks personal."""
    text = clean(value, 2_000)
    if text is None:
        return None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        try:
            text = urlsplit(text).path or "/"
        except ValueError:
            return None
    text = re.split(r"[?#;]", text, maxsplit=1)[0][:LONGEST]
    return None if not text or personal_kind(text) else text


_FAMILIES = (
    ("edge", "edg"),
    ("kakaotalk", "kakaotalk"),
    ("naver", "naver("),
    ("samsung", "samsungbrowser"),
    ("firefox", "firefox"),
    ("chrome", "chrome"),
    ("safari", "safari"),
)


def summarize_user_agent(value: object) -> str | None:
    """A user agent as ``family/device`` (S7), such as ``chrome/mobile``; the raw header is kept nowhere."""
    agent = (clean(value, 1_000) or "").lower()
    if not agent:
        return None
    if re.search(r"bot|crawl|spider|preview|slurp|facebookexternalhit|headless", agent):
        return "bot"
    family = next((name for name, mark in _FAMILIES if mark in agent), "other")
    device = "tablet" if re.search(r"ipad|tablet", agent) else "mobile" if "mobi" in agent else "desktop"
    return f"{family}/{device}"
