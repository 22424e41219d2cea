"""Facts for measuring, made inside Postgres: as many as wanted, the same every time."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, TextClause, text

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import full_text
from eventflow_pipeline.warehouse.schema.migrations import create_source

FIRST_DAY = date(2025, 3, 1)
#: Hits a session leaves on all its days together, and on its first, on average (see sql/insert_visits.sql).
_HITS_PER_SESSION, _HITS_ON_FIRST_DAY = 2.5, 2.3
_SQL = Path(__file__).parent / "sql"


@cache
def measured(name: str) -> TextClause:
    """``benchmarks/sql/<name>.sql`` as a statement whose parameters are written ``:name``."""
    return text(full_text(name, _SQL))


@dataclass(frozen=True, slots=True)
class Facts:
    """How many facts: about ``visits`` hits spread evenly over ``days`` business days (Asia/Seoul).

    ``registering``: one session in so many leaves an entry.
    """

    visits: int
    days: int
    first_day: date = FIRST_DAY
    registering: int = 20

    @property
    def sessions(self) -> int:
        """Sessions to make."""
        return round(self.visits / (_HITS_PER_SESSION if self.days > 1 else _HITS_ON_FIRST_DAY))

    @property
    def range(self) -> DayRange:
        """All days that hold facts."""
        return DayRange(self.first_day, self.first_day + timedelta(days=self.days - 1))

    def last(self, days: int) -> DayRange:
        """The last ``days`` days."""
        return DayRange(self.range.last - timedelta(days=days - 1), self.range.last)


def make_facts(owner: Engine, facts: Facts, *, analysed: bool = True) -> None:
    """Create the source tables in an empty database and fill them; indexes are built once the rows are there."""
    create_source(owner)
    size = {
        "sessions": facts.sessions,
        "days": facts.days,
        "first_day": facts.first_day,
        "registering": facts.registering,
    }
    with connect(owner) as connection:
        connection.exec_driver_sql("set work_mem = '512MB'")
        connection.exec_driver_sql("set maintenance_work_mem = '512MB'")
        for several in ("create_chance", "insert_dimensions"):
            connection.exec_driver_sql(measured(several).text, execution_options={"no_parameters": True})
        indexes = connection.execute(measured("select_visit_indexes")).all()
        connection.exec_driver_sql("alter table public.event_access_logs drop constraint event_access_logs_pkey")
        for index in indexes:
            connection.exec_driver_sql(f"drop index public.{index.name}")
        connection.execute(measured("insert_visits"), size)
        connection.exec_driver_sql("alter table public.event_access_logs add primary key (id)")
        for index in indexes:
            connection.exec_driver_sql(index.definition)
        connection.execute(measured("insert_entries"), size)
        if analysed:
            connection.exec_driver_sql("vacuum analyze")
