"""Traps in time: day borders, late and back-dated rows, facts outside every day."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import NOTHING
from eventflow_pipeline.dev.sample.traps.world import World, trap

_MS = timedelta(milliseconds=1)
_AROUND = (-_MS, timedelta(0), _MS)


def _visits_around(world: World, instant: datetime) -> list[UUID]:
    return [visit for step in _AROUND for visit in world.visits(instant + step, NOTHING)]


def _utc_midnight(world: World) -> datetime:
    """The last UTC midnight within the last but one complete business day, its first instant included."""
    return (world.window(2).end - _MS).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@trap("visits 1 ms before, at and 1 ms after midnight of the business zone (T1, T2; mistake 1)")
def business_midnight_visits(world: World) -> list[UUID]:
    return _visits_around(world, world.window(1).start)


@trap("entries 1 ms before, at and 1 ms after midnight of the business zone (T1, T2; mistake 1)")
def business_midnight_entries(world: World) -> list[UUID]:
    return [
        world.facts.entry(world.campaign(), world.window(1).start + step, world.facts.session()).id for step in _AROUND
    ]


@trap("visits 1 ms before, at and 1 ms after midnight UTC, one business day in Seoul (T1; mistake 1)")
def utc_midnight_visits(world: World) -> list[UUID]:
    return _visits_around(world, _utc_midnight(world))


@trap("entries 1 ms before, at and 1 ms after midnight UTC, one business day in Seoul (T1; mistake 1)")
def utc_midnight_entries(world: World) -> list[UUID]:
    return [
        world.facts.entry(world.campaign(), _utc_midnight(world) + step, world.facts.session()).id for step in _AROUND
    ]


@trap("visits written days after they happened: created_at later than accessed_at (T2; mistake 9)")
def late_visits(world: World) -> list[UUID]:
    happened = [world.moment(5, 11 + n / 4) for n in range(4)]
    return [
        world.facts.visit(
            at, world.facts.session(), campaign_id=world.campaign().id, recorded=at + timedelta(days=3)
        ).id
        for at in happened
    ]


@trap("entries moved back in time by a script: created_at before completed_at (T2, Q6; mistake 9)")
def back_dated_entries(world: World) -> list[UUID]:
    return [
        world.facts.entry(
            world.campaign(), world.moment(6, 9 + n), world.facts.session(), completed=world.moment(2, 15 + n)
        ).id
        for n in range(3)
    ]


@trap("visits and an entry before the first day: 1 ms before it, and years earlier (T4)")
def out_of_range(world: World) -> list[UUID]:
    if not world.timeline.options.include_out_of_range:
        return []
    first = world.timeline.windows[0].start
    early = first - timedelta(days=3 * 365)
    return [
        *world.visits(first - _MS, NOTHING),
        *world.visits(early, NOTHING, NOTHING),
        world.facts.entry(world.campaign(), early, None).id,
    ]
