"""What stands in ``sql/schema``: functions, views, policies, comments and rights, as they are now.

They are applied whole after every migration, in one transaction. What a file no longer makes is dropped; what changed
its shape, which ``create or replace`` refuses, is dropped and made anew. Somebody else's object that uses such a thing
would have to be dropped with it: it is named instead, and nothing is changed.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.engine import read_committed, reason
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.schema.versions import LOCK_TIMEOUT, run_script

#: Type, names of parameters or columns, or kind of what is there differ.
_OTHER_SHAPE = ("42P13", "42P16", "42809")
_USED = "2BP01"
_NOT_FREE = ("55P03", "40P01")

#: Type and name of an object, such as ("function", "stats.today()").
Key = tuple[str, str]


class _ReshapedError(Exception):
    """A file could not replace what an earlier text of it made."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


class _UndoneError(Exception):
    """Ends a rehearsal."""


def apply_definitions(connection: Connection, root: Path, wait_seconds: float) -> None:
    """Apply every file of ``root``/schema, in one transaction. Raises UserError, and has changed nothing."""
    patiently(connection, wait_seconds, lambda: _apply(connection, root, lambda: read_committed(connection)))


def rehearse(connection: Connection, root: Path, wait_seconds: float, scripts: Sequence[str]) -> None:
    """Run ``scripts``, apply the definitions and undo it all, where somebody else's objects use ours.

    Raises UserError when one of those would have to be dropped.
    """
    ours = _ours(connection)
    if not ours or not any(_foreign(connection, list(ours.values()), ours)):
        return
    patiently(connection, wait_seconds, lambda: _apply(connection, root, lambda: _undone(connection, scripts)))


def drop_definitions(connection: Connection, root: Path, wait_seconds: float, then: Sequence[str]) -> None:
    """Drop all there is of the definitions; what was set aside in ``public`` comes back.

    Raises UserError, and has changed nothing, when somebody else's object uses one of them, or a table that the
    scripts ``then`` are about to drop.
    """
    script = (root / "migrations" / "down" / "schema.sql").read_text(encoding="utf-8")
    ours = _ours(connection)
    theirs = sorted(key for key in _existing(connection) if key not in ours and key[0] != "policy" and not _kept(key))
    if ours and theirs:
        raise UserError(
            f"Nothing was undone because {' '.join(theirs[0])} is in the schema {theirs[0][1].partition('.')[0]} and "
            "not this project's: drop it, or move it to another schema."
        )

    def drop() -> None:
        with read_committed(connection):
            _be_quick(connection)
            run_script(connection, script)
            connection.execute(text("delete from stats.schema_object"))

    def both() -> None:
        try:
            with _undone(connection, [script, *then]):
                pass
            drop()
        except DBAPIError as used:
            if _sqlstate(used) != _USED:
                raise
            raise UserError(f"Nothing was undone because {_user(used)}: drop that first.") from used

    if _is_recorded(connection):
        patiently(connection, wait_seconds, both)


def drop_views(connection: Connection, names: Sequence[str], wait_seconds: float) -> None:
    """Drop views in stats, all or none. Raises UserError when somebody else's object uses one."""

    def drop() -> None:
        with read_committed(connection):
            _be_quick(connection)
            run_script(connection, f"drop view {', '.join(f'stats.{name}' for name in names)}")

    try:
        patiently(connection, wait_seconds, drop)
    except DBAPIError as used:
        if _sqlstate(used) != _USED:
            raise
        raise UserError(f"No view was dropped because {_user(used)}: drop that first.") from used


def patiently(connection: Connection, wait_seconds: float, work: Callable[[], None]) -> None:
    """Do ``work`` again until the tables it changes are free, ``wait_seconds`` at most. Raises UserError then.

    Each try gives up soon and lets those by who queued behind it.
    """
    tries = Retrying(
        retry=retry_if_exception(lambda failed: isinstance(failed, DBAPIError) and _sqlstate(failed) in _NOT_FREE),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(wait_seconds),
        reraise=True,
    )
    try:
        tries(work)
    except DBAPIError as failed:
        if _sqlstate(failed) not in _NOT_FREE:
            raise
        busy = connection.execute(statement("storage/schema/select_oldest_user")).one_or_none()
        who = f"process {busy.pid} has used them since {busy.since}" if busy else "others use them"
        raise UserError(
            f"The tables in stats were not free for {wait_seconds:.0f} s, so nothing was changed ({who}): wait for "
            "that to end, or end it, and run the command again."
        ) from failed


def _apply(connection: Connection, root: Path, transaction: Callable[[], AbstractContextManager[None]]) -> None:
    reshaped: set[str] = set()
    while True:
        try:
            with transaction():
                _apply_files(connection, sorted((root / "schema").glob("*.sql")), reshaped)
        except _ReshapedError as refused:
            reshaped.add(refused.file)
        else:
            return


