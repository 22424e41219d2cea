"""Ordinary traffic: what each campaign or webinar gets, the days it stays away from, arrivals, returns, conversions."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from eventflow_pipeline.dev.sample import names
from eventflow_pipeline.dev.sample.dimensions import Dimensions
from eventflow_pipeline.dev.sample.facts import NOTHING, Facts, Touch
from eventflow_pipeline.dev.sample.names import stream
from eventflow_pipeline.dev.sample.options import SampleOptions, Timeline
from eventflow_pipeline.dev.sample.rows import Campaign, Link, Webinar

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


#: Further hits of an arrival, as often as listed.
_FURTHER_HITS = (0,) * 36 + (1,) * 9 + (2,) * 4 + (3,)
_RETURNS_TO_CAMPAIGN = 0.14
_COMES_FROM_SISTER_CAMPAIGN = 0.03
_DOUBLE_MOUNT = 0.05
#: Entries before this part of the period mostly lack a session id: the column came later (S5).
_OLD_PART = 0.15
_SENDING_HOUR = timedelta(hours=10)
_MAIL_DECAY_SECONDS = 2.5 * 3600


class Traffic:
    """Writes the ordinary visits and entries of all plans into ``facts``, day after day."""

    def __init__(self, options: SampleOptions, timeline: Timeline, quiet: Quiet, facts: Facts) -> None:
        self._options = options
        self._timeline = timeline
        self._quiet = quiet
        self._facts = facts
        self._rng = stream(options.seed, "traffic")
        self._known: dict[UUID | None, list[str]] = defaultdict(list)
        self._converted: set[tuple[UUID, str]] = set()

    def run(self, plans: list[Plan]) -> None:
        """All days. Arrivals add up to about ``visits_per_day`` a day on average; quiet days are left out."""
        total = sum(sum(plan.weights) for plan in plans)
        scale = self._options.visits_per_day * self._options.days / total
        for index in range(len(self._timeline.days)):
            hours = self._timeline.hours(index)
            if not hours.starts:
                break
            end = self._timeline.end(index)
            for plan in plans:
                campaign_id = plan.campaign.id if plan.campaign else None
                if self._quiet.covers(plan.client_id, campaign_id, index):
                    continue
                expected = plan.weights[index] * scale * self._rng.lognormvariate(0, 0.1)
                if index in plan.mailings:
                    ordinary = expected / (1 + BURST)
                    self._mailing(plan, index, expected - ordinary, end)
                    expected = ordinary
                count = int(expected * hours.share + self._rng.random())
                touches = self._rng.choices(plan.touches, cum_weights=plan.cumulative, k=count)
                for at, touch in zip(hours.moments(self._rng, count), touches, strict=True):
                    self._arrive(plan, index, at, end, touch)

    def _mailing(self, plan: Plan, index: int, expected: float, end: datetime) -> None:
        """Readers of a newsletter sent at ten in the morning: fewer and fewer within hours."""
        sent = self._timeline.windows[index].start + _SENDING_HOUR
        for _ in range(int(expected + self._rng.random())):
            at = sent + timedelta(seconds=self._rng.expovariate(1 / _MAIL_DECAY_SECONDS))
            if at < end:
                self._arrive(plan, index, at, end, self._rng.choice(plan.mail_touches))

    def _arrive(self, plan: Plan, index: int, at: datetime, end: datetime, touch: tuple[Touch, Touch]) -> None:
        """One session opens the page at ``at``, perhaps goes on, perhaps converts; all before ``end``."""
        rng, facts = self._rng, self._facts
        campaign_id = plan.campaign.id if plan.campaign else None
        session = self._session(plan, campaign_id)
        first = at
        facts.visit(at, session, touch[0], campaign_id=campaign_id, webinar_id=plan.webinar_id)
        hits = rng.choice(_FURTHER_HITS)
        gaps = [rng.expovariate(1 / 90) + 3 for _ in range(hits)]
        if rng.random() < _DOUBLE_MOUNT:
            gaps.insert(0, rng.uniform(0.3, 1.0))
        for gap in gaps:
            at += timedelta(seconds=gap)
            if at >= end:
                return
            facts.visit(at, session, touch[0], campaign_id=campaign_id, webinar_id=plan.webinar_id)
        if plan.campaign is None or rng.random() >= plan.conversion_rate:
            return
        at += timedelta(seconds=rng.uniform(40, 600))
        if at < end and (plan.campaign.id, session) not in self._converted:
            self._converted.add((plan.campaign.id, session))
            lost = 0.6 if index < self._options.days * _OLD_PART else 0.04
            kept = None if rng.random() < lost else session
            facts.entry(plan.campaign, at, kept, touch[1], first_visit=first)

    def _session(self, plan: Plan, campaign_id: UUID | None) -> str:
        """A session seen before in the campaign, or in another one of the client, or else a new one (M6)."""
        own, sister = self._known[campaign_id or plan.webinar_id], self._known[plan.client_id]
        draw = self._rng.random()
        if draw < _RETURNS_TO_CAMPAIGN and own:
            return self._rng.choice(own)
        if draw > 1 - _COMES_FROM_SISTER_CAMPAIGN and sister:
            session = self._rng.choice(sister)
        else:
            session = self._facts.session()
            sister.append(session)
        own.append(session)
        return session
