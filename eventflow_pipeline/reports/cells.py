"""Text from outside in cells: what a file cannot spell is replaced, what a program would run is stopped."""

import re
from typing import Any

#: A CSV cell that begins like this is a formula to a spreadsheet, full-width signs included; a plain number is none.
_FORMULA = re.compile(r"\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*%?")
#: The same for Postgres, as a literal of SQL that matches what has to be stopped; % doubled, as psycopg wants it.
FORMULA_SQL = r"'^(?![+-]?[0-9]+([.,][0-9]+)*%%?$)(\s*[=+\-@＝＋－＠]|[\t\r\n])'"
#: What XML 1.0 cannot spell (its production Char): a workbook with one of these cannot be opened.
_UNSPELLABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Text of a workbook in which Excel would read a code point, and the longest text of a cell.
_EXCEL_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_EXCEL_LONGEST = 32_767


def spelled(value: str) -> str:
    """Text as every form can spell it: XML 1.0's characters, line ends as \\n."""
    return _UNSPELLABLE.sub("\ufffd", value).replace("\r\n", "\n").replace("\r", "\n")


def unformulated(value: Any) -> Any:
    """A cell of a CSV file that no spreadsheet runs."""
    runs = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if runs else value


def excel_text(value: str) -> str:
    """Text as a cell of a workbook holds it: nothing that Excel would read as an escape, no more than fits."""
    return _EXCEL_ESCAPE.sub("_x005F_", spelled(value))[:_EXCEL_LONGEST]
