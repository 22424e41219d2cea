"""What facts of the latest days amount to, by chunk of five minutes of event time (``stats.chunk``).

A pass over the look-back days reads the versions of their rows, and of the facts only the chunks whose versions moved.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from eventflow_pipeline.domain.days import DayRange, day_window, today
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.locks import try_chunks
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.fact_days import execute_folded
from eventflow_pipeline.warehouse.registry import current_definition

CHUNK = timedelta(minutes=5)


def days_due(connection: Connection, settings: Settings, days: Iterable[date], named: Iterable[date]) -> list[date]:
    """Which of ``days`` have to be compared with their facts now, oldest first.

    Due are the current day every minute, the others every five; all when dimensions or rules changed; and always those
    that new facts name (``named``), are marked, or are known to differ.
    """
    inputs = _inputs(connection, settings)
    return [row.day for row in _known(connection, settings, days, named, inputs) if row.due]


def update_chunks(connection: Connection, settings: Settings, days: DayRange) -> list[date]:
    """Bring the chunks of ``days`` up to what the transaction in progress sees.

    Returns the days that differ from what is stored, or are marked; they are counted in ``day_counts``. To be called
    within ``try_chunks``, taken before the transaction.
    """
    inputs = renew_chunks(connection, settings, days)
    differing = [row.day for row in _known(connection, settings, days, (), inputs) if row.differs]
    connection.execute(statement("storage/chunks/insert_chunked_day_counts"), {"days": differing})
    return differing


def renew_chunks(connection: Connection, settings: Settings, days: DayRange) -> str:
    """Bring the chunks of ``days`` up to what the transaction in progress sees, and say from which inputs.

    To be called within ``try_chunks``, taken before the transaction.
    """
    inputs = _inputs(connection, settings)
    for day in days:
        _update_day(connection, settings, day, inputs)
    connection.execute(statement("storage/chunks/upsert_chunked_days"), {"days": list(days), "inputs": inputs})
    return inputs


def forget_other_chunks(connection: Connection, days: Iterable[date]) -> None:
    """Delete the chunks of all days but ``days``: with none, the next pass reads all facts of its days again."""
    others = statement("storage/chunks/select_other_chunked_days"), {"days": list(days)}
    if not connection.execute(*others).first():
        return
    with try_chunks(connection) as free:
        # Where another pass is at work on them, the next one deletes them.
        found = list(connection.execute(*others).scalars()) if free else []
        for what in ("chunk_members_of_days", "chunks_of_days", "chunked_days"):
            connection.execute(statement(f"storage/chunks/delete_{what}"), {"days": found})


def _inputs(connection: Connection, settings: Settings) -> str:
    parameters = {"definition": current_definition(connection, settings)}
    inputs: str = connection.execute(statement("storage/chunks/select_inputs"), parameters).scalar_one()
    return inputs


def _known(
    connection: Connection, settings: Settings, days: Iterable[date], named: Iterable[date], inputs: str
) -> Sequence[Row[Any]]:
    return connection.execute(
        statement("storage/chunks/select_chunked_days"),
        {
            "days": list(days),
            "named": list(named),
            "inputs": inputs,
            "definition": current_definition(connection, settings),
            "today": today(settings.zone),
            "pause": timedelta(seconds=settings.changes.interval_seconds),
        },
    ).all()


def _update_day(connection: Connection, settings: Settings, day: date, inputs: str) -> None:
    window = day_window(day, settings.zone)
    bounds = {"window_start": window.start, "window_end": window.end}
    now = _versions(connection, "select_chunk_versions", bounds)
    known = _versions(connection, "select_chunks", {"bucket_date": day, "inputs": inputs})
    moved = [chunk for chunk in now.keys() | known if chunk not in now or now[chunk] != known.get(chunk)]
    if not moved:
        return
    chunks = {"bucket_date": day, "chunks": moved}
    connection.execute(statement("storage/chunks/delete_chunk_members"), chunks)
    connection.execute(statement("storage/chunks/delete_chunks"), chunks)
    left = sorted(chunk for chunk in moved if chunk in now)
    if not left:
        return
    chunks |= {"chunks": left}
    # A zone's midnight may lie within a chunk: each of both days has a part of it.
    bounds = {
        "window_start": max(window.start, left[0]),
        "window_end": min(window.end, left[-1] + CHUNK),
    }
    execute_folded(connection, "storage/chunks/insert_chunk_members", {**chunks, **bounds})
    versions = [now[chunk] for chunk in left]
    connection.execute(statement("storage/chunks/insert_chunks"), {**chunks, "row_versions": versions})


def _versions(connection: Connection, name: str, parameters: dict[str, Any]) -> dict[datetime, Decimal | None]:
    rows = connection.execute(statement(f"storage/chunks/{name}"), parameters)
    return {row.chunk_start: row.row_versions for row in rows}
