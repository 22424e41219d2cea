"""The guard against mass loss: dry comparison of days with what is stored, and what it holds."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, Engine

from eventflow_pipeline.domain.changes import Cause, ClientLoss, DayLosses, GuardLimits
from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement


class DayHeld(Exception):
    """The guard keeps a day's old buckets; the message says why and what to do."""

    def __init__(self, day: date, cause: Cause, why: str) -> None:
        super().__init__(
            f"{day} is held and kept its old buckets: {why}. Restore the rows, or apply it with "
            "`eventflow heal --accept --reason ...`."
        )
        self.day = day
        self.cause = cause
        self.why = why


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
        loss = ClientLoss(row.client_id, row.measure, int(row.before), int(row.after), row.lost, row.vanished)
        clients[row.bucket_date].append(loss)
    rows = connection.execute(statement("storage/changes/select_unlinked_facts"), dates)
    unlinked = {row.bucket_date: int(row.unlinked_facts) for row in rows}
    return {day: DayLosses(tuple(clients[day]), unlinked.get(day, 0)) for day in days}


def held_conditions(engine: Engine, settings: Settings) -> list[Condition]:  # noqa: ARG001
    """The one condition that is raised while days are held, or none."""
    with connect(engine) as connection:
        marked = connection.execute(statement("storage/changes/select_marked_days")).all()
    held = [row for row in marked if row.held_since]
    if not held:
        return []
    days = DayRange(held[0].bucket_date, held[-1].bucket_date)
    return [
        Condition(
            name="heal_held",
            subject="",
            severity=Severity.ERROR,
            since=min(row.held_since for row in held),
            summary=f"{len(held)} days keep their old buckets because of a mass loss; for {held[-1].bucket_date}: "
            f"{held[-1].held_reason}.",
            runbook="heal-held",
            command='eventflow heal --dry-run, then restore the rows or eventflow heal --accept --reason "..."',
            days=days,
            numbers={"days": len(held)},
        )
    ]
