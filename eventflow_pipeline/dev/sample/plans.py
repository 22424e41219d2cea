"""What ordinary traffic of one campaign or webinar looks like: its weight by day and its mix of touches."""

from dataclasses import dataclass
from random import Random
from uuid import UUID

from eventflow_pipeline.dev.sample import names
from eventflow_pipeline.dev.sample.dimensions import Dimensions
from eventflow_pipeline.dev.sample.facts import NOTHING, Touch
from eventflow_pipeline.dev.sample.options import SampleOptions
from eventflow_pipeline.dev.sample.randomness import stream
from eventflow_pipeline.dev.sample.rows import Campaign, Link, Webinar
from eventflow_pipeline.dev.sample.timeline import Timeline

#: Traffic a newsletter adds on its sending day, relative to the day without it.
BURST = 0.9
_VARIANTS = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """Traffic of one campaign or webinar.

    ``weights`` are relative and per day, sending days (``mailings``, places in the days) included. A touch of
    ``touches`` (picked by ``cumulative``) or ``mail_touches`` is a pair: what the visit supplies, and what a
    conversion that follows it does. ``conversion_rate`` is per arrival.
    """

    client_id: UUID
    campaign: Campaign | None
    webinar_id: UUID | None
    weights: tuple[float, ...]
    mailings: frozenset[int]
    touches: tuple[tuple[Touch, Touch], ...]
    cumulative: tuple[float, ...]
    mail_touches: tuple[tuple[Touch, Touch], ...]
    conversion_rate: float


def make_plans(options: SampleOptions, timeline: Timeline, rows: Dimensions) -> list[Plan]:
    """One plan per campaign and per webinar."""
    rng = stream(options.seed, "plans")
    targets: list[Campaign | Webinar] = [*rows.campaigns, *rows.webinars]
    by_target: dict[UUID | None, list[Link]] = {}
    for link in rows.links:
        by_target.setdefault(link.target_campaign_id or link.target_webinar_id, []).append(link)
    return [_plan(timeline, rows, rng, target, by_target[target.id]) for target in targets]


def _plan(timeline: Timeline, rows: Dimensions, rng: Random, target: Campaign | Webinar, links: list[Link]) -> Plan:
    campaign = target if isinstance(target, Campaign) else None
    life = rows.lifecycles[target.id]
    days = range(len(timeline.days))
    # A newsletter goes out weekly, on a weekday.
    sending = rng.randrange(5)
    mailings = frozenset(n for n in days if timeline.days[n].weekday() == sending and campaign is not None)
    touches: list[tuple[Touch, Touch]] = []
    cumulative: list[float] = []
    mail: tuple[tuple[Touch, Touch], ...] = ()

    def add(variants: list[tuple[Touch, Touch]], weight: float) -> None:
        for variant in variants:
            touches.append(variant)
            cumulative.append((cumulative[-1] if cumulative else 0.0) + weight / len(variants))

    for link in links:
        channel = rows.channels[link.id]
        variants = [_link_touch(rng, link, channel) for _ in range(_VARIANTS)]
        if channel is names.NEWSLETTER:
            mail = tuple(variants)
        add(variants, channel.weight * (0.4 if link.status != "active" else 1.0))
    for channel in names.UTM_CHANNELS:
        utm = Touch(None, None, channel.source, channel.medium, "always-on", None, channel.referrer)
        add([(utm, utm)], channel.weight)
    for referrer in names.PLAIN_REFERRERS:
        add([(NOTHING._replace(referrer=referrer),) * 2], 4)
    return Plan(
        client_id=target.client_id,
        campaign=campaign,
        webinar_id=None if campaign else target.id,
        weights=tuple(life.weight(n) * timeline.weekday_factor(n) * (1 + BURST * (n in mailings)) for n in days),
        mailings=mailings,
        touches=tuple(touches),
        cumulative=tuple(cumulative),
        mail_touches=mail,
        conversion_rate=_conversion_rate(rng, campaign),
    )


def _conversion_rate(rng: Random, campaign: Campaign | None) -> float:
    """Conversions per arrival: surveys convert well, registrations less, webinar pages not at all."""
    if campaign is None:
        return 0.0
    return rng.uniform(0.16, 0.26) if campaign.type == "survey" else rng.uniform(0.06, 0.14)


def _link_touch(rng: Random, link: Link, channel: names.Channel) -> tuple[Touch, Touch]:
    """One way to arrive through ``link``: by id or by cid, in any case, with or without UTM (A1, A3, N1)."""
    utm = (channel.source, channel.medium, (link.utm_campaign or "").strip().lower() or None)
    raw = (link.utm_source, link.utm_medium, link.utm_campaign)
    cid = link.cid
    if cid is not None and (draw := rng.random()) < 0.25:
        cid = cid.lower() if draw < 0.2 else f" {cid} "
    by_id = cid is None or rng.random() < 0.5
    captured: tuple[str | None, str | None, str | None] = (None, None, None)
    if (draw := rng.random()) < 0.8:
        captured = utm if draw < 0.74 else raw
    term = "seminar" if channel.medium == "cpc" and captured[0] else None
    visit = Touch(
        link_id=link.id if by_id else None,
        cid=None if by_id and rng.random() < 0.7 else cid,
        utm_source=captured[0],
        utm_medium=captured[1],
        utm_campaign=captured[2],
        utm_term=term,
        referrer=channel.referrer,
    )
    with_utm = rng.random() < 0.85
    by_cid = cid is not None and rng.random() < 0.5
    entry = Touch(
        link_id=None if by_cid else link.id,
        cid=cid if by_cid else None,
        utm_source=utm[0] if with_utm else None,
        utm_medium=utm[1] if with_utm else None,
        utm_campaign=utm[2] if with_utm else None,
        referrer=channel.referrer,
    )
    return visit, entry
