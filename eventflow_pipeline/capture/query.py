"""A query as it was sent: percent-encoded bytes, which need not be UTF-8.

Older ad tools and pages encode Korean as CP949. Decoded as UTF-8, all of it would become the same replacement
character, and different campaigns one; what can be read in neither keeps its percent form (N1: distinct stays
distinct).
"""

import re
from collections.abc import Iterable
from urllib.parse import quote_from_bytes, unquote_to_bytes

#: Fields that are looked at; what comes after costs itself alone.
MOST_FIELDS = 100
#: Bytes of a value that is no text which are kept.
_MOST_UNREADABLE = 4_096
_NO_URL = re.compile(rb"[^!-~]")


def query_pairs(raw: bytes, other_encoding: str | None) -> list[tuple[str, str]]:
    """Names and values of a query or a form in its order; bytes that are no UTF-8 as text in ``other_encoding``."""
    fields = [field.partition(b"=") for field in raw.split(b"&", MOST_FIELDS)[:MOST_FIELDS] if field]
    return [(_text(name, other_encoding), _text(value, other_encoding)) for name, _, value in fields]


def first_of_each(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Of every name the first value that is not blank."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if not found.get(name, "").strip():
            found[name] = value
    return found


def without(raw: bytes, dropped: set[str], other_encoding: str | None) -> str:
    """The query as it came, byte for byte, but for blank fields of the names in ``dropped`` (in lower case)."""

    def is_dropped(field: bytes) -> bool:
        pairs = query_pairs(field, other_encoding)
        return any(name.lower() in dropped and not value.strip() for name, value in pairs)

    # The last one is all that comes after the fields that are looked at.
    fields = enumerate(raw.split(b"&", MOST_FIELDS))
    kept = [field for number, field in fields if field and (number == MOST_FIELDS or not is_dropped(field))]
    # Bytes that no URL may hold travel in percent form: the same bytes to whoever decodes them.
    return _NO_URL.sub(lambda byte: b"%%%02X" % ord(byte[0]), b"&".join(kept)).decode("ascii")


def _text(encoded: bytes, other_encoding: str | None) -> str:
    raw = unquote_to_bytes(encoded.replace(b"+", b" "))
    for encoding in ("utf-8", other_encoding):
        try:
            if encoding:
                return raw.decode(encoding)
        except UnicodeDecodeError:
            pass
    return quote_from_bytes(raw[:_MOST_UNREADABLE], safe=" ")
