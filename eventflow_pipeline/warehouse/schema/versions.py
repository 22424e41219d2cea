"""The versions of tables, types and indexes: the SQL files of ``sql/migrations``, walked up and down by Alembic.

A file is a version, its number the version's name, its order the order of names; the way back lies under ``down/``.
"""

import re
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap
from sqlalchemy import Connection, text

from eventflow_pipeline.warehouse.db.sql import statement

#: All who come after us wait as long as we do for a table somebody uses. A little more than the second after which the
#: server takes a table from its own autovacuum.
LOCK_TIMEOUT = "2s"
_TABLE = {"version_table": "schema_migration", "version_table_schema": "stats"}


class Versions:
    """The files under ``root`` (a folder ``sql/``) and where a database stands among them."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "migrations"
        self._context: MigrationContext | None = None
        # Alembic loads a Python file a version; ours say no more than their SQL, so they are made from it here.
        self._directory = ScriptDirectory(str(self._folder))
        self._directory.revision_map = RevisionMap(self._load)

    def _load(self) -> list[Script]:
        made: list[Script] = []
        for file in sorted(self._folder.glob("*.sql")):
            module = ModuleType(file.stem, file.stem)
            version, way_back = file.stem.partition("_")[0], self._folder / "down" / file.name
            module.__dict__.update(
                revision=version,
                down_revision=made[-1].revision if made else None,
                upgrade=partial(self._run, file),
                downgrade=partial(self._run, way_back),
            )
            made.append(Script(module, version, str(file)))
        return made

    def current(self, connection: Connection) -> str | None:
        """The newest version applied, or None."""
        return MigrationContext.configure(connection, opts=_TABLE).get_current_revision()

    def edited(self, connection: Connection) -> str | None:
        """The first version applied whose file says something else than was applied, or nobody noted what; else None.

        Whatever comes after it would be built on tables that are not there. Comments and spaces may differ.
        """
        noted = _noted(connection)
        files = {file.stem.partition("_")[0]: file for file in self._folder.glob("*.sql")}
        applied = self.between(None, self.current(connection))
        return next((version for version in applied if noted.get(version) != _digest(files[version])), None)

    def head(self) -> str | None:
        """The newest version there is."""
        return self._directory.get_current_head()

    def between(self, lower: str | None, upper: str | None) -> tuple[str, ...]:
        """Versions after ``lower`` (None: from the first on) up to ``upper``, oldest first.

        Raises alembic's RevisionError for a version that has no file here.
        """
        if upper is None or upper == lower:
            return ()
        newest_first = self._directory.iterate_revisions(upper, lower or "base")
        return tuple(step.revision for step in newest_first)[::-1]

    def walk_up(self, connection: Connection) -> None:
        """Apply what is missing, each version in a transaction of its own."""
        self._walk(connection, lambda current, _: self._directory._upgrade_revs("head", current))

    def walk_down(self, connection: Connection, version: str) -> None:
        """Undo down to ``version`` (kept) or ``base``, each version in a transaction of its own."""
        self._walk(connection, lambda current, _: self._directory._downgrade_revs(version, current))

    def _walk(self, connection: Connection, steps: object) -> None:
        options = {**_TABLE, "transaction_per_migration": True, "fn": steps}
        self._context = MigrationContext.configure(connection, opts=options)
        with self._context.begin_transaction():
            self._context.run_migrations()

    def _note(self, connection: Connection, file: Path) -> None:
        """Note what a version says where it is applied, in the transaction that applies it."""
        version, noted = file.stem.partition("_")[0], _noted(connection)
        noted.pop(version, None)
        if file.parent == self._folder:
            noted[version] = _digest(file)
        said = ", ".join(f"{version}={digest}" for version, digest in sorted(noted.items()))
        run_script(connection, f"comment on table stats.schema_migration is 'What each version said: {said}'")

    def texts(self, versions: tuple[str, ...], *, down: bool = False) -> list[str]:
        """What applying ``versions`` would run, or undoing them, in that order, but for what builds indexes."""
        folder = self._folder / "down" if down else self._folder
        files = sorted((f for f in folder.glob("*.sql") if f.stem.partition("_")[0] in versions), reverse=down)
        return [text for text in (file.read_text(encoding="utf-8") for file in files) if not _stands_alone(text)]

    def _run(self, file: Path) -> None:
        """Run a file as it stands: no parameters, so a percent sign or a colon means itself.

        A statement that refuses to run in a transaction (CREATE INDEX CONCURRENTLY) stands alone in its file. If it
        failed before, what it left would pass for the index: that is dropped first. It makes nobody queue, and waits
        for whoever reads as long as that takes.
        """
        assert self._context is not None
        assert self._context.connection is not None
        connection = self._context.connection
        self._note(connection, file)
        body = file.read_text(encoding="utf-8")
        if not _stands_alone(body):
            run_script(connection, body)
            return
        index = f"{file.stem.partition('_index_')[2]}_stats_idx"
        with self._context.autocommit_block():
            run_script(connection, "set lock_timeout = 0")
            if connection.execute(statement("storage/schema/select_index_is_invalid"), {"index": index}).scalar():
                run_script(connection, f"drop index concurrently public.{index}")
            run_script(connection, body)
            run_script(connection, f"set lock_timeout = '{LOCK_TIMEOUT}'")


def _digest(file: Path) -> str:
    said = re.sub(r"--[^\n]*", "", file.read_text(encoding="utf-8"))
    return sha256(" ".join(said.split()).encode()).hexdigest()[:12]


def _noted(connection: Connection) -> dict[str, str]:
    """What each version applied said then, as a digest."""
    comment = connection.execute(text("select obj_description(to_regclass('stats.schema_migration'), 'pg_class')"))
    return dict(re.findall(r"(\w+)=(\w+)", comment.scalar() or ""))


def run_script(connection: Connection, script: str) -> None:
    """Run statements as they are written."""
    connection.exec_driver_sql(script, execution_options={"no_parameters": True})


def _stands_alone(script: str) -> bool:
    return "concurrently" in script.lower()
