"""Traps about sessions: what has to be counted once, and what has no session at all."""

from datetime import timedelta
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import NOTHING, Touch
from eventflow_pipeline.dev.sample.traps.world import World, trap


@trap("one session hits one link twice within a second: 2 hits, 1 visit (M1, M2, B4)")
def double_mounts(world: World) -> list[UUID]:
    ids: list[UUID] = []
    for n, link in enumerate(world.links()[:3]):
        session, at = world.facts.session(), world.moment(2, 10 + n)
        for step in (0, 1):
            ids.append(
                world.facts.visit(
                    at + timedelta(seconds=step),
                    session,
                    Touch(link_id=link.id, cid=link.cid),
                    campaign_id=world.campaign().id,
                ).id
            )
    return ids


@trap("one session on four days of one campaign: range visits 1, not 4 (M6; mistake 2)")
def session_over_days(world: World) -> list[UUID]:
    session = world.facts.session()
    return [
        world.facts.visit(world.moment(ago, 13), session, campaign_id=world.campaign().id).id for ago in (6, 4, 3, 1)
    ]


@trap("one session through three links of one campaign on one day: links sum to 3, campaign 1 (M5; mistake 2)")
def session_over_links(world: World) -> list[UUID]:
    session = world.facts.session()
    return [
        world.facts.visit(world.moment(2, 14 + n), session, Touch(link_id=link.id), campaign_id=world.campaign().id).id
        for n, link in enumerate(world.links()[:3])
    ]


@trap("one session with three UTM combinations on one day (M5; mistake 2)")
def session_over_utms(world: World) -> list[UUID]:
    session = world.facts.session()
    combinations = (("naver", "cpc"), ("kakao", "social"), ("newsletter", "email"))
    return [
        world.facts.visit(
            world.moment(3, 9 + n),
            session,
            Touch(utm_source=source, utm_medium=medium, utm_campaign="autumn"),
            campaign_id=world.campaign().id,
        ).id
        for n, (source, medium) in enumerate(combinations)
    ]


@trap("one session in two campaigns of one client on one day: client 1 visit (M5; mistake 2)")
def session_over_campaigns(world: World) -> list[UUID]:
    session = world.facts.session()
    return [world.facts.visit(world.moment(2, 16 + n), session, campaign_id=world.campaign(0, n).id).id for n in (0, 1)]


@trap("one session at two clients on one day: platform 1 visit, each client 1 (M5, P2)")
def session_over_clients(world: World) -> list[UUID]:
    session = world.facts.session()
    return [world.facts.visit(world.moment(2, 17 + n), session, campaign_id=world.campaign(n).id).id for n in (0, 1)]


@trap("one session id plain, padded with U+00A0, U+3000 and ASCII space: one session (N1, M2)")
def padded_sessions(world: World) -> list[UUID]:
    session, at = world.facts.session(), world.moment(3, 15)
    raw = (session, f"\u00a0{session}", f"{session}\u3000", f" \t{session}\r\n")
    return [
        world.facts.visit(at + timedelta(minutes=n), text, campaign_id=world.campaign().id).id
        for n, text in enumerate(raw)
    ]


@trap("session ids of nothing but space, U+00A0 and U+3000 included: sessionless hits (N1, M2, Q5)")
def blank_sessions(world: World) -> list[UUID]:
    at = world.moment(3, 16)
    return [
        world.facts.visit(at + timedelta(minutes=n), text, campaign_id=world.campaign().id).id
        for n, text in enumerate(("", "   ", "\u00a0", "\u3000\u3000", " \t\n\r\f\v"))
    ]


@trap("entries without a session id or with a blank one: they count and cannot be linked (M3, Q2, Q5)")
def sessionless_entries(world: World) -> list[UUID]:
    at = world.moment(4, 10)
    return [
        world.facts.entry(world.campaign(), at + timedelta(minutes=n), text, NOTHING).id
        for n, text in enumerate((None, "", "\u3000 "))
    ]


@trap("an entry after several hits marks them all; a later hit of the session stays unmarked (Q2)")
def converted_session(world: World) -> list[UUID]:
    session, campaign = world.facts.session(), world.campaign()
    hits = [
        world.facts.visit(at, session, campaign_id=campaign.id).id
        for at in (world.moment(4, 20), world.moment(3, 8), world.moment(2, 21))
    ]
    return [*hits, world.facts.entry(campaign, world.moment(3, 8.1), session).id]
