"""Days computed by the database that holds the facts: the default."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Connection

from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.engines.day_engine import DayWork
from eventflow_pipeline.warehouse.fact_days import execute_folded


@dataclass(frozen=True, slots=True)
class PostgresDay:
    """Each step is one INSERT … SELECT."""

    connection: Connection
    work: DayWork

    @property
    def by(self) -> Mapping[str, str]:
        """The server and its version."""
        version = self.connection.dialect.server_version_info or ()
        return {"engine": " ".join(["Postgres", ".".join(map(str, version))]).strip()}

    def stage_session_days(self) -> None:
        """Fill ``stage_session_days``."""
        execute_folded(self.connection, "storage/days/insert_session_days_stage", self.work.bounds)

    def stage_buckets(self) -> None:
        """Fill ``stage_buckets`` from ``stage_session_days`` as it is now, whoever made it."""
        self.connection.execute(statement("storage/days/insert_cells"))
        for grain in self.work.grains:
            self.connection.execute(statement("storage/days/insert_buckets_stage"), dict(grain))

    def insert_campaign_hours(self, day: date, held_clients: Sequence[UUID | None]) -> None:
        """Insert the hour buckets; where nobody is listed, facts are not read for them."""
        if self.work.clients or self.work.campaigns:
            listed = {"clients": self.work.clients, "campaigns": self.work.campaigns}
            parameters = {**self.work.bounds, **listed, "bucket_date": day, "held_clients": held_clients}
            execute_folded(self.connection, "storage/days/insert_campaign_hours", parameters)


class PostgresEngine:
    """Computes nothing ahead."""

    @contextmanager
    def computing(self, connection: Connection, work: DayWork) -> Iterator[PostgresDay]:
        """The day, as its statements compute it."""
        yield PostgresDay(connection, work)
