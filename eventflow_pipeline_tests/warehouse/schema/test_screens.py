"""The shapes screens rely on, as snapshots over fixed facts, and paging of the drill-down by key."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from eventflow_pipeline_tests.clients.schemas import as_promised
from eventflow_pipeline_tests.databases import Database, Databases, settings_for

FIRST, LAST = date(2024, 3, 1), date(2024, 3, 3)
CLIENT, QUIET = UUID(int=1), UUID(int=2)
SPRING, CLOSED, WEBINAR = UUID(int=0xC1), UUID(int=0xC2), UUID(int=0xD1)
NAVER, UNUSED, DANGLING = UUID(int=0x11), UUID(int=0x12), UUID(int=0x99)


def _at(day: int, hour: int) -> datetime:
    """Hour of a Korean day in March 2024."""
    return datetime(2024, 3, day, hour, tzinfo=UTC) - timedelta(hours=9)


@pytest.fixture(scope="module")
def screens(databases: Databases, _template: str) -> Iterator[Database]:
    """One client with traffic of every kind on 1 to 3 March, another one without any."""
    name = databases.create(_template)
    database = Database(settings_for(databases.url(name)))
    database.insert("clients", [{"id": CLIENT, "name": "Client"}, {"id": QUIET, "name": "Quiet"}])
    database.insert(
        "event_survey_campaigns",
        [
            {"id": SPRING, "client_id": CLIENT, "title": "Spring"},
            {"id": CLOSED, "client_id": CLIENT, "title": "Closed"},
        ],
    )
    database.insert("webinars", [{"id": WEBINAR, "client_id": CLIENT, "title": "Webinar"}])
    database.insert(
        "campaign_link_meta",
        [
            {"id": NAVER, "client_id": CLIENT, "name": "Naver ad", "target_campaign_id": SPRING, "cid": "NAVER001",
             "utm_source": "naver", "utm_medium": "cpc", "utm_campaign": "spring"},
            {"id": UNUSED, "client_id": CLIENT, "name": "Unused", "target_type": "webinar", "status": "archived",
             "target_webinar_id": WEBINAR},
        ],
    )  # fmt: skip
    visits: list[dict[str, Any]] = [
        {"session_id": "a", "campaign_id": SPRING, "marketing_campaign_link_id": NAVER, "accessed_at": _at(1, 9)},
        {"session_id": "a", "campaign_id": SPRING, "cid": " naver001", "accessed_at": _at(2, 9)},
        {"session_id": "b", "campaign_id": SPRING, "utm_source": "Kakao", "accessed_at": _at(2, 10),
         "referrer": "https://search.example/?q=who"},
        {"session_id": "b", "campaign_id": CLOSED, "utm_source": "Kakao", "accessed_at": _at(2, 11)},
        {"session_id": "c", "webinar_id": WEBINAR, "accessed_at": _at(3, 9)},
        {"session_id": " ", "campaign_id": SPRING, "marketing_campaign_link_id": DANGLING, "accessed_at": _at(3, 10)},
        {"session_id": "before", "campaign_id": SPRING, "accessed_at": _at(1, 9) - timedelta(days=1)},
    ]  # fmt: skip
    database.insert("event_access_logs", [{"id": UUID(int=0xF0 + n), **row} for n, row in enumerate(visits)])
    database.insert(
        "event_survey_entries",
        [
            {"campaign_id": SPRING, "client_id": CLIENT, "phone_norm": "1", "created_at": _at(1, 10),
             "marketing_campaign_link_id": NAVER, "session_id": "a"},
            {"campaign_id": SPRING, "client_id": CLIENT, "phone_norm": "2", "created_at": _at(3, 10)},
        ],
    )  # fmt: skip
    database.replace(*(FIRST + timedelta(days=n) for n in range(-3, 3)))
    database.merge_pending()
    yield database
    database.close()
    databases.drop(name)


def _answer(database: Database, function: str, *arguments: Any) -> Any:
    """The function's JSON, which its schema describes, its ``as_of`` replaced: it is the time of the run."""
    with psycopg.connect(database.url) as connection:
        connection.execute("set time zone 'UTC'")
        places = ", ".join(["%s"] * len(arguments))
        ((answer,),) = connection.execute(f"select public.{function}({places})", arguments).fetchall()
    as_promised(f"public.{function}", answer)
    if "as_of" in answer:
        assert datetime.fromisoformat(answer["as_of"])
        answer["as_of"] = "(time)"
    return json.loads(json.dumps(answer))


