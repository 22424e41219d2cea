"""The guard against mass loss: dry comparison of days with what is stored, and what it holds."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from eventflow_pipeline.domain.changes import Cause, ClientLoss, DayLosses, GuardLimits, Hold
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.sql import statement


class DayHeld(Exception):
    """The guard keeps a day's old buckets; the message says why and what to do."""

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
