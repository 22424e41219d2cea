"""Text that tenants and visitors wrote, made harmless where it is shown. What is stored stays as it is."""

import re
import unicodedata

_SHOWN_AS = "\N{REPLACEMENT CHARACTER}"
#: Joins what stands beside it without a mark: a link or a mention that holds one is none.
_JOINER = "\N{WORD JOINER}"
#: Turns the direction of what follows, or hides in it.
_TURNING = re.compile("[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """On one line of a terminal or a log: control characters (C0, C1) and turns of direction as U+FFFD."""
    visible = (_SHOWN_AS if unicodedata.category(ch) == "Cc" else ch for ch in re.sub(r"\s*[\r\n\t]\s*", " ", text))
    return _TURNING.sub(_SHOWN_AS, "".join(visible))


def in_message(text: str) -> str:
    """In a chat or mail: as ``plain``, and neither a link nor a mention of anybody."""
    for mark in ("@", "<"):  # some call everybody for <!channel>, and link <mailto:…>
        text = text.replace(mark, f"{mark}{_JOINER}")
    return plain(text).replace("://", f":{_JOINER}//")


def in_markdown(text: str) -> str:
    """In Markdown: as ``plain``, and every mark escaped."""
    return _MARKDOWN.sub(r"\\\1", plain(text))
