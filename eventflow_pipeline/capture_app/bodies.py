"""A call's body, from whatever bytes came in to plain JSON that Postgres can hold."""

import json
import math
import re
from typing import Any

from eventflow_pipeline.capture.query import first_of_each, query_pairs

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 16


def parse(body: bytes, content_type: str, other_encoding: str | None) -> dict[str, Any] | None:
    """The body as a JSON object, None when it is none. Forms (blocked JavaScript) read as objects of text.

    Of a form's field that came more than once the first that is not blank counts. Wrong bytes of JSON become U+FFFD;
    NaN, infinities and anything nested deeper than 16 become null; NUL goes.
    """
    if content_type.startswith("application/x-www-form-urlencoded"):
        return {_text(k): _text(v) for k, v in first_of_each(query_pairs(body, other_encoding)).items()}
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
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
