"""What a trap has at hand (the sample so far, short names for a moment, a campaign, a link), and where it registers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from eventflow_pipeline.dev.sample.audience import Audience
from eventflow_pipeline.dev.sample.dimensions import Dimensions
from eventflow_pipeline.dev.sample.facts import Facts, Touch, is_blank
from eventflow_pipeline.dev.sample.names import random_uuid
from eventflow_pipeline.dev.sample.options import Timeline
from eventflow_pipeline.dev.sample.rows import Campaign, Link
from eventflow_pipeline.dev.sample.traffic import Quiet
from eventflow_pipeline.domain.days import DayWindow


@dataclass(frozen=True, slots=True)
class World:
    """The sample while traps are planted. Clients and campaigns are named by number, from 0."""

    timeline: Timeline
    rows: Dimensions
    quiet: Quiet
    facts: Facts
    audience: Audience
    rng: Random

    def window(self, days_ago: int) -> DayWindow:
        """Bounds (UTC) of a complete business day: 1 is the last one, 6 the earliest surely there."""
        return self.timeline.windows[self.timeline.complete - days_ago]

    def moment(self, days_ago: int, hours: float) -> datetime:
        """The instant ``hours`` (below 23) after the start of the complete day ``days_ago``."""
        return self.window(days_ago).start + timedelta(hours=hours)

    def campaign(self, client: int = 0, number: int = 0) -> Campaign:
        """Campaign ``number`` of client ``client``; traps keep to clients 0 and 1."""
        return self.rows.campaigns_of(client)[number]

    def links(self, client: int = 0) -> list[Link]:
        """Links of client ``client`` that have a cid and all three UTM of their own."""
        client_id = self.rows.clients[client].id
        return [
            link
            for link in self.rows.links
            if link.client_id == client_id
            and link.cid
            and not any(is_blank(text) for text in (link.utm_source, link.utm_medium, link.utm_campaign))
        ]

    def add_link(self, model: Link, **changes: str | None) -> Link:
        """Add a link like ``model`` under an id of its own, with ``changes``."""
        link = replace(model, id=self.uuid())
        for name, value in changes.items():
            setattr(link, name, value)
        self.rows.links.append(link)
        return link

    def visits(self, at: datetime, *touches: Touch, campaign: Campaign | None = None) -> list[UUID]:
        """One hit a minute from ``at`` on, each of a new session with one of ``touches``; their ids."""
        campaign_id = (campaign or self.campaign()).id
        return [
            self.facts.visit(at + timedelta(minutes=n), self.facts.session(), touch, campaign_id=campaign_id).id
            for n, touch in enumerate(touches)
        ]

    def uuid(self) -> UUID:
        """An id that no row has."""
        return random_uuid(self.rng)


Planter = Callable[[World], list[UUID]]

#: Name of each trap → what it exercises, with the rule ids and the numbered mistakes of the old computation.
TRAPS: dict[str, str] = {}
PLANTERS: dict[str, Planter] = {}


def trap(exercises: str) -> Callable[[Planter], Planter]:
    """Register the decorated function, under its name, as the trap that exercises what the text says."""

    def register(planter: Planter) -> Planter:
        TRAPS[planter.__name__] = exercises
        PLANTERS[planter.__name__] = planter
        return planter

    return register
