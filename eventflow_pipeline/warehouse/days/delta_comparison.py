"""Comparing what deltas published of a day with the day computed whole, in the transaction that does so."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, Engine

from eventflow_pipeline.logs import logger
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


class DeltaComparison:
    """Of a day whose facts are those that deltas published: what is stored must be what is staged, row by row."""

    def __init__(self, connection: Connection, day: date) -> None:
        """Before session-days are replaced."""
        self._connection, self._day = connection, day
        self._differing = self._ask("deltas/select_differing_session_days")
        self._published = self._ask("deltas/select_published_hash")

    def buckets(self) -> None:
        """Before buckets are replaced."""
        self._differing += self._ask("days/select_differing_buckets")

    def rest(self) -> None:
        """After everything is replaced; notes what was found, for ``differing_deltas``, and logs it."""
        self._differing += self._published != self._ask("deltas/select_published_hash")
        if self._differing:
            logger().error("delta_difference", partition=self._day.isoformat(), rows=self._differing)
            parameters = {"bucket_date": self._day, "differing": self._differing}
            self._connection.execute(statement("storage/deltas/update_differing"), parameters)

    def _ask(self, name: str) -> int:
        return int(self._connection.execute(statement(f"storage/{name}"), {"bucket_date": self._day}).scalar_one())


def differing_deltas(engine: Engine, days: Iterable[date]) -> dict[date, int]:
    """Of ``days`` those of which deltas had published something wrong, and how many rows; each until ``note_told``."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/deltas/select_differing"), {"days": list(days)})
        return {row.bucket_date: row.differing for row in rows}


def note_told(engine: Engine, days: Iterable[date]) -> None:
    """Note that what ``differing_deltas`` said of ``days`` was told."""
    with connect(engine) as connection:
        connection.execute(statement("storage/deltas/update_told"), {"days": list(days)})
