"""Of which computation of a day its checks were last evaluated."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Engine

from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


class Checks(StrEnum):
    """The two kinds of checks a day has."""

    #: Of the buckets against the facts.
    PARITY = "parity"
    #: Of the indicators by their thresholds.
    QUALITY = "quality"


def checkable(engine: Engine, days: Sequence[date], checks: Checks) -> dict[date, datetime]:
    """Those of ``days`` that can be judged, with when they were computed: to be asked before they are judged.

    Not stale ones; nor, for ``QUALITY``, those whose indicators are of other facts than their buckets.
    """
    with connect(engine) as connection:
        rows = connection.execute(
            statement("storage/quality/select_checkable_days"), {"days": list(days), "checks": checks.value}
        )
        return {row.bucket_date: row.computed_at for row in rows}


def note_checked(engine: Engine, days: Mapping[date, datetime], checks: Checks) -> None:
    """Note that ``days``, as ``checkable`` gave them, were judged; one replaced meanwhile is left out."""
    with connect(engine) as connection:
        connection.execute(
            statement("storage/quality/upsert_day_checks"),
            {"days": list(days), "computed_at": list(days.values()), "checks": checks.value},
        )
