"""Normalized text (N1, A5): what a UTM value, a session id, a cid or a name is compared and counted as.

The same as ``stats.normalize_*`` in SQL, which counts; this one is for what must be normal before it is stored or asked
for. Where the Unicode versions of Python and the server differ, so may characters that are newer than the older one.
"""

import hashlib
import re
import unicodedata

from eventflow_pipeline.domain.personal_data import PERSONAL_MEMBER, REDACTED_MEMBER

#: What is stripped at both ends: blanks, and what is invisible.
BLANKS = " \t\n\r\f\v\u00a0\u00ad\u200b\u2060\u3000\ufeff"
#: Longest text that is a key as it is, and longest cid that can match, in code points.
LONGEST = 200
_KEPT = 160
#: Characters with a combining class (up to Unicode 16), more in a row than any text has (Unicode's stream-safe format).
MARKS = (
    r"\u0300-\u036F\u0483-\u0487\u0591-\u05C7\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06E4\u06E7-\u06ED"
    r"\u0711\u0730-\u074A\u07EB-\u07F3\u07FD\u0816-\u0819\u081B-\u0823\u0825-\u0827\u0829-\u082D"
    r"\u0859-\u085B\u0897-\u089F\u08CA-\u08FF\u093C\u094D\u0951-\u0954\u09BC\u09CD\u09FE\u0A3C-\u0A4D"
    r"\u0ABC\u0ACD\u0B3C\u0B4D\u0BCD\u0C3C\u0C4D-\u0C56\u0CBC\u0CCD\u0D3B-\u0D3C\u0D4D\u0DCA\u0E38-\u0E3A"
    r"\u0E48-\u0E4B\u0EB8-\u0EBA\u0EC8-\u0ECB\u0F18-\u0F19\u0F35-\u0F39\u0F71-\u0F87\u0FC6\u1037-\u103A"
    r"\u108D\u135D-\u135F\u1714-\u1715\u1734\u17D2\u17DD\u18A9\u1939-\u193B\u1A17-\u1A18\u1A60-\u1A7F"
    r"\u1AB0-\u1ACE\u1B34-\u1B44\u1B6B-\u1B73\u1BAA-\u1BAB\u1BE6-\u1BF3\u1C37\u1CD0-\u1CE8\u1CED\u1CF4"
    r"\u1CF8-\u1CF9\u1DC0-\u1DFF\u20D0-\u20F0\u2CEF-\u2CF1\u2D7F\u2DE0-\u2DFF\u302A-\u302F\u3099-\u309A"
    r"\uA66F-\uA67D\uA69E-\uA69F\uA6F0-\uA6F1\uA806\uA82C\uA8C4\uA8E0-\uA8F1\uA92B-\uA92D\uA953"
    r"\uA9B3-\uA9C0\uAAB0\uAAB2-\uAAB4\uAAB7-\uAAB8\uAABE-\uAABF\uAAC1\uAAF6\uABED\uFB1E\uFE20-\uFE2F"
    r"\U000101FD-\U0001E94A"
)
_ENDLESS_MARKS = re.compile(f"[{MARKS}]{{31}}")
_PERSONAL = re.compile(PERSONAL_MEMBER)


def normalize_text(text: str) -> str | None:
    """``text`` in Unicode NFC without blanks at its ends; None when nothing is left. Case stays.

    More than 30 combining marks in a row stay in the form they came in: putting them in order takes the square of
    their number.
    """
    if len(text.encode(errors="surrogatepass")) <= LONGEST or not _ENDLESS_MARKS.search(text):
        text = unicodedata.normalize("NFC", text)
    return text.strip(BLANKS) or None


def normalize_session(text: str) -> str | None:
    """A session id; above 200 code points its digest."""
    return _shortened(normalize_text(text))


def normalize_utm(text: str) -> str | None:
    """A UTM value: lower case; what looks personal is one member (A5), and above 200 code points it is its digest."""
    normal = (normalize_text(text) or "").lower() or None
    return REDACTED_MEMBER if normal and _PERSONAL.search(normal) else _shortened(normal)


def normalize_cid(text: str) -> str | None:
    """A cid: upper case. One of more than 200 characters is supplied and matches nothing."""
    normal = normalize_text(text)
    return normal.upper() if normal else None


def _shortened(text: str | None) -> str | None:
    """The text, or its first 160 code points, an ellipsis and the MD5 of all of it (UTF-8): distinct stays distinct."""
    if text is None or len(text) <= LONGEST:
        return text
    digest = hashlib.md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
    return f"{text[:_KEPT]}…{digest}"
