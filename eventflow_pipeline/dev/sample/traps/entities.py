"""Traps about campaigns, webinars and clients that are missing, doubled or contradictory."""

from dataclasses import replace
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import NOTHING, Touch
from eventflow_pipeline.dev.sample.stage import Stage
from eventflow_pipeline.dev.sample.traps.registry import trap


@trap("visits of a campaign whose row is gone: client unknown, nothing resolves (E1, E2, A1; mistake 8)")
def missing_campaign_visits(stage: Stage) -> list[UUID]:
    link = stage.links()[0]
    gone = replace(stage.campaign(), id=stage.uuid())
    return stage.visits(stage.moment(2, 18), NOTHING, Touch(link_id=link.id), Touch(cid=link.cid), campaign=gone)


@trap("entries of a campaign whose row is gone keep their own client (E1, E2; mistake 8)")
def missing_campaign_entries(stage: Stage) -> list[UUID]:
    gone = replace(stage.campaign(), id=stage.uuid())
    return [stage.facts.entry(gone, stage.moment(2, 18.5 + n), stage.facts.session()).id for n in (0, 1)]


@trap("visits of a webinar alone: entity and client are the webinar's (E1, E2, W3; mistake 8)")
def webinar_visits(stage: Stage) -> list[UUID]:
    return [
        stage.facts.visit(stage.moment(2, 19 + n), stage.facts.session(), webinar_id=webinar.id).id
        for n, webinar in enumerate(stage.rows.webinars[:2])
    ]


@trap("visits of a webinar whose row is gone: client unknown (E1, E2)")
def missing_webinar_visits(stage: Stage) -> list[UUID]:
    gone = stage.uuid()
    return [stage.facts.visit(stage.moment(2, 19.5 + n), stage.facts.session(), webinar_id=gone).id for n in (0, 1)]


@trap("visits with a campaign and another client's webinar: the campaign wins (E1, E2)")
def campaign_and_webinar_visits(stage: Stage) -> list[UUID]:
    other = next(row for row in stage.rows.webinars if row.client_id != stage.campaign().client_id)
    return [
        stage.facts.visit(
            stage.moment(2, 20 + n),
            stage.facts.session(),
            campaign_id=stage.campaign().id,
            webinar_id=other.id,
        ).id
        for n in (0, 1)
    ]


@trap("a campaign row gone, the webinar beside it present: the campaign still wins, client unknown (E1, E2)")
def missing_campaign_beside_webinar(stage: Stage) -> list[UUID]:
    webinar = stage.rows.webinars[0]
    row = stage.facts.visit(
        stage.moment(2, 20.5), stage.facts.session(), campaign_id=stage.uuid(), webinar_id=webinar.id
    )
    return [row.id]


@trap("entries whose client differs from their campaign's: counted for their own (E2, Q7)")
def drifted_clients(stage: Stage) -> list[UUID]:
    other = stage.rows.clients[1].id
    return [
        stage.facts.entry(stage.campaign(), stage.moment(2, 21 + n / 2), stage.facts.session(), client_id=other).id
        for n in (0, 1)
    ]


@trap("one registration campaign named by two webinars: shared, counted once for the client (W3)")
def shared_registration_campaign(stage: Stage) -> list[UUID]:
    first = stage.rows.webinars[0].registration_campaign_id
    return [row.id for row in stage.rows.webinars if row.registration_campaign_id == first]
