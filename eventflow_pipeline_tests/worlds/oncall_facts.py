"""Facts for tests of conditions."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from eventflow_pipeline_tests.databases import Database

CLIENT, OTHER = UUID(int=0xA1), UUID(int=0xA2)
CAMPAIGN, OTHER_CAMPAIGN = UUID(int=0xC1), UUID(int=0xC2)


def clients(database: Database) -> None:
    """Two clients with a campaign each."""
    database.insert("clients", [{"id": CLIENT, "name": "Acme Events"}, {"id": OTHER, "name": "Other"}])
    database.insert(
        "event_survey_campaigns",
        [
            {"id": CAMPAIGN, "client_id": CLIENT, "title": "C"},
            {"id": OTHER_CAMPAIGN, "client_id": OTHER, "title": "O"},
        ],
    )


def times(count: int, last: datetime, minutes: float) -> Iterable[datetime]:
    """``count`` instants spread evenly over the ``minutes`` before ``last``."""
    return (last - timedelta(minutes=minutes * (n + 0.5) / count) for n in range(count))


def visits(
    database: Database, count: int, last: datetime, minutes: float, campaign: UUID = CAMPAIGN, **more: Any
) -> None:
    """Visits of as many sessions."""
    database.insert(
        "event_access_logs",
        [
            {"accessed_at": at, "created_at": at, "session_id": f"s{uuid4()}", "campaign_id": campaign, **more}
            for at in times(count, last, minutes)
        ],
    )


def entries(
    database: Database, count: int, last: datetime, minutes: float, campaign: UUID = CAMPAIGN, client: UUID = CLIENT,
    **more: Any,
) -> None:  # fmt: skip
    """Entries of as many people."""
    database.insert(
        "event_survey_entries",
        [
            {"created_at": at, "campaign_id": campaign, "client_id": client, "phone_norm": uuid4().hex, **more}
            for at in times(count, last, minutes)
        ],
    )
