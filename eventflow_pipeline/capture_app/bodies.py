"""A call's body, from whatever bytes came in to plain JSON that Postgres can hold."""

import json
import math
import re
from itertools import takewhile
from typing import Any

from eventflow_pipeline.capture.query import first_of_each, query_pairs

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 16
_MOST_VALUES = 2_000


def parse(body: bytes, content_type: str, other_encoding: str | None) -> dict[str, Any] | None:
    """The body as a JSON object, None when it is none. Forms (blocked JavaScript) read as objects of text.

    Of a form's field that came more than once the first that is not blank counts. Wrong bytes of JSON become U+FFFD;
    NaN, infinities and anything nested deeper than 16 become null; NUL goes. Of more than 2,000 values, those of inner
    objects and lists counted, the first are kept.
    """
    if content_type.startswith("application/x-www-form-urlencoded"):
        return {_text(k): _text(v) for k, v in first_of_each(query_pairs(body, other_encoding)).items()}
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        parsed = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return _Storable().of(parsed, _DEEPEST) if isinstance(parsed, dict) else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _text(value: str) -> str:
    return _UNSTORABLE.sub("", value)


class _Storable:
    """What Postgres can hold of a parsed body, as far as the number of values reaches."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, str):
            return _text(value)
        if not isinstance(value, (dict, list)):
            return value
        if depth == 0:
            return None
        if isinstance(value, dict):
            items = value.items()
            return {_text(key): self.of(inner, depth - 1) for key, inner in takewhile(self._has_room, items)}
        return [self.of(inner, depth - 1) for inner in takewhile(self._has_room, value)]

    def _has_room(self, _: object) -> bool:
        return self._left > 0
