"""Reading the facts of business days: the bounds as parameters, and how they are joined."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, CursorResult, text

from eventflow_pipeline.domain.days import DayRange, day_window
from eventflow_pipeline.warehouse.db.engine import grouping_by_hash
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

    It joins and groups by hash, whatever the planner believes of facts, links and fold rules (A6) that nobody analysed
    yet: else it may take the product of a day's facts and all links, or all that rules list, and sort what is left. Nor
    are joins merged: many of them have the client in common, so that one order by it does for all, and a client's facts
    and values are a product.
    """
    with grouping_by_hash(connection):
        connection.execute(text("set local enable_mergejoin = off"))
        result = connection.execute(statement(name), parameters)
        connection.execute(text("set local enable_mergejoin = default"))
        return result
