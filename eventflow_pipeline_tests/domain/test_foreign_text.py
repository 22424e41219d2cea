"""Text of strangers is text, wherever it is shown."""

import pytest

from eventflow_pipeline.domain.foreign_text import in_markdown, in_message, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Spring Seminar 2026", "Spring Seminar 2026"),
        ("고객 초청 세미나", "고객 초청 세미나"),
        ("\x1b]0;owned\x07", "\ufffd]0;owned\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("one\r\n  ERROR  two\tthree", "one ERROR  two three"),
        ("\u202egpj.exe", "\ufffdgpj.exe"),
        ("[/x] [link=https://evil.example]", "[/x] [link=https://evil.example]"),
    ],
)
def test_on_a_line(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    "text", ["@everyone", "<!channel> @here", "https://evil.example", "[pay](http://evil.example)", "<mailto:a|pay>"]
)
def test_in_a_message_nobody_is_called_and_nothing_linked(text: str) -> None:
    shown = in_message(text)
    assert shown.replace("\u2060", "") == text
    assert [part for part in ("@everyone", "@here", "<!", "<m", "://") if part in shown] == []


def test_in_markdown_every_mark_is_escaped() -> None:
    assert in_markdown("*a* [b](https://c) <img>") == (r"\*a\* \[b\]\(https\:\/\/c\) \<img\>")
