"""Traps that fill a whole day or a whole campaign. The days are quiet otherwise (see ``quiet``)."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import Touch
from eventflow_pipeline.dev.sample.traps.world import World, trap

_CLONED = 24


@trap("visits all but lost on a day of normal registrations: 3 visits, 60 entries (Q6, F1; mistake 14)")
def visits_lost(world: World) -> list[UUID]:
    facts, campaign = world.facts, world.quiet.first
    opening = world.timeline.windows[world.quiet.incident].start + timedelta(hours=9)
    visits = [
        facts.visit(opening + timedelta(hours=3 * n), facts.session(), campaign_id=campaign.id).id for n in range(3)
    ]
    newsletter = Touch(utm_source="newsletter", utm_medium="email", utm_campaign="invitation")
    return visits + [
        facts.entry(campaign, opening + timedelta(minutes=9 * n), facts.session(), newsletter).id for n in range(60)
    ]


@trap("a client's day with conversions and no visit at all: cvr is NULL, not 0 (M4; mistake 12)")
def no_visits(world: World) -> list[UUID]:
    opening = world.timeline.windows[world.quiet.no_visits].start + timedelta(hours=11)
    return [world.facts.entry(world.quiet.first, opening + timedelta(minutes=20 * n), None).id for n in range(7)]


@trap("a campaign's day with 11 visits and 16 conversions: cvr 145.5 %, not capped (M4; mistake 12)")
def cvr_above_one(world: World) -> list[UUID]:
    facts, campaign = world.facts, world.quiet.second
    opening = world.timeline.windows[world.quiet.crowded].start + timedelta(hours=10)
    sessions = [facts.session() for _ in range(11)]
    visits = [
        facts.visit(opening + timedelta(minutes=5 * n), session, campaign_id=campaign.id).id
        for n, session in enumerate(sessions)
    ]
    # A tablet at the entrance: colleagues register in the session of somebody who has been there.
    return visits + [
        facts.entry(campaign, opening + timedelta(hours=1, minutes=5 * n), sessions[n % 11]).id for n in range(16)
    ]


@trap("a test clone in the same client with entries copied to the microsecond: excluded by rule (E3, Q7)")
def test_clone(world: World) -> list[UUID]:
    entries = world.facts.entries
    known = {row.id: row for row in world.rows.campaigns}
    busiest = Counter(row.campaign_id for row in entries if row.campaign_id in known).most_common(1)[0][0]
    original = known[busiest]
    clone = replace(
        original,
        id=world.uuid(),
        title=f"{original.title} (copy)",
        public_path=f"{original.public_path}-copy",
        status="draft",
        created_at=world.moment(2, 15),
    )
    world.rows.campaigns.append(clone)
    first = world.timeline.windows[0].start
    own = [
        row
        for row in entries
        if row.campaign_id == busiest and row.client_id == original.client_id and row.created_at >= first
    ]
    copied = sorted(own, key=lambda row: row.created_at)[:_CLONED]
    return [world.facts.copy_entry(row, clone).id for row in copied]
