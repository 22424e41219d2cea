"""A call's body, from whatever bytes came in to plain JSON that Postgres can hold."""

import json
import math
import re
from typing import Any
from urllib.parse import parse_qsl

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 16


def parse(body: bytes, content_type: str) -> dict[str, Any] | None:
    """The body as a JSON object, None when it is none. Forms (blocked JavaScript) read as objects of text.

    Wrong bytes become U+FFFD; NaN, infinities and anything nested deeper than 16 become null; NUL goes.
    """
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    if content_type.startswith("application/x-www-form-urlencoded"):
        try:
            return {_text(key): _text(value) for key, value in parse_qsl(text, keep_blank_values=True)}
        except ValueError:
            return None
    try:
        parsed = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return _storable(parsed, _DEEPEST) if isinstance(parsed, dict) else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _text(value: str) -> str:
    return _UNSTORABLE.sub("", value)


def _storable(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (dict, list)) and depth == 0:
        return None
    if isinstance(value, dict):
        return {_text(key): _storable(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner, depth - 1) for inner in value]
    return value
