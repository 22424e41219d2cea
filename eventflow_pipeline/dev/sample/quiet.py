"""Days on which ordinary traffic stays away, so that a trap can decide a whole day's numbers."""

from dataclasses import dataclass
from uuid import UUID

from eventflow_pipeline.dev.sample.dimensions import Dimensions
from eventflow_pipeline.dev.sample.rows import Campaign
from eventflow_pipeline.dev.sample.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Quiet:
    """Places in ``Timeline.windows`` of three complete days of the last client, and the campaigns involved.

    ``incident`` and ``no_visits`` are quiet for the whole client, ``crowded`` only for the second campaign.
    """

    client_id: UUID
    first: Campaign
    second: Campaign
    incident: int
    no_visits: int
    crowded: int

    def covers(self, client_id: UUID, campaign_id: UUID | None, index: int) -> bool:
        """True when ordinary traffic of that client and campaign has to stay away from day ``index``."""
        if index == self.crowded:
            return campaign_id == self.second.id
        return client_id == self.client_id and index in (self.incident, self.no_visits)


def reserve(rows: Dimensions, timeline: Timeline) -> Quiet:
    """Reserve the days; the other traps keep to the other clients."""
    first, second, *_ = rows.campaigns_of(-1)
    last = timeline.complete
    return Quiet(rows.clients[-1].id, first, second, last - 3, last - 5, last - 2)
