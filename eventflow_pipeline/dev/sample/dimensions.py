"""Agencies, clients, their members, campaigns, webinars and marketing links of a sample."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp
from random import Random
from uuid import UUID

from eventflow_pipeline.dev.sample import names
from eventflow_pipeline.dev.sample.names import new_cid, random_uuid, stream
from eventflow_pipeline.dev.sample.options import SampleOptions, Timeline
from eventflow_pipeline.dev.sample.rows import Agency, AgencyMember, Campaign, Client, ClientMember, Link, Webinar
from eventflow_pipeline.domain.days import local_date


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Popularity with a peak; ``peak`` and ``spread`` count days from the first one, ``floor`` is a share."""

    popularity: float
    peak: float
    spread: float
    floor: float

    def weight(self, index: int) -> float:
        """Relative traffic on day ``index``: a slow rise to the peak and a fall twice as fast."""
        width = self.spread if index <= self.peak else self.spread / 2
        return self.popularity * (self.floor + exp(-(((index - self.peak) / width) ** 2)))

    def over(self, days: int) -> bool:
        """True when the peak and its tail lie before the last of ``days`` days."""
        return self.floor < 0.1 and self.peak + self.spread < days - 1


_TEN_MINUTES = 600


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The dimension rows; ``lifecycles`` and ``channels`` are keyed by campaign, webinar and link id."""

    agencies: list[Agency]
    clients: list[Client]
    campaigns: list[Campaign]
    webinars: list[Webinar]
    links: list[Link]
    lifecycles: dict[UUID, Lifecycle]
    channels: dict[UUID, names.Channel]
    cids: set[str]

    def campaigns_of(self, client: int) -> list[Campaign]:
        """Campaigns of client number ``client`` (from 0; -1 is the last)."""
        return [row for row in self.campaigns if row.client_id == self.clients[client].id]


def build_dimensions(options: SampleOptions, timeline: Timeline) -> Dimensions:
    """All dimension rows of a sample. Client ``n`` belongs to agency ``n`` modulo their number."""
    rng = stream(options.seed, "dimensions")
    born = timeline.windows[0].start - timedelta(days=120)
    agencies = [
        Agency(random_uuid(rng), names.numbered(names.AGENCIES, n), "active", born) for n in range(options.agencies)
    ]
    clients = [
        Client(random_uuid(rng), agencies[n % len(agencies)].id, names.numbered(names.CLIENTS, n), "active", born)
        for n in range(options.clients)
    ]
    rows = Dimensions(agencies, clients, [], [], [], {}, {}, set())
    for number in range(options.campaigns):
        _add_campaign(rows, options, rng, number, born)
    for number in range(options.webinars):
        _add_webinar(rows, timeline, rng, number)
    for campaign in rows.campaigns:
        _add_campaign_links(rows, timeline, rng, campaign)
    for webinar in rows.webinars:
        for channel in (names.NEWSLETTER, rng.choice(names.LINK_CHANNELS)):
            _add_link(rows, timeline, rng, channel, webinar)
    return rows


def _add_campaign(rows: Dimensions, options: SampleOptions, rng: Random, number: int, born: datetime) -> None:
    """Campaign ``number``: clients take turns; their first one always runs, every fourth is a survey."""
    turn, place = divmod(number, len(rows.clients))
    client = rows.clients[place]
    survey = turn % 4 == 3
    catalogue = names.SURVEYS if survey else names.REGISTRATIONS
    title, path = catalogue[(place * 3 + turn) % len(catalogue)]
    life = Lifecycle(
        popularity=rng.uniform(0.5, 1.6),
        peak=rng.uniform(0.1, 1.05) * options.days,
        spread=max(3.0, rng.uniform(0.12, 0.35) * options.days),
        floor=0.35 if turn == 0 else 0.03,
    )
    campaign = Campaign(
        id=random_uuid(rng),
        agency_id=None if number % 5 == 4 else client.agency_id,
        client_id=client.id,
        title=title.format(year=options.until.year) + (f" #{turn // 4 + 1}" if turn >= 4 else ""),
        public_path=f"/{path}-{number + 1}",
        status="closed" if life.over(options.days) else "published",
        type="survey" if survey else "registration",
        created_at=born + timedelta(days=30, hours=number % 9),
    )
    rows.campaigns.append(campaign)
    rows.lifecycles[campaign.id] = life


def _add_webinar(rows: Dimensions, timeline: Timeline, rng: Random, number: int) -> None:
    """Webinar ``number``: the first two share a registration campaign (W3), the third is live at ``now``."""
    place = 0 if number < 2 else (number - 1) % len(rows.clients)
    title, kind = names.WEBINARS[number % len(names.WEBINARS)]
    options = timeline.options
    index = (number + 1) * (timeline.complete - 1) // (options.webinars + 1)
    start = timeline.windows[index].start + timedelta(hours=19 if number == 1 else (10, 14, 16)[number % 3])
    if number == 2 and options.now is not None:
        index = max(n for n, window in enumerate(timeline.windows) if window.start < timeline.limit)
        seconds = int(timeline.limit.timestamp()) - 2400
        start = datetime.fromtimestamp(seconds - seconds % _TEN_MINUTES, tz=UTC)
    client = rows.clients[place]
    webinar = Webinar(
        id=random_uuid(rng),
        agency_id=client.agency_id,
        client_id=client.id,
        title=title,
        type=kind,
        start_time=timeline.windows[max(0, index - 14)].start,
        end_time=start + timedelta(days=7),
        webinar_start_time=start,
        registration_campaign_id=rows.campaigns_of(place)[0].id if kind == "live" else None,
        created_at=timeline.windows[max(0, index - 14)].start - timedelta(days=3),
    )
    rows.webinars.append(webinar)
    rows.lifecycles[webinar.id] = Lifecycle(rng.uniform(0.25, 0.45), index, max(2.0, options.days / 9), 0.02)


def _add_campaign_links(rows: Dimensions, timeline: Timeline, rng: Random, campaign: Campaign) -> None:
    """A newsletter link and three links of other channels, the first of them always of the search ads."""
    others = [names.LINK_CHANNELS[0], *rng.sample(names.LINK_CHANNELS[1:], 2)]
    for channel in (others[0], names.NEWSLETTER, *others[1:]):
        _add_link(rows, timeline, rng, channel, campaign)


def _add_link(
    rows: Dimensions,
    timeline: Timeline,
    rng: Random,
    channel: names.Channel,
    target: Campaign | Webinar,
) -> None:
    """A link of ``channel`` to ``target``; of seven one is paused and one archived (A2).

    One in five has its own UTM in raw case and padded (N1), a few have none (A3), a few have no cid.
    """
    number = len(rows.links)
    campaign_name = (
        target.public_path.strip("/").rsplit("-", 1)[0]
        if isinstance(target, Campaign)
        else f"webinar-{rows.webinars.index(target) + 1}"
    )
    utm: tuple[str | None, str | None, str | None] = (channel.source, channel.medium, campaign_name)
    if number % 5 == 3:
        utm = (f" {channel.source.capitalize()}", channel.medium.upper(), f"{campaign_name.title()} ")
    elif number % 11 == 6:
        utm = (None, "", None)
    to_campaign = isinstance(target, Campaign)
    opened = target.created_at + timedelta(days=1)
    link = Link(
        id=random_uuid(rng),
        agency_id=target.agency_id,
        client_id=target.client_id,
        name=f"{channel.name} {number + 1}",
        target_type="campaign" if to_campaign else "webinar",
        target_campaign_id=target.id if to_campaign else None,
        target_webinar_id=None if to_campaign else target.id,
        utm_source=utm[0],
        utm_medium=utm[1],
        utm_campaign=utm[2],
        cid=None if number % 13 == 8 else new_cid(rng, rows.cids),
        status={4: "paused", 5: "archived"}.get(number % 7, "active"),
        start_date=local_date(opened, timeline.options.time_zone),
        created_at=opened,
        updated_at=opened,
    )
    rows.links.append(link)
    rows.channels[link.id] = channel


CLIENT_ROLES = ("owner", "admin", "operator", "analyst", "member")
AGENCY_ROLES = ("owner", "admin", "analyst")


def client_user(client: int, role: str) -> UUID:
    """User who has ``role`` in the sample's client number ``client`` (from 0); the same for every seed."""
    return UUID(f"00000000-0000-4000-8000-c{client:07d}{CLIENT_ROLES.index(role):04d}")


def agency_user(agency: int, role: str) -> UUID:
    """User who has ``role`` in the sample's agency number ``agency`` (from 0); the same for every seed."""
    return UUID(f"00000000-0000-4000-8000-a{agency:07d}{AGENCY_ROLES.index(role):04d}")


def client_members(clients: list[Client]) -> list[ClientMember]:
    """Every role in every client; the first client's analyst also works for the second (P2)."""
    members = [
        ClientMember(client.id, client_user(number, role), role)
        for number, client in enumerate(clients)
        for role in CLIENT_ROLES
    ]
    return [*members, ClientMember(clients[1].id, client_user(0, "analyst"), "analyst")]


def agency_members(agencies: list[Agency]) -> list[AgencyMember]:
    """Every role in every agency."""
    return [
        AgencyMember(agency.id, agency_user(number, role), role)
        for number, agency in enumerate(agencies)
        for role in AGENCY_ROLES
    ]
