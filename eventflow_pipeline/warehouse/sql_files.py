"""The one place that loads SQL: named files under ``sql/``, in the checkout or inside an installed wheel."""

from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text

from eventflow_pipeline.settings import PACKAGE


def sql_root() -> Path:
    """Folder ``sql/``: of the checkout, else the copy an installed wheel carries."""
    checkout = PACKAGE.parent / "sql"
    return checkout if checkout.is_dir() else PACKAGE / "sql"


@cache
def sql_text(name: str, root: Path | None = None) -> str:
    """Text of ``<name>.sql`` under ``root`` (default ``sql/``), such as ``buckets/select_buckets``."""
    return ((root or sql_root()) / f"{name}.sql").read_text(encoding="utf-8")


@cache
def full_text(name: str, root: Path | None = None) -> str:
    """Text of ``<name>.sql`` with every ``{include other/name}`` replaced by the text of that other file.

    So what a number is and how it is stored stay in files of their own.
    """
    body = sql_text(name, root)
    while (start := body.find("{include ")) >= 0:
        end = body.index("}", start)
        body = body[:start] + sql_text(body[start + len("{include ") : end], root).strip() + body[end + 1 :]
    return body


@cache
def statement(name: str) -> TextClause:
    """``sql/<name>.sql``, whole, as a statement whose parameters are written ``:name``."""
    return text(full_text(name))