@pytest.mark.parametrize("function", ["get_marketing_summary", "get_link_stats", "get_client_overview"])
@pytest.mark.parametrize("client", [CLIENT, QUIET, None], ids=["client", "without traffic", "platform"])
def test_screens(screens: Database, snapshot: SnapshotAssertion, function: str, client: UUID | None) -> None:
    answer = _answer(screens, function, client, FIRST, LAST)
    assert answer == snapshot(extension_class=JSONSnapshotExtension)


def test_lists_of_the_platform_name_the_client_of_each_item(screens: Database) -> None:
    """UTM members are a client's own: without it a name that several have could not be told apart."""
    answer = _answer(screens, "get_marketing_summary", None, FIRST, LAST)
    listed = [item for name in ("by_source", "by_medium", "by_campaign", "by_combo") for item in answer[name]]
    assert {item["client_id"] for item in listed} == {str(CLIENT)}


def test_the_drill_down(screens: Database, snapshot: SnapshotAssertion) -> None:
    answer = _answer(screens, "get_campaign_visits_raw", SPRING, FIRST, LAST)
    assert answer == snapshot(extension_class=JSONSnapshotExtension)
    assert "who" not in json.dumps(answer), "of a referrer the host alone"


def test_the_drill_down_shows_nothing_personal_of_a_fact(screens: Database) -> None:
    with psycopg.connect(screens.url) as connection:
        connection.execute(
            "insert into event_access_logs "
            "(campaign_id, session_id, utm_source, utm_medium, utm_campaign, cid, referrer, accessed_at) "
            "values (%s, 'p', 'Kim@Example.com', 'cpc', '010-1234-5678', 'kim%%40example.com', "
            "'https://010-1234-5678.example/x', %s)",
            (SPRING, _at(3, 11)),
        )
        ((answer,),) = connection.execute(
            "select public.get_campaign_visits_raw(%s, %s, %s) -> 'visits' -> -1", (SPRING, LAST, LAST)
        ).fetchall()
        connection.rollback()
    shown = [answer[name] for name in ("utm_source", "utm_medium", "utm_campaign", "cid", "referrer_host")]
    assert shown == ["(redacted)", "cpc", "(redacted)", "(redacted)", "(redacted)"]


def test_paging_by_key_gives_every_hit_once_whatever_the_page(screens: Database) -> None:
    whole = _answer(screens, "get_campaign_visits_raw", SPRING, FIRST, LAST)
    assert whole["next"] is None
    for limit in (1, 2, 3, 4, 1000):
        seen, following = [], None
        while True:
            key = (following["after_accessed_at"], following["after_id"]) if following else (None, None)
            page = _answer(screens, "get_campaign_visits_raw", SPRING, FIRST, LAST, *key, limit)
            assert len(page["visits"]) <= limit
            seen += page["visits"]
            following = page["next"]
            if following is None:
                break
            assert len(page["visits"]) == limit
        assert seen == whole["visits"], limit


def test_hits_at_the_same_instant_are_paged_by_id(screens: Database) -> None:
    """A double mount: equal times must neither repeat nor hide a row at the edge of a page."""
    with psycopg.connect(screens.url) as connection:
        for n in range(5):
            connection.execute(
                "insert into event_access_logs (id, campaign_id, session_id, accessed_at) values (%s, %s, 'd', %s)",
                (UUID(int=0xFFF0 + n), SPRING, _at(2, 9)),
            )
        seen: list[str] = []
        key: tuple[Any, Any] = (None, None)
        while len(seen) < 100:
            ((page,),) = connection.execute(
                "select public.get_campaign_visits_raw(%s, %s, %s, %s, %s, 2)", (SPRING, FIRST, LAST, *key)
            ).fetchall()
            seen += [visit["id"] for visit in page["visits"]]
            if not page["next"]:
                break
            key = (page["next"]["after_accessed_at"], page["next"]["after_id"])
        connection.rollback()
    assert len(seen) == len(set(seen)) == 4 + 5


def test_totals_are_distinct_sessions_not_sums(screens: Database) -> None:
    overview = _answer(screens, "get_client_overview", CLIENT, FIRST, LAST)
    assert overview["totals"]["visits"] == 3
    assert sum(day["visits"] for day in overview["series"]) == 4
    assert sum(item["visits"] for item in overview["campaigns"] + overview["webinars"]) == 4
    assert overview["totals"]["hits"] == sum(day["hits"] for day in overview["series"]) == 6


