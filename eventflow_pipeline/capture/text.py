"""Text from outside: normalized (N1), never longer than what is kept, and refused where it looks personal (S7)."""

import re
import unicodedata
from urllib.parse import unquote_plus, urlsplit

from eventflow_pipeline.domain.normalization import (
    BLANKS,
    LONGEST,
    normalize_cid,
    normalize_session,
    normalize_text,
    normalize_utm,
)
from eventflow_pipeline.domain.personal_data import PHONE

#: How much of a value is looked at for personal data: more than is ever kept of it.
LOOKED_AT = 1_000
#: Longest name of a host, in characters.
_LONGEST_HOST = 253
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")

# Here a value is refused as a whole and early, so more counts than what alerts look for (domain/personal_data.py).
# All take time in proportion to the text: quantifiers have bounds.
_EMAIL = re.compile(r"[^\s@](?:@|%40)[^\s@]")
_PHONE = re.compile(
    r"""
      (?<!\d) 01[016789] [\s._-]? \d{3,4} [\s._-]? \d{4} (?!\d)        # Korean mobile
    | (?<![\da-z]) \+ \d [\s\d().-]{6,16} \d (?![\da-z])               # international, with its plus
    | (?<![\da-z]) 82 [\s.-]? 10 [\s.-]? \d{3,4} [\s.-]? \d{4} (?![\da-z])
    | (?<![\da-z]) \(?0\d{1,2}\)? [\s.-]? \d{3,4} [\s.-]? \d{4} (?![\da-z])
    | (?<![\da-z]) \(?\d{2,3}\)? [\s.-] \d{3,4} [\s.-] \d{4} (?![\da-z])
    """,
    re.VERBOSE,
)
_PHONE_OF_ALERTS = re.compile(PHONE)
_NAME_FIELD = re.compile(
    r"(?:^|[^a-z])(?:(?:first|last|full|user|sur|given|family|real|nick)[\s_-]?)?name\s{0,8}[=:]"
    r"|(?:이름|성명|성함)\s{0,8}[=:]"
    r"|[{%\[<*|][\sa-z_.-]{0,40}(?:name|e-?mail|phone|tel|mobile)\s{0,8}[}%\]>*|]"
)

_PERSONAL = (("email", _EMAIL), ("phone", _PHONE), ("phone", _PHONE_OF_ALERTS), ("name", _NAME_FIELD))


def _text(value: object) -> str:
    """Text of a payload without what Postgres cannot store. Numbers read as their digits; all else is not supplied."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    if isinstance(value, int) and abs(value) >= 10**40:  # no id; Python refuses to print the largest
        return ""
    return _UNSTORABLE.sub("", str(value))


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


def looks_personal(text: str) -> str | None:
    """``email``, ``phone`` or ``name`` when the text looks like one (S7), decoded as often as a link may encode it.

    Looks at the first ``LOOKED_AT`` characters.
    """
    seen = text[:LOOKED_AT]
    for _ in range(3):
        folded = unicodedata.normalize("NFKC", seen).lower()
        for kind, pattern in _PERSONAL:
            if pattern.search(folded):
                return kind
        decoded = unquote_plus(seen)
        if decoded == seen:
            return None
        seen = decoded
    return None


def origin(value: object) -> str | None:
    """Of a referrer only ``scheme://host`` (S7); None when it has none."""
    text = clean(value, 2_000)
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "")[:_LONGEST_HOST]
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[a-z][a-z0-9+.-]*", parts.scheme) or looks_personal(host):
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
    return None if not text or looks_personal(text) else text


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
