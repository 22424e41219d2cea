"""Dagster's Postgres storage, with its connections kept open between events.

dagster-postgres opens a connection for every statement, about three an event: 25 ms an event instead of 2.5. A day
with its checks is some sixty events, so most of a run's time, and of a backfill's start, went into connecting.
"""

from collections.abc import Mapping
from typing import Any, Self

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config

_RECYCLE_SECONDS = 1800
_MOST_MORE = 20


class PooledPostgresStorage(DagsterPostgresStorage):
    """``DagsterPostgresStorage`` that holds a connection open for events and one for runs, and more when needed.

    A connection is tested before it is used again, so a restarted server is noticed and reconnected to.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        kept_open: tuple[Any, ...] = (self.event_log_storage, self.run_storage)
        for storage in kept_open:
            # The attribute is private; a test stores an event through it and looks at the connections.
            storage._engine = create_pg_engine(
                postgres_url,
                None,
                isolation_level="AUTOCOMMIT",
                pool_size=1,
                max_overflow=_MOST_MORE,
                pool_recycle=_RECYCLE_SECONDS,
                pool_pre_ping=True,
            )

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Dagster's way of making it from dagster.yaml; ``config_value`` as dagster-postgres takes it."""
        return cls(pg_url_from_config(config_value), inst_data)
