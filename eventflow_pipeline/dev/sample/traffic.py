"""Ordinary traffic: arrivals over the day, sessions that return, newsletters, conversions."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import Facts, Touch
from eventflow_pipeline.dev.sample.options import SampleOptions
from eventflow_pipeline.dev.sample.plans import BURST, Plan
from eventflow_pipeline.dev.sample.quiet import Quiet
from eventflow_pipeline.dev.sample.randomness import stream
from eventflow_pipeline.dev.sample.timeline import Timeline

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
