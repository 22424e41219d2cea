"""Erasing one person: a session or an entry whose facts were deleted is named nowhere in schema ``stats`` any more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from eventflow_pipeline.domain.days import DayRange, day_start
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.guard import day_losses
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.locks import histogram_step
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.fact_days import execute_folded


@dataclass(frozen=True, slots=True)
class Person:
    """Who is to be erased: a session as its cookie has it, an entry by its id, or both. Never shown or logged."""

    session: str | None = None
    entry: UUID | None = None

    def __repr__(self) -> str:
        return "Person(...)"


@dataclass(frozen=True, slots=True)
class Traces:
    """What named the person: facts left in EventFlow's tables, and rows here by table, with the days of the session."""

    visits_left: int
    entries_left: int
    hits: Mapping[date, int]
    session_days: int
    changes: int
    letters: int
    surfaces: int


class _DryRun(Exception):
    """Undoes the transaction that only looked."""


def erase_traces(engine: Engine, settings: Settings, person: Person, *, dry_run: bool = False) -> Traces:
    """Take the person's name out of schema ``stats``; returns what had it.

    Session-days keep their rows under a name of nobody, so that whatever is not computed again still counts right;
    dead letters, pages and first touches are deleted. One transaction, while no day is being replaced. ``dry_run``
    does the same and undoes it. Raises UserError while facts of the person are left, but for a dry run.
    """
    found: list[Traces] = []
    asked = {"session": person.session, "entry": person.entry}
    try:
        with connect(engine) as connection, histogram_step(connection), repeatable_read(connection):
            left = connection.execute(statement("storage/erasure/select_facts_left"), asked).one()
            if (left.visits or left.entries) and not dry_run:
                raise UserError(
                    f"{left.visits} visits and {left.entries} entries still name the person: delete them in "
                    "event_access_logs and event_survey_entries first (visits also by entry_id), then repeat this."
                )
            found.append(_erased(connection, settings, asked, left.visits, left.entries))
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return found[0]


def _erased(
    connection: Connection, settings: Settings, asked: Mapping[str, object], visits: int, entries: int
) -> Traces:
    hits = {
        row.bucket_date: int(row.hits)
        for row in connection.execute(statement("storage/erasure/insert_erased_days"), {"session": asked["session"]})
    }
    renamed = {"session": asked["session"], "nobody": f"erased {uuid4()}"}
    session_days = connection.execute(statement("storage/erasure/update_session_days"), renamed).rowcount
    changes = connection.execute(statement("storage/erasure/update_session_day_changes"), renamed).rowcount
    window: dict[str, datetime | None] = {"window_start": None, "window_end": None}
    if hits:
        # A late fact is captured after the day it is dated.
        window = {
            "window_start": day_start(min(hits), settings.zone) - timedelta(days=1),
            "window_end": day_start(max(hits), settings.zone) + timedelta(days=32),
        }
    captured = connection.execute(statement("storage/erasure/erase_captured"), {**asked, **window}).one()
    return Traces(visits, entries, hits, session_days, changes, captured.letters, captured.surfaces)


def erased_days(engine: Engine) -> dict[date, int]:
    """Days not computed since a person was erased who had facts on them, and how many at most; also of earlier calls.

    So an erasure that was interrupted behind its transaction is finished by the next, which finds no name any more.
    """
    with connect(engine) as connection:
        connection.execute(statement("storage/erasure/delete_erased_days"))
        rows = connection.execute(statement("storage/erasure/select_erased_days"))
        return {row.bucket_date: int(row.facts) for row in rows}


def explained_days(engine: Engine, settings: Settings, held: Mapping[date, int]) -> frozenset[date]:
    """Which days lose no more than the person's own facts: those pass the guard, whatever else happened does not.

    ``held``: by day how many facts were the person's.
    """
    explained = set()
    with connect(engine) as connection:
        create_scratch(connection, "storage/changes/create_day_counts")
        for day, own in held.items():
            window = DayRange(day, day).window(settings.zone)
            with repeatable_read(connection):
                execute_folded(
                    connection,
                    "storage/changes/insert_day_counts",
                    {
                        "dates": [day],
                        "starts": [window.start],
                        "window_start": window.start,
                        "window_end": window.end,
                    },
                )
                losses = day_losses(connection, [day])[day]
            if sum(loss.lost for loss in losses.clients) <= own and losses.unlinked_facts <= own:
                explained.add(day)
    return frozenset(explained)