@pytest.mark.parametrize("client", [CLIENT, None])
def test_rows_as_json_are_as_promised(screens: Database, client: UUID | None) -> None:
    with psycopg.connect(screens.url) as connection:
        for function, arguments in (
            *(("range_summary", (grain, FIRST, LAST)) for grain in ("client", "campaign", "link", "utm")),
            ("daily_series", ("campaign_utm", FIRST, LAST)),
        ):
            places = ", ".join(["%s"] * len(arguments))
            ((rows,),) = connection.execute(
                f"select json_agg(r) from stats.{function}({places}, %s) r".encode(), [*arguments, client]
            ).fetchall()
            assert as_promised(f"stats.{function}", rows)


def test_series_fill_gaps_with_zeros(screens: Database) -> None:
    rows = screens.rows(
        "select bucket_date, entity_id, visits, conversions, cvr from stats.daily_series('campaign', :a, :b, :c)",
        a=FIRST, b=LAST, c=CLIENT,
    )  # fmt: skip
    assert [(r["bucket_date"].day, r["visits"], r["conversions"]) for r in rows if r["entity_id"] == SPRING] == [
        (1, 1, 1), (2, 2, 0), (3, 0, 1),
    ]  # fmt: skip
    assert [(r["bucket_date"].day, r["visits"]) for r in rows if r["entity_id"] == WEBINAR] == [(1, 0), (2, 0), (3, 1)]
    assert {r["cvr"] for r in rows if not r["visits"]} == {None}


def test_a_day_that_is_not_computed_is_shown_as_such_not_as_zero(screens: Database) -> None:
    last = LAST + timedelta(days=1)
    for function, path in (("get_client_overview", "series"), ("get_link_stats", "links")):
        answer = _answer(screens, function, CLIENT, LAST, last)
        days = answer[path] if path == "series" else answer["links"][0]["daily"]
        assert answer["complete"] is False
        assert [(day["visits"] is None, day["conversions"] is None) for day in days] == [(False, False), (True, True)]


def test_the_label_of_the_unknown_can_be_told_from_one_that_was_typed(database: Database) -> None:
    """A5: anybody can tag a link with __direct__; a screen keyed by name alone would show one of the two."""
    database.insert("clients", [{"id": CLIENT, "name": "Client"}])
    database.insert("event_survey_campaigns", [{"id": SPRING, "client_id": CLIENT, "title": "Spring"}])
    typed = {"utm_source": "__direct__", "utm_medium": "__DIRECT__", "utm_campaign": " __direct__"}
    rows = [{}, {}, typed, {"utm_source": "__direct__"}]
    database.insert(
        "event_access_logs",
        [{"campaign_id": SPRING, "session_id": str(n), "accessed_at": _at(1, 9), **utm} for n, utm in enumerate(rows)],
    )
    database.replace(FIRST)
    database.merge_pending()
    answer = _answer(database, "get_marketing_summary", CLIENT, FIRST, FIRST)
    for field, unknown in (("source", 2), ("medium", 3), ("campaign", 3)):
        items = answer[f"by_{field}"]
        assert {item[field] for item in items} == {"__direct__"}
        assert {item["is_unknown"]: item["visits"] for item in items} == {True: unknown, False: 4 - unknown}
    flags = ("is_unknown", "source_is_unknown", "medium_is_unknown", "campaign_is_unknown")
    assert {tuple(item[flag] for flag in flags): item["visits"] for item in answer["by_combo"]} == {
        (True, True, True, True): 2, (False, False, True, True): 1, (False, False, False, False): 1,
    }  # fmt: skip
    (link,) = _answer(database, "get_link_stats", CLIENT, FIRST, FIRST)["links"]
    assert (link["is_unknown"], link["link_name"]) == (True, None)


