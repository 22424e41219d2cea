"""What happens to captured facts afterwards: entries find their visits, dead letters become facts when they can."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

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


@dataclass(frozen=True, slots=True)
class WaitingLetters:
    """Dead letters of one kind of fact (``visit``, ``entry``) that wait, and the most frequent reason they give."""

    fact: str
    waiting: int
    since: datetime
    oldest_seconds: float
    reason: str


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


def prune_surfaces(engine: Engine, settings: Settings) -> int:
    """Delete pages and first touches older than EVENTFLOW_CAPTURE_SURFACE_DAYS (unset: none); returns how many."""
    if settings.capture.surface_days is None:
        return 0
    with connect(engine) as connection:
        days = {"days": settings.capture.surface_days}
        return int(
            connection.execute(text("select stats.prune_surfaces(make_interval(days => :days))"), days).scalar_one()
        )


def waiting_letters(engine: Engine) -> int:
    """Dead letters that wait for their replay."""
    with connect(engine) as connection:
        return int(connection.execute(statement("storage/capture/count_waiting")).scalar_one())


def waiting_by_fact(engine: Engine) -> list[WaitingLetters]:
    """Dead letters that wait for their replay, by kind of fact; kinds without any are left out."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/capture/select_waiting"))
        return [WaitingLetters(row.fact, row.waiting, row.since, row.oldest_seconds, row.reason) for row in rows]


def work_waiting(engine: Engine) -> bool:
    """Is there a dead letter to try, or a recent entry whose visits are still to be found?"""
    with connect(engine) as connection:
        return bool(connection.execute(statement("storage/capture/select_work")).scalar_one())


def demo_campaign(engine: Engine) -> str | None:
    """Id of a campaign the demo's pages can register for; None when there is none."""
    with connect(engine) as connection:
        found = connection.execute(statement("dev/select_demo_campaign")).scalar()
    return str(found) if found else None
