"""Traps about links, cids and UTM: what resolves, what does not, and what was never supplied."""

from datetime import timedelta
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import NOTHING, Touch
from eventflow_pipeline.dev.sample.traps.world import World, trap

#: A code that fits ^[A-Z0-9]{8}$ but contains 0 and 1, which no generated cid does.
_CID_OF_NO_LINK = "N0SUCH01"


@trap("visits with the id of a link that was deleted: unresolved, id kept (A2, E2; mistake 7)")
def dangling_link_visits(world: World) -> list[UUID]:
    gone = world.uuid()
    return world.visits(world.moment(2, 9), Touch(link_id=gone), Touch(link_id=gone), Touch(link_id=world.uuid()))


@trap("entries with the id of a link that was deleted: unresolved, id kept (A2; mistake 7)")
def dangling_link_entries(world: World) -> list[UUID]:
    touch = Touch(link_id=world.uuid())
    return [
        world.facts.entry(world.campaign(), world.moment(2, 9.5 + n), world.facts.session(), touch).id for n in (0, 1)
    ]


@trap("visits with the link id of another client: unresolved (A2, P2)")
def foreign_link_visits(world: World) -> list[UUID]:
    touch = Touch(link_id=world.links(1)[0].id)
    return world.visits(world.moment(2, 9.2), touch, touch)


@trap("a dangling link id beside a good cid: the id decides alone, unresolved (A2)")
def link_id_beats_cid(world: World) -> list[UUID]:
    return world.visits(world.moment(2, 9.3), Touch(link_id=world.uuid(), cid=world.links()[0].cid))


@trap("cids in lower and mixed case, padded with space and U+3000: resolved (N1, A1)")
def raw_cids(world: World) -> list[UUID]:
    cid = world.links()[0].cid or ""
    raw = (cid.lower(), f"  {cid}", f"\u3000{cid.lower()}\u3000", f"{cid[:4].lower()}{cid[4:]}\u00a0\n")
    return world.visits(world.moment(3, 12), *(Touch(cid=text) for text in raw))


@trap("cids of the right form that match no link: unresolved (A2)")
def unknown_cids(world: World) -> list[UUID]:
    return world.visits(world.moment(3, 12.2), Touch(cid=_CID_OF_NO_LINK), Touch(cid=_CID_OF_NO_LINK.lower()))


@trap("supplied cids that are no cids even after normalizing (Q7, A2)")
def malformed_cids(world: World) -> list[UUID]:
    return world.visits(world.moment(3, 12.4), *(Touch(cid=text) for text in ("spring", "AB-12345", "봄세미나")))


@trap("cids of nothing but space: not supplied (N1, A2)")
def blank_cids(world: World) -> list[UUID]:
    return world.visits(world.moment(3, 12.6), *(Touch(cid=text) for text in ("", "  ", "\u00a0\u3000")))


@trap("the same cid at two clients: each visit resolves to its own client's link (A1, P2)")
def shared_cid(world: World) -> list[UUID]:
    ours, model = world.links(0)[0], world.links(1)[0]
    world.add_link(model, name="Shared code", cid=ours.cid)
    return [
        visit
        for client in (0, 1)
        for visit in world.visits(world.moment(3, 13), Touch(cid=ours.cid), campaign=world.campaign(client))
    ]


@trap("links that are paused or archived still resolve, by id and by cid (A2)")
def inactive_links(world: World) -> list[UUID]:
    touches: list[Touch] = []
    for status in ("paused", "archived"):
        link = world.add_link(
            world.links()[0], name=f"Old link ({status})", cid=f"OLD{status[:5].upper()}", status=status
        )
        touches += [Touch(link_id=link.id), Touch(cid=link.cid)]
    return world.visits(world.moment(3, 13.2), *touches)


@trap("UTM in raw case and padded, as older rows and scripts wrote them: one member with the clean ones (N1)")
def raw_utms(world: World) -> list[UUID]:
    raw = (
        ("naver", "cpc", "raw-utm"),
        ("NAVER", "Cpc", "Raw-UTM"),
        ("  Naver ", "\u3000CPC", "raw-utm\u00a0"),
        ("naver\n", "\tcpc", "\u00a0RAW-UTM\u3000"),
    )
    return world.visits(world.moment(3, 13.4), *(Touch(utm_source=s, utm_medium=m, utm_campaign=c) for s, m, c in raw))


@trap("all three UTM blank on a visit through a link: the link's own apply (N1, A3)")
def blank_utms(world: World) -> list[UUID]:
    link = world.links()[0]
    blank = (("", "", ""), ("  ", "\u3000", "\u00a0"))
    return world.visits(
        world.moment(3, 13.6),
        *(Touch(link_id=link.id, utm_source=s, utm_medium=m, utm_campaign=c) for s, m, c in blank),
    )


@trap("only the UTM source supplied on a visit through a link: the link's own do not apply (A3)")
def partial_utm(world: World) -> list[UUID]:
    link = world.links()[0]
    return world.visits(world.moment(3, 13.8), Touch(link_id=link.id, utm_source="kakao"))


@trap("a resolved link that has no UTM of its own: unknown UTM (A3)")
def link_with_no_utm(world: World) -> list[UUID]:
    link = world.add_link(
        world.links()[0],
        name="Plain link",
        cid="PLA1NL1K",
        utm_source=None,
        utm_medium="  ",
        utm_campaign="",
    )
    return world.visits(world.moment(3, 14), Touch(link_id=link.id))


@trap("a visit through a link without UTM, its conversion with both: one combination for both (A3; mistake 10)")
def visit_without_utm_entry_with(world: World) -> list[UUID]:
    link, at, session = world.links()[0], world.moment(2, 11), world.facts.session()
    visit = world.facts.visit(at, session, Touch(link_id=link.id), campaign_id=world.campaign().id)
    both = Touch(link.id, None, link.utm_source, link.utm_medium, link.utm_campaign)
    entry = world.facts.entry(world.campaign(), at + timedelta(minutes=4), session, both, first_visit=at)
    return [visit.id, entry.id]


@trap("entries whose link is only a cid in registration_data, raw, blank or of no link (A1, A2, N1)")
def entry_cids(world: World) -> list[UUID]:
    cid = world.links()[0].cid or ""
    return [
        world.facts.entry(world.campaign(), world.moment(2, 12 + n / 4), world.facts.session(), Touch(cid=text)).id
        for n, text in enumerate((cid, f" {cid.lower()}\u3000", "  ", _CID_OF_NO_LINK))
    ]


@trap("entries without a cid, one with a link id and one with nothing, still count everywhere (A2; mistake 11)")
def entries_without_cid(world: World) -> list[UUID]:
    touches = (Touch(link_id=world.links()[0].id), NOTHING)
    return [
        world.facts.entry(world.campaign(), world.moment(2, 13 + n), world.facts.session(), touch).id
        for n, touch in enumerate(touches)
    ]
