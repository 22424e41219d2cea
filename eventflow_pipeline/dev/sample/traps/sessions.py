"""Traps about sessions: what has to be counted once, and what has no session at all."""

from datetime import timedelta
from uuid import UUID

from eventflow_pipeline.dev.sample.facts import NOTHING, Touch
from eventflow_pipeline.dev.sample.stage import Stage
from eventflow_pipeline.dev.sample.traps.registry import trap


@trap("one session hits one link twice within a second: 2 hits, 1 visit (M1, M2, B4)")
def double_mounts(stage: Stage) -> list[UUID]:
    ids: list[UUID] = []
    for n, link in enumerate(stage.links()[:3]):
        session, at = stage.facts.session(), stage.moment(2, 10 + n)
        for step in (0, 1):
            ids.append(
                stage.facts.visit(
                    at + timedelta(seconds=step),
                    session,
                    Touch(link_id=link.id, cid=link.cid),
                    campaign_id=stage.campaign().id,
                ).id
            )
    return ids


@trap("one session on four days of one campaign: range visits 1, not 4 (M6; mistake 2)")
def session_over_days(stage: Stage) -> list[UUID]:
    session = stage.facts.session()
    return [
        stage.facts.visit(stage.moment(ago, 13), session, campaign_id=stage.campaign().id).id for ago in (6, 4, 3, 1)
    ]


@trap("one session through three links of one campaign on one day: links sum to 3, campaign 1 (M5; mistake 2)")
def session_over_links(stage: Stage) -> list[UUID]:
    session = stage.facts.session()
    return [
        stage.facts.visit(stage.moment(2, 14 + n), session, Touch(link_id=link.id), campaign_id=stage.campaign().id).id
        for n, link in enumerate(stage.links()[:3])
    ]


@trap("one session with three UTM combinations on one day (M5; mistake 2)")
def session_over_utms(stage: Stage) -> list[UUID]:
    session = stage.facts.session()
    combinations = (("naver", "cpc"), ("kakao", "social"), ("newsletter", "email"))
    return [
        stage.facts.visit(
            stage.moment(3, 9 + n),
            session,
            Touch(utm_source=source, utm_medium=medium, utm_campaign="autumn"),
            campaign_id=stage.campaign().id,
        ).id
        for n, (source, medium) in enumerate(combinations)
    ]


@trap("one session in two campaigns of one client on one day: client 1 visit (M5; mistake 2)")
def session_over_campaigns(stage: Stage) -> list[UUID]:
    session = stage.facts.session()
    return [stage.facts.visit(stage.moment(2, 16 + n), session, campaign_id=stage.campaign(0, n).id).id for n in (0, 1)]


@trap("one session at two clients on one day: platform 1 visit, each client 1 (M5, P2)")
def session_over_clients(stage: Stage) -> list[UUID]:
    session = stage.facts.session()
    return [stage.facts.visit(stage.moment(2, 17 + n), session, campaign_id=stage.campaign(n).id).id for n in (0, 1)]


@trap("one session id plain, padded with U+00A0, U+3000 and ASCII space: one session (N1, M2)")
def padded_sessions(stage: Stage) -> list[UUID]:
    session, at = stage.facts.session(), stage.moment(3, 15)
    raw = (session, f"\u00a0{session}", f"{session}\u3000", f" \t{session}\r\n")
    return [
        stage.facts.visit(at + timedelta(minutes=n), text, campaign_id=stage.campaign().id).id
        for n, text in enumerate(raw)
    ]


@trap("session ids of nothing but space, U+00A0 and U+3000 included: sessionless hits (N1, M2, Q5)")
def blank_sessions(stage: Stage) -> list[UUID]:
    at = stage.moment(3, 16)
    return [
        stage.facts.visit(at + timedelta(minutes=n), text, campaign_id=stage.campaign().id).id
        for n, text in enumerate(("", "   ", "\u00a0", "\u3000\u3000", " \t\n\r\f\v"))
    ]


@trap("entries without a session id or with a blank one: they count and cannot be linked (M3, Q2, Q5)")
def sessionless_entries(stage: Stage) -> list[UUID]:
    at = stage.moment(4, 10)
    return [
        stage.facts.entry(stage.campaign(), at + timedelta(minutes=n), text, NOTHING).id
        for n, text in enumerate((None, "", "\u3000 "))
    ]


@trap("an entry after several hits marks them all; a later hit of the session stays unmarked (Q2)")
def converted_session(stage: Stage) -> list[UUID]:
    session, campaign = stage.facts.session(), stage.campaign()
    hits = [
        stage.facts.visit(at, session, campaign_id=campaign.id).id
        for at in (stage.moment(4, 20), stage.moment(3, 8), stage.moment(2, 21))
    ]
    return [*hits, stage.facts.entry(campaign, stage.moment(3, 8.1), session).id]
