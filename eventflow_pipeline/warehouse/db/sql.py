"""The one place that loads SQL: named statements under ``sql/``, in the checkout or inside an installed wheel.

A name is a path. ``numbers/buckets`` is the file ``sql/numbers/buckets.sql``; ``storage/days/insert_cells`` is the
statement below ``-- name: insert_cells`` in ``sql/storage/days.sql``, up to its semicolon: all statements of a concept
stand together.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text

from eventflow_pipeline.settings import packaged

#: Folders of ``sql/`` whose files are statements; the others are scripts (the schema, EventFlow's own tables).
SHELVES = ("numbers", "parity", "storage", "answers", "dev")
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def sql_root() -> Path:
    """Folder ``sql/``: of the checkout, else the copy an installed wheel carries."""
    return packaged("sql")


@cache
def _named(file: Path) -> Mapping[str, str]:
    """Statements of a file by name, in its order; of a file without names nothing."""
    parts = _NAME.split(file.read_text(encoding="utf-8"))
    return {name: body.rstrip().removesuffix(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def statement_names() -> list[str]:
    """Every statement there is, as ``statement`` takes it; within a file in the file's order."""
    names: list[str] = []
    for shelf in SHELVES:
        for file in sorted((sql_root() / shelf).glob("*.sql")):
            path = f"{shelf}/{file.stem}"
            names += [f"{path}/{name}" for name in _named(file)] or [path]
    return names


@cache
def sql_text(name: str, root: Path | None = None) -> str:
    """Text of the statement or script ``name`` under ``root`` (default ``sql/``), includes as they are written."""
    file = (root or sql_root()) / f"{name}.sql"
    return file.read_text(encoding="utf-8") if file.exists() else _named(file.parent.with_suffix(".sql"))[file.stem]


@cache
def full_text(name: str, root: Path | None = None) -> str:
    """Text of ``name`` with every ``{include other/name}`` replaced by the text of that other statement.

    So what a number is and how it is stored stay apart.
    """
    body = sql_text(name, root)
    while (start := body.find("{include ")) >= 0:
        end = body.index("}", start)
        body = body[:start] + sql_text(body[start + len("{include ") : end], root).strip() + body[end + 1 :]
    return body


@cache
def statement(name: str) -> TextClause:
    """The statement ``name``, whole, its parameters written ``:name``."""
    return text(full_text(name))
