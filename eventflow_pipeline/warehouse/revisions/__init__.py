"""Alembic's list of migrations. The SQL itself lies in ``sql/migrations`` (and ``back/`` for the way back)."""

from alembic import op

from eventflow_pipeline.warehouse.sql_files import sql_text


def apply_sql(name: str, *, transactional: bool = True) -> None:
    """Run ``sql/<name>.sql`` as it stands: no parameters, so a percent sign or a colon means itself.

    A statement that refuses to run in a transaction (CREATE INDEX CONCURRENTLY) stands alone in its file and is
    run with ``transactional=False``.
    """
    if transactional:
        op.get_bind().exec_driver_sql(sql_text(name), execution_options={"no_parameters": True})
        return
    with op.get_context().autocommit_block():
        op.get_bind().exec_driver_sql(sql_text(name), execution_options={"no_parameters": True})
