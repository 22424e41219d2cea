"""Alembic's list of migrations. The SQL itself lies in ``sql/migrations`` (and ``back/`` for the way back)."""

from collections.abc import Callable
from pathlib import Path

from alembic import op

from eventflow_pipeline.warehouse.db.sql import full_text, sql_root, statement

Step = tuple[str, str | None, Callable[[], None], Callable[[], None]]


def step(file: str) -> Step:
    """Alembic's ``revision, down_revision, upgrade, downgrade`` of the version file ``v<version>_<name>.py``.

    It runs ``sql/migrations/<version>_<name>.sql``, or the file of the same name under ``back/``; the order of the
    versions is the order of the SQL files' names.
    """
    name = Path(file).stem.removeprefix("v")
    names = sorted(path.stem for path in (sql_root() / "migrations").glob("*.sql"))
    position = names.index(name)
    return (
        _version(name),
        _version(names[position - 1]) if position else None,
        lambda: _run(f"migrations/{name}"),
        lambda: _run(f"migrations/back/{name}"),
    )


def _version(name: str) -> str:
    return name.split("_", 1)[0]


def _run(name: str) -> None:
    """Run ``sql/<name>.sql`` as it stands: no parameters, so a percent sign or a colon means itself.

    A statement that refuses to run in a transaction (CREATE INDEX CONCURRENTLY) stands alone in its file. If it failed
    before, what it left would pass for the index: that is dropped first.
    """
    body = full_text(name)
    if "concurrently" not in body.lower():
        op.get_bind().exec_driver_sql(body, execution_options={"no_parameters": True})
        return
    index = f"{name.partition('_index_')[2]}_stats_idx"
    with op.get_context().autocommit_block():
        if op.get_bind().execute(statement("storage/schema/select_index_is_invalid"), {"index": index}).scalar():
            op.get_bind().exec_driver_sql(f"drop index concurrently public.{index}")
        op.get_bind().exec_driver_sql(body, execution_options={"no_parameters": True})
