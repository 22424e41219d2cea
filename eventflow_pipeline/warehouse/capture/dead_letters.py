"""What happens to captured facts afterwards: entries find their visits, dead letters become facts when they can."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

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
class Share:
    """Dead letters of one client (None: the unknown) that wait, their most frequent reason, and how many may."""

    client_id: UUID | None
    visits: int
    entries: int
    payload_bytes: int
    since: datetime
    oldest_seconds: float
    reason: str
    letter_rows: int
    letter_bytes: int

    @property
    def client(self) -> str:
        """The client's id, as commands take it."""
        return str(self.client_id or "unknown")

    def is_full(self, most_bytes: int) -> bool:
        """Whether it may have no room for one more of ``most_bytes``."""
        return self.visits + self.entries >= self.letter_rows or self.payload_bytes + most_bytes > self.letter_bytes


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


def replay_dead_letters(
    engine: Engine,
    settings: Settings,
    limit: int | None = None,
    *,
    due_only: bool = False,
    events: Sequence[UUID] | None = None,
) -> Replay:
    """Try dead letters again, each at most once, up to ``limit`` (default: all of them); safe to repeat.

    ``due_only``: those whose turn it is; ``events``: those of these events, None of any.
    """
    total = Replay(0, 0, 0)
    chosen = list(events) if events is not None else None
    with connect(engine) as connection:
        waiting = limit
        if waiting is None:
            waiting = int(
                connection.execute(statement("storage/capture/count_waiting"), {"events": chosen}).scalar_one()
            )
        while waiting > 0:
            row = connection.execute(
                statement("storage/capture/replay_dead_letters"),
                {
                    "batch": min(BATCH, waiting),
                    "link_grace": settings.capture.link_grace_seconds,
                    "retention": settings.capture.dead_letter_days,
                    "due_only": due_only,
                    "events": chosen,
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


def letters(
    engine: Engine, most: int, *, event: UUID | None = None, client: UUID | None = None, of_client: bool = False
) -> list[Mapping[str, Any]]:
    """Dead letters that wait, the oldest first: fact, event, client, reason, size, times, attempts; never a payload.

    ``event``: of this event; ``of_client``: of this client, None the unknown one.
    """
    with connect(engine) as connection:
        asked = {"event": event, "of_client": of_client, "client_id": client, "most": most}
        rows = connection.execute(statement("storage/capture/select_letters"), asked).mappings()
        return [dict(row) for row in rows]


def contents(engine: Engine, event: UUID) -> list[Mapping[str, Any]]:
    """What a letter is about: the ids of campaign, webinar and link it names, and which fields it has. No value."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/capture/select_contents"), {"event": event}).mappings()
        return [dict(row) for row in rows]


def discard(engine: Engine, events: Sequence[UUID], reason: str, author: str) -> int:
    """Give up the letters of these events for good; their payload goes, reason and author stay. How many there were."""
    with connect(engine) as connection:
        given = {"events": list(events), "reason": reason, "author": author}
        return int(connection.execute(statement("storage/capture/discard_dead_letters"), given).scalar_one())


def shares(engine: Engine) -> list[Share]:
    """Dead letters that wait, by whose share they are in; clients without any are left out."""
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/capture/select_shares")).mappings()
        return [Share(**row) for row in rows]


def work_waiting(engine: Engine) -> bool:
    """Is a dead letter due, or an entry whose visits are still to be found?"""
    with connect(engine) as connection:
        return bool(connection.execute(statement("storage/capture/select_work")).scalar_one())


def demo_campaign(engine: Engine) -> str | None:
    """Id of a campaign the demo's pages can register for; None when there is none."""
    with connect(engine) as connection:
        found = connection.execute(statement("dev/select_demo_campaign")).scalar()
    return str(found) if found else None
