"""Traps about campaigns, webinars and clients that are missing, doubled or contradictory."""

from dataclasses import replace
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import NOTHING, Touch
from eventflow_pipeline.dev.sample.traps.world import World, trap


@trap("visits of a campaign whose row is gone: client unknown, nothing resolves (E1, E2, A1; mistake 8)")
def missing_campaign_visits(world: World) -> list[UUID]:
    link = world.links()[0]
    gone = replace(world.campaign(), id=world.uuid())
    return world.visits(world.moment(2, 18), NOTHING, Touch(link_id=link.id), Touch(cid=link.cid), campaign=gone)


@trap("entries of a campaign whose row is gone keep their own client (E1, E2; mistake 8)")
def missing_campaign_entries(world: World) -> list[UUID]:
    gone = replace(world.campaign(), id=world.uuid())
    return [world.facts.entry(gone, world.moment(2, 18.5 + n), world.facts.session()).id for n in (0, 1)]


@trap("visits of a webinar alone: entity and client are the webinar's (E1, E2, W3; mistake 8)")
def webinar_visits(world: World) -> list[UUID]:
    return [
        world.facts.visit(world.moment(2, 19 + n), world.facts.session(), webinar_id=webinar.id).id
        for n, webinar in enumerate(world.rows.webinars[:2])
    ]


@trap("visits of a webinar whose row is gone: client unknown (E1, E2)")
def missing_webinar_visits(world: World) -> list[UUID]:
    gone = world.uuid()
    return [world.facts.visit(world.moment(2, 19.5 + n), world.facts.session(), webinar_id=gone).id for n in (0, 1)]


@trap("visits with a campaign and another client's webinar: the campaign wins (E1, E2)")
def campaign_and_webinar_visits(world: World) -> list[UUID]:
    other = next(row for row in world.rows.webinars if row.client_id != world.campaign().client_id)
    return [
        world.facts.visit(
            world.moment(2, 20 + n),
            world.facts.session(),
            campaign_id=world.campaign().id,
            webinar_id=other.id,
        ).id
        for n in (0, 1)
    ]


@trap("a campaign row gone, the webinar beside it present: the campaign still wins, client unknown (E1, E2)")
def missing_campaign_beside_webinar(world: World) -> list[UUID]:
    webinar = world.rows.webinars[0]
    row = world.facts.visit(
        world.moment(2, 20.5), world.facts.session(), campaign_id=world.uuid(), webinar_id=webinar.id
    )
    return [row.id]


@trap("entries whose client differs from their campaign's: counted for their own (E2, Q7)")
def drifted_clients(world: World) -> list[UUID]:
    other = world.rows.clients[1].id
    return [
        world.facts.entry(world.campaign(), world.moment(2, 21 + n / 2), world.facts.session(), client_id=other).id
        for n in (0, 1)
    ]


@trap("one registration campaign named by two webinars: shared, counted once for the client (W3)")
def shared_registration_campaign(world: World) -> list[UUID]:
    first = world.rows.webinars[0].registration_campaign_id
    return [row.id for row in world.rows.webinars if row.registration_campaign_id == first]
