"""What clients are called, for people to read."""

from collections.abc import Mapping

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from eventflow_pipeline.warehouse.db.engine import connect


def client_names(engine: Engine) -> Mapping[str, str]:
    """Names of clients by id; of those that have one. None where they cannot be asked: ids do without."""
    try:
        with connect(engine) as connection:
            rows = connection.execute(text("select id, name from stats.clients where name is not null"))
            return {str(row.id): row.name for row in rows}
    except SQLAlchemyError:  # the view is away while EventFlow's tables are changed
        return {}