def test_facts_without_any_entity_are_listed_too(screens: Database) -> None:
    """E1: an older deployment's entries may have no campaign."""
    with psycopg.connect(screens.url) as connection:
        connection.execute(
            "update stats.campaign_daily set entity_type = 'unknown', entity_id = null where entity_id = %s", (CLOSED,)
        )
        ((answer,),) = connection.execute(
            "select public.get_client_overview(%s, %s, %s)", (CLIENT, LAST, LAST)
        ).fetchall()  # fmt: skip
        ((whole,),) = connection.execute(
            "select public.get_client_overview(%s, %s, %s)",
            (CLIENT, FIRST + timedelta(days=1), FIRST + timedelta(days=1)),
        ).fetchall()
        connection.rollback()
    assert None not in [item["entity_id"] for item in answer["campaigns"]]
    assert [item["is_unknown"] for item in whole["campaigns"] if item["entity_id"] is None] == [True]


#: The lists of each screen: where it stands, what makes a member, and the grain it is counted at.
_LISTS = {
    ("get_marketing_summary", "by_source"): ("utm_source", "true"),
    ("get_marketing_summary", "by_medium"): ("utm_medium", "true"),
    ("get_marketing_summary", "by_campaign"): ("utm_campaign", "true"),
    ("get_marketing_summary", "by_combo"): ("utm", "true"),
    ("get_link_stats", "links"): ("link", "true"),
    ("get_client_overview", "campaigns"): ("campaign", "entity_type <> 'webinar'"),
    ("get_client_overview", "webinars"): ("campaign", "entity_type = 'webinar'"),
}


@pytest.fixture
def attacked(database: Database) -> Database:
    """A client with many members of every kind, some of them on two days, one of them folded."""
    database.insert("clients", [{"id": CLIENT, "name": "Client"}])
    database.insert("event_survey_campaigns", [{"id": SPRING, "client_id": CLIENT, "title": "Spring"}])
    database.insert(
        "campaign_link_meta", [{"id": UUID(int=0x700 + n), "client_id": CLIENT, "name": f"idle {n}"} for n in range(3)]
    )
    rows: list[dict[str, Any]] = [
        {"session_id": f"s{n % 5}", "campaign_id": SPRING, "accessed_at": _at(1 + n % 2 * (n % 3), 9),
         "utm_source": f"s{n % 9}", "utm_medium": f"m{n % 8}", "utm_campaign": f"c{n % 12}",
         "marketing_campaign_link_id": UUID(int=0x900 + n % 11)}
        for n in range(40)
    ]  # fmt: skip
    webinars = [UUID(int=0xD00 + n) for n in range(7)]
    database.insert("webinars", [{"id": id, "client_id": CLIENT, "title": "w"} for id in webinars])
    rows += [
        {"session_id": "w", "webinar_id": id, "accessed_at": _at(2, 9)} for id in webinars for _ in range(id.int % 3)
    ]
    database.insert("event_access_logs", rows)
    database.insert(
        "event_survey_entries",
        [
            {"campaign_id": UUID(int=0xBAD0 + n), "client_id": CLIENT, "phone_norm": str(n), "created_at": _at(2, 10),
             "utm_source": f"s{n % 4}"}
            for n in range(9)
        ],
    )  # fmt: skip
    database.execute(
        "insert into stats.fold_rule (rule_no, client_id, field, kind, prefix, reason, author) "
        "values (1, :c, 'link_id', 'prefix', '00000000-0000-0000-0000-000000000900', 'bots', 'me')",
        c=CLIENT,
    )
    database.replace(*(FIRST + timedelta(days=n) for n in range(3)))
    database.merge_pending()
    return database


def test_a_screen_lists_the_top_and_what_is_left_as_one_row(attacked: Database) -> None:
    for (screen, name), (grain, condition) in _LISTS.items():
        members = attacked.rows(
            f"select * from stats.range_summary(:g, :a, :b, :c) where {condition} order by conversions desc, hits desc",
            g=grain, a=FIRST, b=LAST, c=CLIENT,
        )  # fmt: skip
        assert len(members) > 3, name
        whole = _answer(attacked, screen, CLIENT, FIRST, LAST)
        idle = 3 if name == "links" else 0
        assert (len(whole[name]), whole[f"{name}_rest"]) == (len(members) + idle, None)
        for top in (1, 3):
            answer = _answer(attacked, screen, CLIENT, FIRST, LAST, top)
            assert answer[name] == whole[name][:top], "each exact, in the same order"
            measured = "count" if "count" in whole[name][0] else "conversions"
            assert [(i[measured], i["hits"]) for i in answer[name]] == [
                (m["conversions"], m["hits"]) for m in members[:top]
            ]
            assert answer[f"{name}_rest"] == {
                "members": len(members) + idle - top,
                "hits": sum(m["hits"] for m in members[top:]),
                "conversions": sum(m["conversions"] for m in members[top:]),
                "visits": None,
                "why_no_visits": "sessions of several members are not counted together: ask for more with p_top",
            }
    # The client's total stands beside it, whatever is listed.
    assert _answer(attacked, "get_link_stats", CLIENT, FIRST, LAST, 1)["totals"]["visits"] == 6
    folded = [i for i in _answer(attacked, "get_link_stats", CLIENT, FIRST, LAST)["links"] if i["is_folded"]]
    assert [(i["link_id"], i["link_status"]) for i in folded] == [(str(UUID(int=0)), "unresolved")]


