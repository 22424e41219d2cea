"""The chain of closed months: appending to it, and finding what was changed behind its back (docs/closing.md)."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.sql import statement

#: What the first entry has for the hash before.
NO_HASH = "0" * 64
#: Entries whose hashes are computed by one statement.
_ENTRIES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of the chain: its number and hash; number 0 before the first."""

    entry_no: int = 0
    hash: str = NO_HASH


@dataclass(frozen=True, slots=True)
class Tampered:
    """An entry that is not what was written: whose, which month's, and what is wrong with it, in words."""

    entry_no: int
    client_id: UUID | None
    month: Month | None
    what: str

    def __str__(self) -> str:
        whose = f" ({self.month}, client {self.client_id})" if self.month else ""
        return f"entry {self.entry_no}{whose} {self.what}"


def head(connection: Connection) -> Head:
    """The newest entry."""
    row = connection.execute(statement("storage/closings/select_head")).one_or_none()
    return Head(row.entry_no, row.hash) if row else Head()


def append(connection: Connection, before: Head, entry: Mapping[str, Any]) -> Head:
    """Append an entry (columns of ``stats.closing``), whose figures and days are written already; returns it.

    The caller holds ``closing_lock`` and has read ``before`` in the same transaction.
    """
    whole = {"entry_no": before.entry_no + 1, "previous_hash": before.hash, "exceptions": [], "quality": [], **entry}
    written = json.dumps(whole, default=str)
    return Head(
        before.entry_no + 1,
        connection.execute(statement("storage/closings/insert_entry"), {"entry": written}).scalar_one(),
    )


def one_line(text: str) -> str:
    """Text as a field of what is hashed: without tabs and line ends."""
    return " ".join(text.split())


def check_chain(engine: Engine, seen: Collection[Head] = ()) -> tuple[Head, list[Tampered]]:
    """Compute every hash anew, and compare the links; returns the newest entry and what is not as it was written.

    ``seen``: heads known from before, which must still be there: an end that was cut off leaves no other trace.
    """
    with connect(engine) as connection, repeatable_read(connection):
        newest = head(connection)
        broken = connection.execute(statement("storage/closings/select_broken_links")).all()
        found = [
            Tampered(r.entry_no, r.client_id, Month(r.month), "does not follow the entry before it") for r in broken
        ]
        for first in range(1, newest.entry_no + 1, _ENTRIES_AT_ONCE):
            rows = connection.execute(
                statement("storage/closings/select_altered_entries"),
                {"first_no": first, "last_no": first + _ENTRIES_AT_ONCE - 1},
            )
            found += [
                Tampered(r.entry_no, r.client_id, Month(r.month), "does not have the hash of what it holds")
                for r in rows
            ]
        numbers = {"entries": [known.entry_no for known in seen]}
        hashes = {r.entry_no: r.hash for r in connection.execute(statement("storage/closings/select_hashes"), numbers)}
        for known in dict.fromkeys(seen):
            if known.entry_no and hashes.get(known.entry_no) != known.hash:
                what = "is not the entry that was there" if known.entry_no in hashes else "is gone"
                found.append(Tampered(known.entry_no, None, None, what))
    return newest, sorted(found, key=lambda tampered: tampered.entry_no)


def _tampered(row: Row[Any], what: str) -> Tampered:
    return Tampered(row.entry_no, row.client_id, Month(row.month), what)
