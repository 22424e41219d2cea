"""Text from outside: normalized (N1), capped, and refused where it looks personal (S7)."""

import re
import unicodedata
from urllib.parse import unquote_plus, urlsplit

from eventflow_pipeline.domain.personal_data import EMAIL, PHONE

#: Longest UTM value, cid or session id that is kept, in characters: what EventFlow's current writer does.
CAP = 200
_BLANKS = " \t\n\r\f\v\u00a0\u3000"
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")

# Here a value is refused as a whole and early, so more counts than what alerts look for (domain/personal_data.py).
_EMAIL = re.compile(rf"[^\s@]@[^\s@]|{EMAIL}")
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
    r"(?:^|[^a-z])(?:(?:first|last|full|user|sur|given|family|real|nick)[\s_-]?)?name\s*[=:]"
    r"|(?:이름|성명|성함)\s*[=:]"
    r"|[{%\[<*|]\s*[a-z_ .-]*(?:name|e-?mail|phone|tel|mobile)\s*[}%\]>*|]"
)

_PERSONAL = (("email", _EMAIL), ("phone", _PHONE), ("phone", _PHONE_OF_ALERTS), ("name", _NAME_FIELD))


def clean(value: object, cap: int = CAP) -> str | None:
    """Normalized text (N1), at most ``cap`` characters, without what Postgres cannot store; None when nothing is left.

    Numbers read as their digits; anything else that is not text counts as not supplied.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, int) and abs(value) >= 10**40:  # no id; Python refuses to print the largest
        return None
    text = _UNSTORABLE.sub("", str(value)[: 4 * cap]).strip(_BLANKS)[:cap].strip(_BLANKS)
    return text or None


def uuid_text(value: object) -> str | None:
    """``value`` as a UUID in its usual form, or None."""
    text = (clean(value) or "").lower().strip("{}")
    if not _UUID.fullmatch(text):
        return None
    bare = text.replace("-", "")
    return f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"


def looks_personal(text: str) -> str | None:
    """``email``, ``phone`` or ``name`` when the text looks like one (S7), decoded as often as a link may encode it."""
    seen = text
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
        host = parts.hostname
    except ValueError:
        return None
    if not host or not re.fullmatch(r"[a-z][a-z0-9+.-]*", parts.scheme) or looks_personal(host):
        return None
    return f"{parts.scheme}://{host[:CAP]}"


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
    text = re.split(r"[?#;]", text, maxsplit=1)[0][:CAP]
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
