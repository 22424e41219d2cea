"""A worked example of the measures (M1-M6), cell by cell."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
BOTH = DayRange(FIRST, SECOND)
CLIENT, C, D = UUID(int=1), UUID(int=0xC), UUID(int=0xD)
L1, L2, DANGLING = UUID(int=0x11), UUID(int=0x12), UUID(int=0x99)


def _at(day: int, hour: int, minute: int = 0, second: float = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)


@pytest.fixture
def example(database: Database) -> Database:
    facts.clients(database, {CLIENT: [C]})
    facts.link(database, L1, CLIENT, utm_source="naver", utm_medium="cpc", utm_campaign="spring", cid="AAAA1111")
    facts.link(database, L2, CLIENT, utm_source="kakao", utm_medium="social", utm_campaign="spring", cid="BBBB2222")
    visits = [
        (_at(1, 14, 59, 59.9), "s1", C, {"marketing_campaign_link_id": L1}),
        (_at(1, 15), "s1", C, {"marketing_campaign_link_id": L1}),
        (_at(2, 1), "s1", C, {"cid": "bbbb2222"}),
        (_at(2, 1, 0, 1), "s1", C, {"cid": "bbbb2222"}),
        (_at(2, 2), "s2", C, {"marketing_campaign_link_id": DANGLING}),
        (_at(2, 3), "s3", D, {}),
    ]
    for at, session, campaign, more in visits:
        facts.visits(database, at, session_id=session, campaign_id=campaign, **more)
    facts.entries(
        database, _at(2, 3, 10), session_id="s1", campaign_id=C, client_id=CLIENT,
        registration_data='{"cid": "BBBB2222"}',
    )  # fmt: skip
    database.replace(SECOND, FIRST)
    return database


def _measures(database: Database, grain: str, days: date | DayRange, *keys: str) -> dict[object, tuple[object, ...]]:
    measures = ("hits", "visits", "conversions", "cvr")
    return {
        tuple(row[k] for k in keys): tuple(None if row[m] is None else float(row[m]) for m in measures)
        for row in database.summary(grain, days)
    }


def test_campaign_on_the_second_day(example: Database) -> None:
    assert _measures(example, "campaign", SECOND, "client_id", "entity_id") == {
        (CLIENT, C): (4, 2, 1, 0.5),
        (None, D): (1, 1, 0, 0),  # row 6: visible under the unknown client
    }


def test_first_day_holds_row_one_only(example: Database) -> None:
    assert _measures(example, "campaign", FIRST, "client_id", "entity_id") == {(CLIENT, C): (1, 1, 0, 0)}


def test_links_on_the_second_day_sum_to_more_than_the_campaign(example: Database) -> None:
    links = _measures(example, "link", SECOND, "link_id", "link_status", "entity_id")
    assert links == {
        (L1, "resolved", C): (1, 1, 0, 0),
        (L2, "resolved", C): (2, 1, 1, 1),
        (DANGLING, "unresolved", C): (1, 1, 0, 0),
        (None, "unknown", D): (1, 1, 0, 0),
    }
    assert sum(int(m[1]) for k, m in links.items() if k[2] == C) == 3  # type: ignore[index]


def test_campaign_over_both_days_counts_the_returning_session_once(example: Database) -> None:
    assert _measures(example, "campaign", BOTH, "entity_id")[(C,)] == (5, 2, 1, 0.5)


def test_utm_combinations(example: Database) -> None:
    utm = ("utm_source", "utm_medium", "utm_campaign")
    naver, kakao = ("naver", "cpc", "spring"), ("kakao", "social", "spring")
    assert _measures(example, "utm", FIRST, *utm) == {naver: (1, 1, 0, 0)}
    second = _measures(example, "utm", SECOND, *utm)
    assert (second[naver], second[kakao]) == ((1, 1, 0, 0), (2, 1, 1, 1))


def test_link_status_of_the_hits(example: Database) -> None:
    state = example.rows("select * from stats.partition_state where bucket_date = :d", d=SECOND)[0]
    assert (state["hits"], state["unresolved_link_hits"], state["unknown_link_hits"]) == (5, 1, 1)