@pytest.mark.parametrize(("given", "listed"), [(0, 1), (-5, 1), (None, 200), (10_000, 1_000)])
def test_how_many_a_screen_lists_is_bounded(database: Database, given: int | None, listed: int) -> None:
    database.insert("clients", [{"id": CLIENT, "name": "Client"}])
    database.execute(
        "insert into public.campaign_link_meta (id, client_id, name) "
        "select gen_random_uuid(), :c, 'link' from generate_series(1, 1200)",
        c=CLIENT,
    )
    database.replace(FIRST)
    answer = _answer(database, "get_link_stats", CLIENT, FIRST, FIRST, given)
    assert (len(answer["links"]), answer["links_rest"]["members"]) == (listed, 1_200 - listed)


def _buffers(connection: psycopg.Connection, query: str, *values: Any) -> int:
    """Pages a query touches, those it spills included: work that does not depend on the machine."""
    ((plan,),) = connection.execute(f"explain (analyze, buffers, timing off, format json) {query}".encode(), values)
    return sum(plan[0]["Plan"][f"{kind} Blocks"] for kind in ("Shared Hit", "Shared Read", "Temp Read", "Temp Written"))


@pytest.mark.parametrize(
    "invented", [3_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
def test_a_month_with_invented_members_costs_as_reading_its_buckets(database: Database, invented: int) -> None:
    """At most three times as much as reading the buckets plainly, of each grain that the screen reads."""
    month, days = date(2024, 3, 1), 30
    database.insert("clients", [{"id": CLIENT, "name": "Client"}])
    database.insert("event_survey_campaigns", [{"id": SPRING, "client_id": CLIENT, "title": "Spring"}])
    database.execute(
        "insert into public.event_access_logs (id, session_id, campaign_id, utm_source, utm_medium, utm_campaign, "
        "marketing_campaign_link_id, accessed_at) "
        "select gen_random_uuid(), 's' || n / 3, :c, md5('s' || n), md5('m' || n), md5('c' || n), gen_random_uuid(), "
        "cast(:at as timestamptz) + n % :days * interval '1 day' from generate_series(1, :n) n",
        c=SPRING, at=_at(1, 9), days=days, n=invented,
    )  # fmt: skip
    database.insert(
        "event_survey_entries",
        [
            {"campaign_id": UUID(int=0xBAD0 + n), "client_id": CLIENT, "phone_norm": str(n), "created_at": _at(1, 10)}
            for n in range(invented // 100)
        ],
    )
    last = month + timedelta(days=days - 1)
    database.replace(*(month + timedelta(days=n) for n in range(days)))
    database.merge_pending()
    database.execute("analyze stats.bucket_daily")
    grains = {
        "get_marketing_summary": ["client", "utm_source", "utm_medium", "utm_campaign", "utm", "link"],
        "get_link_stats": ["client", "link"],
        "get_client_overview": ["client", "campaign"],
    }
    with psycopg.connect(database.url) as connection:
        for screen, read in grains.items():
            asked = (f"select public.{screen}(%s, %s, %s)", CLIENT, month, last)
            _buffers(connection, *asked)  # what the session looks up once
            plainly = sum(
                _buffers(connection, f"select * from stats.{grain}_daily where client_id = %s and bucket_date "
                         "between %s and %s", CLIENT, month, last)
                for grain in read
            )  # fmt: skip
            cost = _buffers(connection, *asked)
            print(f"{screen}: {cost} pages, plainly {plainly}, ratio {cost / plainly:.2f}")
            # What a screen looks up whatever there is.
            assert cost <= 3 * plainly + 250, (screen, cost, plainly)
