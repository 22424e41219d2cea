"""The guard against mass loss: dry comparison of days with what is stored, and what it holds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Connection

from eventflow_pipeline.domain.changes import (
    Cause,
    ClientLoss,
    DayLosses,
    GuardLimits,
    Hold,
    OldFacts,
    were_redated,
)
from eventflow_pipeline.domain.days import contiguous, day_start, day_window
from eventflow_pipeline.domain.holds import Part
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.sql import statement


class DayHeld(Exception):
    """The guard keeps all of a day's old buckets; the message says why and what to do."""

    def __init__(self, day: date, cause: Cause, hold: Hold) -> None:
        super().__init__(
            f"{day} is held and kept its old buckets: {hold.reason}. Restore the rows, or apply it with "
            f"`{accept_command(day, day)}`."
        )
        self.day = day
        self.cause = cause
        self.hold = hold


def accept_command(first: date, last: date) -> str:
    """The command that applies what is held of an inclusive range."""
    return f'eventflow accept held --from {first} --to {last} --reason "..."'


def limits(settings: Settings) -> GuardLimits:
    """The guard's limits as set."""
    return GuardLimits(settings.guard.loss_share, settings.guard.minimum_volume, settings.guard.old_days)


def day_losses(connection: Connection, days: Sequence[date]) -> dict[date, DayLosses]:
    """What computing ``days`` from the counts in ``day_counts`` would take away, by day."""
    if not days:
        return {}
    dates = {"dates": list(days)}
    clients: dict[date, list[ClientLoss]] = {day: [] for day in days}
    for row in connection.execute(statement("storage/changes/select_client_losses"), dates):
        loss = ClientLoss(
            row.client_id, row.measure, int(row.before), int(row.after), row.lost, row.vanished, row.client_name
        )
        clients[row.bucket_date].append(loss)
    rows = connection.execute(statement("storage/changes/select_unlinked_facts"), dates)
    unlinked = {row.bucket_date: int(row.unlinked_facts) for row in rows}
    return {day: DayLosses(tuple(clients[day]), unlinked.get(day, 0)) for day in days}


def follow_lost_facts(
    connection: Connection, settings: Settings, losses: Mapping[date, DayLosses], days: Sequence[date]
) -> dict[date, DayLosses]:
    """The losses, and where clients lose facts, what became of these: moved within the day, re-dated, or deleted.

    ``days``: all that differ, also those never computed. Facts are read by their time alone, and only if some are lost.
    """
    gone = [day for day in days if day in losses and losses[day].facts_gone]
    if not gone:
        return {**losses}
    old = _old_facts(connection, settings, gone, days)
    redated = were_redated([old[day] for day in gone], [facts for day, facts in old.items() if day not in gone])
    return {
        day: replace(losses.get(day, DayLosses()), old_facts=facts, redated=redated and day in gone)
        for day, facts in old.items()
    }


def _old_facts(
    connection: Connection, settings: Settings, gone: Sequence[date], days: Sequence[date]
) -> dict[date, OldFacts]:
    """Of each of ``days`` the facts that were there when it (never computed: the first of ``gone``) was computed."""
    windows = [day_window(day, settings.zone) for day in days]
    rows = connection.execute(
        statement("storage/changes/select_old_facts"),
        {
            "dates": list(days),
            "starts": [window.start for window in windows],
            "ends": [window.end for window in windows],
            "gone": list(gone),
        },
    )
    return {row.bucket_date: OldFacts(row.now, row.before, row.are_the_same) for row in rows}


def newest_published(connection: Connection, parts: Collection[Part]) -> datetime | None:
    """When the newest of the parts was published; None when none of them ever was."""
    at: datetime | None = connection.execute(
        statement("storage/changes/select_newest_published"),
        {"dates": [day for day, _ in parts], "clients": [client for _, client in parts]},
    ).scalar()
    return at


def moved_parts(
    connection: Connection, settings: Settings, days: Iterable[date], newest: datetime | None
) -> dict[Part, int]:
    """The parts of ``days`` from which facts went, or to which old facts came, since they were published.

    Each with the difference of its ids (see ``domain.holds``). ``newest``: when the newest of the parts that are held
    was published; what was recorded after that is no part's loss. Facts of the days are read.
    """
    moved: dict[Part, int] = {}
    for part in contiguous(days):
        window = part.window(settings.zone)
        bounds = {
            "dates": list(part),
            "starts": [day_start(day, settings.zone) for day in part],
            "window_start": window.start,
            "window_end": window.end,
        }
        rows = connection.execute(statement("storage/changes/select_moved_parts"), {**bounds, "newest": newest})
        moved |= {(row.bucket_date, row.client_id): int(row.moved) for row in rows}
    return moved


def hold_of_missing_rows(connection: Connection, day: date) -> Hold | None:
    """How a day is marked whose staged facts miss dimension rows that other days are held for; None: it has all."""
    rows = connection.execute(statement("storage/changes/select_clients_of_missing_rows"), {"bucket_date": day})
    clients = frozenset(rows.scalars())
    if not clients:
        return None
    return Hold("visits are counted as unknown while dimension rows are missing that other days are held for", clients)