def _apply_files(connection: Connection, files: Sequence[Path], reshaped: set[str]) -> None:
    """Apply ``files``; what those in ``reshaped`` had made is dropped first, what none makes any more last."""
    _be_quick(connection)
    before = _ours(connection)
    again = [row for row in before.values() if row["file"] in reshaped]
    _require_unused(connection, again, before)
    for row in again:
        run_script(connection, f"drop {row['type']} if exists {row['identity']} cascade")
    made: dict[Key, str] = {}
    found = _existing(connection)
    for file in files:
        script = file.read_text(encoding="utf-8")
        try:
            run_script(connection, script)
        except DBAPIError as refused:
            if _sqlstate(refused) in _NOT_FREE:
                raise
            if _sqlstate(refused) in _OTHER_SHAPE and file.stem not in reshaped:
                raise _ReshapedError(file.stem) from refused
            raise UserError(
                f"Nothing of sql/schema was applied because {file.name} cannot be ({reason(refused)}): put that right "
                "and run `eventflow migrate` again."
            ) from refused
        earlier, found = found, _existing(connection)
        for key, row in found.items():
            is_written = key not in earlier or row["version"] != earlier[key]["version"]
            # Rights are written at objects of other files, too.
            if is_written and re.search(rf"\b{re.escape(row['name'])}\b", script):
                made.setdefault(key, file.stem)
    left = [row for key, row in found.items() if key in before and key not in made]
    _require_unused(connection, left, before)
    for kind in ("policy", "view", "function", "procedure", "aggregate"):
        names = [row["identity"] for row in left if row["type"] == kind]
        for listed in names if kind == "policy" else filter(None, [", ".join(names)]):
            run_script(connection, f"drop {kind} {listed}")
    connection.execute(text("delete from stats.schema_object"))
    connection.execute(
        text("insert into stats.schema_object (type, identity, file) values (:type, :identity, :file)"),
        [{"type": kind, "identity": identity, "file": file} for (kind, identity), file in made.items()],
    )


def _require_unused(connection: Connection, going: Sequence[RowMapping], ours: Mapping[Key, RowMapping]) -> None:
    for user in _foreign(connection, going, ours):
        raise UserError(
            f"Nothing was migrated because {user['description']} uses {user['used']}, which has to go or to be made "
            "anew: drop that, migrate, and create it again."
        )


def _foreign(
    connection: Connection, going: Sequence[RowMapping], ours: Mapping[Key, RowMapping]
) -> Iterator[RowMapping]:
    """What depends on an object of ``going``, directly or not, and is none of ours."""
    parameters = {"classes": [row["classid"] for row in going], "objects": [row["objid"] for row in going]}
    for row in connection.execute(statement("storage/schema/select_dependents"), parameters).mappings():
        if (row["type"], row["identity"]) not in ours:
            yield row


def _existing(connection: Connection) -> dict[Key, RowMapping]:
    rows = connection.execute(statement("storage/schema/select_definitions")).mappings()
    return {(row["type"], row["identity"]): row for row in rows}


def _ours(connection: Connection) -> dict[Key, RowMapping]:
    """Definitions that exist and that an earlier run made, each with the file it came from."""
    if not _is_recorded(connection):
        return {}
    rows = connection.execute(statement("storage/schema/select_recorded_definitions")).mappings()
    return {(row["type"], row["identity"]): row for row in rows}


def _is_recorded(connection: Connection) -> bool:
    return bool(connection.execute(text("select to_regclass('stats.schema_object') is not null")).scalar_one())


def _kept(key: Key) -> bool:
    """Versioned with the tables, because an index stands on it."""
    return key[1].startswith("stats.session_key(")


@contextmanager
def _undone(connection: Connection, scripts: Sequence[str]) -> Iterator[None]:
    """A transaction that runs ``scripts`` first and is rolled back in the end."""
    with suppress(_UndoneError), read_committed(connection):
        _be_quick(connection)
        for script in scripts:
            run_script(connection, script)
        yield
        raise _UndoneError


def _be_quick(connection: Connection) -> None:
    run_script(connection, f"set local lock_timeout = '{LOCK_TIMEOUT}'")


def _sqlstate(failed: BaseException) -> str | None:
    return getattr(getattr(failed, "orig", None), "sqlstate", None)


def _user(used: DBAPIError) -> str:
    """What depends on the object that was to be dropped: the first line of what the server says of it."""
    detail = getattr(getattr(used.orig, "diag", None), "message_detail", None)
    return detail.splitlines()[0] if detail else reason(used)
