"""What personal data looks like (S7), to find it where it must not be and to keep it out of what leaves this project.

Names have no look: they are kept out by never reading the columns that hold them. Every pattern here takes time in
proportion to the text, however long it is and whatever is in it: no quantifier without a bound before what may fail.
Every pattern reads the same in Python (re.ASCII) and in Postgres (``collate "C"``), case aside in both.
"""

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote_plus

_SEPARATORS = r"\s<>\"'(),;:=&?/"
#: An e-mail address, also percent-encoded, from the last character before its @ to the second of its top-level domain.
EMAIL = rf"[^@{_SEPARATORS}](@|%40)[^@{_SEPARATORS}]{{1,190}}\.[a-z]{{2}}"
#: Korean mobile and regional numbers, and numbers with a country code; never a timestamp, a uuid or a count.
PHONE = (
    r"(?<![\w+.-])(?:(?:\+?82[-. ]?|0)1[016789][-. ]?\d{3,4}[-. ]?\d{4}"
    r"|0\d{1,2}[-. ]\d{3,4}[-. ]\d{4}"
    r"|\+\d{1,3}[-. ]?\(?\d{1,4}\)?(?:[-. ]?\d{2,4}){2,3})(?![\w-])"
)
#: A normalized UTM value in which this is found counts as ``REDACTED_MEMBER`` (A5). ``stats.personal_pattern`` is the
#: same string; that it has no backslash and no look-around lets every engine read it alike.
PERSONAL_MEMBER = (
    r"[a-z0-9_.+-](@|%40)[a-z0-9-]{1,63}[.][a-z0-9-]"
    r"|(^|[^0-9])01[016789][ .-]?[0-9]{3,4}[ .-]?[0-9]{4}($|[^0-9])"
    r"|(^|[^0-9])0[2-6][0-9]?-[0-9]{3,4}-[0-9]{4}($|[^0-9])"
    r"|(^|[^0-9a-z])[+][0-9]{1,3}[ .()-]{1,2}[0-9]{1,4}([ .()-]{1,2}[0-9]{2,4}){1,4}($|[^0-9])"
    r"|(^|[^0-9a-z])[+][1-9][0-9]{9,14}($|[^0-9])"
)
REDACTED_MEMBER = "(redacted)"
#: What capture refuses (``personal_kind``), by kind: as a whole and early, so that more counts than in alerts.
#: ``stats.personal_kind`` holds the same patterns.
REFUSED: Mapping[str, str] = {
    "email": r"[^\s@](?:@|%40|\s?[(\[]at[)\]]\s?)[^\s@]",
    "phone": "|".join(
        (
            # Korean mobile, its dashes ASCII's or another.
            r"(?<!\d)01[016789][\s._/\u2010-\u2015\u2212-]?\d{3,4}[\s._/\u2010-\u2015\u2212-]?\d{4}(?!\d)",
            r"(?<![\da-z])\+\d[\s\d().-]{6,16}\d(?![\da-z])",  # international, with its plus
            r"(?<![\da-z])82[\s.-]?10[\s.-]?\d{3,4}[\s.-]?\d{4}(?![\da-z])",
            r"(?<![\da-z])\(?0\d{1,2}\)?[\s.-]?\d{3,4}[\s.-]?\d{4}(?![\da-z])",
            r"(?<![\da-z])\(?\d{2,3}\)?[\s.-]\d{3,4}[\s.-]\d{4}(?![\da-z])",
            PHONE,
        )
    ),
    "name": r"(?:^|[^a-z])(?:(?:first|last|full|user|sur|given|family|real|nick)[\s_-]?)?name\s{0,8}[=:]"
    r"|(?:이름|성명|성함)\s{0,8}[=:]"
    r"|[{%\[<*|][\sa-z_.-]{0,40}(?:name|e-?mail|phone|tel|mobile)\s{0,8}[}%\]>*|]",
}
#: How much of a captured value is looked at: more than is ever kept of it, and no more, because each visitor waits.
LOOKED_AT = 256
#: Fields that would hold personal data or a session, whatever their value looks like.
FORBIDDEN_FIELDS = frozenset(
    {
        "name", "first_name", "last_name", "user_name", "email", "mail", "phone", "phone_norm", "company", "code6",
        "survey_no", "consent_data", "registration_data", "form", "answers", "user_agent", "referrer", "utm_referrer",
        "session_id", "session", "cookie", "cookies", "authorization", "password", "token", "ip", "address",
        "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
    }
)  # fmt: skip
REDACTED = "[redacted]"
_LOOKS_PERSONAL = re.compile(f"{EMAIL}|{PHONE}", re.IGNORECASE | re.ASCII)
_EMAIL = re.compile(EMAIL, re.IGNORECASE | re.ASCII)
_PHONE = re.compile(PHONE, re.ASCII)
_REFUSED = {kind: re.compile(pattern, re.IGNORECASE | re.ASCII) for kind, pattern in REFUSED.items()}
#: What is invisible inside a text, and hides from a pattern what everybody reads.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_NUMBER = re.compile(r"[0-9 +().-]{9,24}")
_WORD = re.compile(rf"[^{_SEPARATORS}]+")


def looks_personal(value: str) -> bool:
    """Does the text contain what looks like an e-mail address or a phone number?"""
    return _LOOKS_PERSONAL.search(value) is not None


def personal_kind(text: str) -> str | None:
    """``email``, ``phone`` or ``name`` when the text looks like one, decoded as often as a link may encode it.

    Looks at the first ``LOOKED_AT`` characters, and at no more where one stands for many (NFKC).
    ``stats.personal_kind`` is the same in the database.
    """
    seen = text[:LOOKED_AT]
    for _ in range(3):
        folded = unicodedata.normalize("NFKC", seen)[:LOOKED_AT].translate(_INVISIBLE)
        for kind, pattern in _REFUSED.items():
            if pattern.search(folded):
                return kind
        decoded = unquote_plus(seen)
        if decoded == seen:
            return None
        seen = decoded
    return None


def names_a_person(session_id: str) -> bool:
    """Is a session id an e-mail address, or as a whole a phone number? ``stats.capture_session`` says the same.

    Digits inside of a random id are neither.
    """
    kind = personal_kind(session_id)
    return kind == "email" or (kind == "phone" and _NUMBER.fullmatch(session_id) is not None)


def redact(value: str) -> str:
    """The text with every word that holds an e-mail address, and every phone number, replaced."""
    without_email = _WORD.sub(lambda word: REDACTED if _EMAIL.search(word[0]) else word[0], value)
    return _PHONE.sub(REDACTED, without_email)
