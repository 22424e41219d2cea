"""Facts for tests of conditions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database

CLIENT, OTHER = UUID(int=0xA1), UUID(int=0xA2)
CAMPAIGN, OTHER_CAMPAIGN = UUID(int=0xC1), UUID(int=0xC2)


def clients(database: Database) -> None:
    """Two clients with a campaign each."""
    campaigns = {CLIENT: [CAMPAIGN], OTHER: [OTHER_CAMPAIGN]}
    facts.clients(database, campaigns, names={CLIENT: "Acme Events", OTHER: "Other"})


def visits(
    database: Database, count: int, last: datetime, minutes: float, campaign: UUID = CAMPAIGN, **more: Any
) -> None:
    """Visits of as many sessions, spread over the ``minutes`` before ``last``."""
    facts.visits(
        database, *facts.spread(count, last, minutes), **{"campaign_id": campaign, "session_id": "s{id}", **more}
    )


def entries(
    database: Database, count: int, last: datetime, minutes: float, campaign: UUID = CAMPAIGN, client: UUID = CLIENT,
    **more: Any,
) -> None:  # fmt: skip
    """Entries of as many people, spread over the ``minutes`` before ``last``."""
    facts.entries(database, *facts.spread(count, last, minutes), campaign_id=campaign, client_id=client, **more)
