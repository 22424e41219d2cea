"""What personal data looks like (S7), to find it where it must not be and to keep it out of what leaves this project.

Names have no look: they are kept out by never reading the columns that hold them. Every pattern here takes time in
proportion to the text, however long it is and whatever is in it: no quantifier without a bound before what may fail.
"""

import re

_SEPARATORS = r"\s<>\"'(),;:=&?/"
#: Written so that Postgres (~*) and Python read the same thing: an e-mail address, also percent-encoded, from the last
#: character before its @ to the second one of its top-level domain.
EMAIL = rf"[^@{_SEPARATORS}](@|%40)[^@{_SEPARATORS}]{{1,190}}\.[a-z]{{2}}"
#: Korean mobile and regional numbers, and numbers with a country code; never a timestamp, a uuid or a count.
PHONE = (
    r"(?<![\w+.-])(?:(?:\+?82[-. ]?|0)1[016789][-. ]?\d{3,4}[-. ]?\d{4}"
    r"|0\d{1,2}[-. ]\d{3,4}[-. ]\d{4}"
    r"|\+\d{1,3}[-. ]?\(?\d{1,4}\)?(?:[-. ]?\d{2,4}){2,3})(?![\w-])"
)
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
_LOOKS_PERSONAL = re.compile(f"{EMAIL}|{PHONE}", re.IGNORECASE)
_EMAIL = re.compile(EMAIL, re.IGNORECASE)
_PHONE = re.compile(PHONE)
_WORD = re.compile(rf"[^{_SEPARATORS}]+")


def looks_personal(value: str) -> bool:
    """Does the text contain what looks like an e-mail address or a phone number?"""
    return _LOOKS_PERSONAL.search(value) is not None


def redact(value: str) -> str:
    """The text with every word that holds an e-mail address, and every phone number, replaced."""
    without_email = _WORD.sub(lambda word: REDACTED if _EMAIL.search(word[0]) else word[0], value)
    return _PHONE.sub(REDACTED, without_email)
