"""Reading the facts of business days: the bounds as parameters, and what is compared with fold rules."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, CursorResult, text

from eventflow_pipeline.domain.days import DayRange, day_window
from eventflow_pipeline.warehouse.db.engine import join_by_hash
from eventflow_pipeline.warehouse.db.sql import statement


class DayBounds(TypedDict):
    """Days, ascending, with their first instants and ends (exclusive), and the end of all."""

    days: list[date]
    starts: list[datetime]
    ends: list[datetime]
    window_end: datetime


def day_bounds(days: DayRange, zone: ZoneInfo) -> DayBounds:
    """Parameters ``days``, ``starts``, ``ends`` and ``window_end`` of the business days of a range (T1)."""
    windows = [day_window(day, zone) for day in days]
    return DayBounds(
        days=list(days), starts=[w.start for w in windows], ends=[w.end for w in windows], window_end=windows[-1].end
    )


def execute_folded(connection: Connection, name: str, parameters: Mapping[str, Any]) -> CursorResult[Any]:
    """Execute a statement that has ``numbers/folded_facts`` in it, in a transaction.

    While fold rules (A6) are in force its joins are hashed, whatever the planner believes of facts and values it has
    not analysed yet: else it may take the product of a day's facts and all that rules list.
    """
    folding = connection.execute(statement("storage/registry/select_any_fold")).scalar_one()
    if folding:
        join_by_hash(connection)
    result = connection.execute(statement(name), parameters)
    if folding:
        connection.execute(text("set local enable_nestloop = default"))
    return result
