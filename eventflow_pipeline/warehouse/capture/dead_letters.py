"""What happens to captured facts afterwards: entries find their visits, dead letters become facts when they can."""

from dataclasses import dataclass

from sqlalchemy import Engine, text

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

#: Dead letters tried, or entries linked, in one transaction.
BATCH = 1_000
_MOST_PASSES = 10


@dataclass(frozen=True, slots=True)
class Linking:
    """What one pass of linking did: entries linked, visit hits marked, entries whose visits are not there yet."""

    entries: int
    visits: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What one pass of replaying did: dead letters now facts, refused again, and removed as too old."""

    replayed: int
    refused: int
    expired: int


def link_entries(engine: Engine) -> Linking:
    """Link captured entries to their visits, new ones first, in bounded passes; safe to repeat."""
    entries = visits = waiting = 0
    with connect(engine) as connection:
        for _ in range(_MOST_PASSES):
            row = connection.execute(text("select * from stats.link_entries(:batch)"), {"batch": BATCH}).one()
            entries, visits, waiting = entries + row.entries, visits + row.visits, row.waiting
            if row.entries + row.waiting < BATCH:
                break
    return Linking(entries, visits, waiting)


def replay_dead_letters(engine: Engine, settings: Settings, limit: int | None = None) -> Replay:
    """Try dead letters again, each at most once, up to ``limit`` (default: all of them); safe to repeat."""
    total = Replay(0, 0, 0)
    with connect(engine) as connection:
        waiting = waiting_letters(engine) if limit is None else limit
        while waiting > 0:
            row = connection.execute(
                statement("storage/capture/replay_dead_letters"),
                {
                    "batch": min(BATCH, waiting),
                    "link_grace": settings.capture.link_grace_seconds,
                    "retention": settings.capture.dead_letter_days,
                },
            ).one()
            total = Replay(total.replayed + row.replayed, total.refused + row.refused, total.expired + row.expired)
            waiting -= BATCH
            if row.replayed + row.refused == 0:
                break
    return total


def waiting_letters(engine: Engine) -> int:
    """Dead letters that wait for their replay."""
    with connect(engine) as connection:
        return int(connection.execute(statement("storage/capture/count_waiting")).scalar_one())


def work_waiting(engine: Engine) -> bool:
    """Is there a dead letter to try, or a recent entry whose visits are still to be found?"""
    with connect(engine) as connection:
        return bool(connection.execute(statement("storage/capture/select_work")).scalar_one())


def demo_campaign(engine: Engine) -> str | None:
    """Id of a campaign the demo's pages can register for; None when there is none."""
    with connect(engine) as connection:
        found = connection.execute(statement("dev/select_demo_campaign")).scalar()
    return str(found) if found else None


def capture_conditions(engine: Engine, settings: Settings) -> list[Condition]:
    """Dead letters that wait, by fact: a warning at once, an error once one outlives the link grace."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/capture/select_waiting")).mappings().all()
    found = []
    for row in rows:
        overdue = row["oldest_seconds"] > settings.capture.link_grace_seconds
        found.append(
            Condition(
                name="dead_letters",
                subject=row["fact"],
                severity=Severity.ERROR if overdue else Severity.WARN,
                since=row["since"],
                summary=f"{row['waiting']} {row['fact']} events were refused by their table ({row['reason']})",
                runbook="dead-letters",
                command="eventflow replay",
                numbers={"waiting": row["waiting"], "oldest_seconds": row["oldest_seconds"], "reason": row["reason"]},
            )
        )
    return found
