"""A small EventFlow for tests of healing: two clients, campaigns, a link, and facts on named days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from eventflow_pipeline.domain.days import day_start, today
from eventflow_pipeline.warehouse.changes.detection import Detection, Scope, detect_changes
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database

ALPHA, BETA = UUID(int=0xA), UUID(int=0xB)
SPRING, AUTUMN, TEST_CLONE, BETA_ONLY = UUID(int=0xC1), UUID(int=0xC2), UUID(int=0xC3), UUID(int=0xC4)
LINK = UUID(int=0x11)


@dataclass
class Site:
    """The small EventFlow, its first partition 60 days ago.

    Facts of today are of its first hours: where it matters that none lies ahead, a zone that has them behind it.
    """

    database: Database
    time_zone: str = "Asia/Seoul"
    today: date = field(init=False)

    def __post_init__(self) -> None:
        self.today = today(ZoneInfo(self.time_zone))
        self.database.set_build_settings(self.time_zone, self.today - timedelta(days=60))
        facts.clients(
            self.database,
            {ALPHA: (SPRING, AUTUMN, TEST_CLONE), BETA: (BETA_ONLY,)},
            names={ALPHA: "alpha", BETA: "beta"},
        )
        facts.link(self.database, LINK, ALPHA, utm_source="naver", cid="ABCD1234")

    def day(self, back: int) -> date:
        """The day ``back`` days before today."""
        return self.today - timedelta(days=back)

    def at(self, day: date, minutes: int = 1) -> datetime:
        """An instant of ``day``."""
        return day_start(day, self.database.settings.zone) + timedelta(minutes=minutes)

    def now(self) -> datetime:
        """The database's clock."""
        now: datetime = self.database.rows("select clock_timestamp() as now")[0]["now"]
        return now

    def visits(self, day: date, count: int = 1, campaign: UUID = SPRING, **columns: Any) -> list[UUID]:
        """Record visits of different sessions, by default recorded at the time they are dated."""
        times = [self.at(day, n % 200) for n in range(count)]
        return facts.visits(self.database, *times, **{"campaign_id": campaign, "session_id": "s{n}", **columns})

    def entries(self, day: date, count: int = 1, campaign: UUID = SPRING, client: UUID = ALPHA) -> list[UUID]:
        """Record entries."""
        return facts.entries(self.database, *[self.at(day)] * count, campaign_id=campaign, client_id=client)

    def detect(self, scope: Scope = Scope.ALL, **settings: Any) -> Detection:
        """One pass, with settings changed for it."""
        changed = self.database.settings.changed(**settings)
        return detect_changes(self.database.pipeline, changed, scope)

    def pass_time(self, time: timedelta) -> None:
        """Let change detection believe that the last passes over the look-back days were ``time`` earlier."""
        self.database.execute("update stats.chunked_day set compared_at = compared_at - :time", time=time)

    def truth(self) -> tuple[date, ...]:
        """The days that differ from what is stored, by a comparison of everything that writes nothing."""
        settings = self.database.settings.changed(guard={"loss_share": 1.0})
        return detect_changes(self.database.pipeline, settings, Scope.ALL, dry_run=True).days

    def counts(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What a statement puts into ``day_counts``, in an order of its own."""
        with connect(self.database.pipeline) as connection:
            create_scratch(connection, "storage/changes/create_day_counts")
            with repeatable_read(connection):
                connection.execute(statement(name), parameters)
                rows = connection.execute(text("select * from day_counts")).all()
        return sorted((tuple(row) for row in rows), key=str)

    def heal(self) -> dict[date, str]:
        """One full pass without the guard, then replace what changed; returns the causes by day."""
        found = self.detect(guard={"loss_share": 1.0})
        self.database.replace(*found.days)
        return {stale.day: stale.cause.value for stale in found.changed}

    def client_hits(self, day: date) -> dict[UUID | None, int]:
        """Hits by client as the buckets have them."""
        rows = self.database.rows("select client_id, hits from stats.client_daily where bucket_date = :d", d=day)
        return {row["client_id"]: row["hits"] for row in rows}

    def state(self, day: date) -> dict[str, Any]:
        """The day's row of partition_state."""
        return self.database.rows("select * from stats.partition_state where bucket_date = :d", d=day)[0]
