"""Times from outside: an instant, or nothing. ``conformance/capture/times.json`` has the examples."""

import re
from collections.abc import Mapping
from datetime import datetime

from eventflow_pipeline.capture.text import clean

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"([Zz]|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
)
_NUMBER = re.compile(r"[0-9]{1,13}(\.[0-9]+)?")
#: Seconds reach this far in the year 5138: from here on it is milliseconds, as JavaScript's Date.now() gives.
_MILLISECONDS = 1e11
#: How far a supplied time may lie before and after the receipt, in seconds; anything else is a wrong clock.
_BEFORE, _AFTER = 30 * 86_400, 300


def instant(value: object) -> float | None:
    """Seconds since 1970 (UTC) of ISO 8601 with its offset, or of a number of seconds or milliseconds; else None.

    A text without an offset names no instant: what it meant would hang on who reads it.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, str):
        text = value.strip(" ")
        if _ISO.fullmatch(text):
            try:
                return datetime.fromisoformat(text.upper()).timestamp()
            except ValueError:  # such as 30 February
                return None
        if not _NUMBER.fullmatch(text):
            return None
        value = float(text)
    if not 0 <= value < 1e13:
        return None
    return value / 1000 if value >= _MILLISECONDS else float(value)


def near(value: object, now: float) -> float | None:
    """``instant`` of a value if a clock near ``now`` (seconds since 1970) could have shown it, else None."""
    found = instant(value)
    return found if found is not None and -_BEFORE <= found - now <= _AFTER else None


def supplied(payload: Mapping[str, object], name: str) -> bool:
    """Is anything there under ``name``, be it good or not?"""
    value = payload.get(name)
    return isinstance(value, (bool, dict, list)) or clean(value) is not None
