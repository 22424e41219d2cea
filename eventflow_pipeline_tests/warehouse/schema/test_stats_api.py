"""``stats_api``: the reads over PostgREST, with names, their state, exact periods and pages."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from eventflow_pipeline.settings import project_root
from eventflow_pipeline_tests.clients.schemas import as_promised, nothing_is_left_open, objects
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.warehouse.schema.test_screens import (
    CLIENT,
    CLOSED,
    FIRST,
    LAST,
    NAVER,
    QUIET,
    SPRING,
    WEBINAR,
    screens,
)

__all__ = ["screens"]
#: A call of every function of stats_api.
CALLS: dict[str, tuple[Any, ...]] = {
    "get_client_overview": (CLIENT, FIRST, LAST),
    "get_agency_overview": (FIRST, LAST),
    "get_marketing_summary": (CLIENT, FIRST, LAST),
    "get_link_stats": (CLIENT, FIRST, LAST),
    "get_series": (CLIENT, FIRST, LAST, "day"),
    "get_webinars": (CLIENT, FIRST, LAST),
    "get_webinar_stats": (WEBINAR, FIRST, LAST),
    "get_data_quality": (CLIENT, FIRST, LAST),
    "get_campaign_visits_raw": (SPRING, FIRST, LAST),
    "get_closings": (CLIENT, FIRST, LAST),
    "list_range_summary": ("link", FIRST, LAST),
    "list_daily_series": ("campaign_utm", FIRST, LAST),
    "list_campaign_hours": (FIRST, LAST),
}
STATE = {"complete", "as_of", "as_of_age_seconds", "late", "closed", "from", "to"}


@pytest.fixture(scope="module")
def readers(screens: Database) -> Database:
    """The world of the screens, with hours and a webinar of two days."""
    screens.define(hourly_clients=[CLIENT])
    screens.execute(
        "insert into stats.campaign_hourly (bucket_date, bucket_hour, client_id, entity_type, entity_id, hits, visits, "
        "sessionless_hits, conversions) "
        "select '2024-03-01', '2024-03-01 00:00+00'::timestamptz + h * interval '1 hour', cast(:client as uuid), "
        "'campaign', cast(:campaign as uuid), h + 1, 1, 0, h % 2 from generate_series(0, 11) h",
        client=CLIENT,
        campaign=SPRING,
    )
    screens.execute(
        "insert into stats.webinar_stats_daily (bucket_date, client_id, webinar_id, source, peak_viewers, peak_at, "
        "avg_viewers_live, minutes_observed, minutes_missed, hits, visits, conversions, campaign_shared) "
        "select d, cast(:client as uuid), cast(:webinar as uuid), 'sampled', 9 - extract(day from d), d, 2.5, 30, 1, "
        "3, 2, 1, false from unnest(array['2024-03-01', '2024-03-02']::date[]) d",
        client=CLIENT,
        webinar=WEBINAR,
    )
    return screens


@contextmanager
def _connected(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that is rolled back."""
    with psycopg.connect(database.url) as connection:
        yield connection
        connection.rollback()


def _ask(connection: psycopg.Connection[Any], function: str, *arguments: Any) -> Any:
    places = ", ".join(["%s"] * len(arguments))
    ((answer,),) = connection.execute(f"select stats_api.{function}({places})".encode(), arguments).fetchall()
    return as_promised(f"stats_api.{function}", answer)


def test_every_answer_says_how_far_it_may_be_trusted(readers: Database) -> None:
    """And names stand beside ids, rates are of six digits, whatever is asked."""
    with _connected(readers) as connection:
        there = connection.execute("select proname from pg_proc where pronamespace = 'stats_api'::regnamespace")
        assert {name for (name,) in there} == set(CALLS)
        for function, arguments in CALLS.items():
            answer = _ask(connection, function, *arguments)
            assert set(answer) > STATE, function
            assert (answer["from"], answer["to"]) == (str(FIRST), str(LAST)), function
            assert (answer["late"], answer["closed"]) == (True, False), "nothing was ever compared, or closed"
            assert 0 <= answer["as_of_age_seconds"] < 86_400
            for found in objects(answer):
                for id, name in (("client_id", "client_name"), ("link_id", "link_name"), ("agency_id", "agency_name")):
                    assert (id in found) == (name in found), (function, found)
                assert "entity_id" not in found or {"entity_title", "title"} & set(found), (function, found)
                if isinstance(found.get("visits"), int) and "date" not in found:
                    conversions = found.get("conversions", found.get("count"))
                    wanted = round(conversions / found["visits"], 6) if found["visits"] else None
                    assert found["cvr"] == wanted, (function, found)


@pytest.mark.parametrize("function", CALLS)
def test_the_answer_is_what_it_was(readers: Database, snapshot: SnapshotAssertion, function: str) -> None:
    """Read by the TypeScript client's tests, too; its schema leaves nothing of it open."""
    with _connected(readers) as connection:
        answer = _ask(connection, function, *CALLS[function])
    for found in objects(answer):
        if "as_of" in found:
            found["as_of"] = "2024-03-03T15:05:00+00:00"
        if "as_of_age_seconds" in found:
            found["as_of_age_seconds"] = 300
    assert answer == snapshot(extension_class=JSONSnapshotExtension)
    for name, found in answer.items():
        if isinstance(found, list):
            answer[name] = found[:1]
    nothing_is_left_open(f"stats_api.{function}", answer)


def test_webinars_of_a_range(readers: Database) -> None:
    """W3: hits and conversions add up over days, visits do not."""
    with _connected(readers) as connection:
        (webinar,) = _ask(connection, "get_webinars", CLIENT, FIRST, LAST)["webinars"]
        assert (webinar["title"], webinar["peak"], webinar["peak_at"]) == ("Webinar", 8, "2024-03-01T00:00:00+00:00")
        assert (webinar["minutes_observed"], webinar["hits"], webinar["conversions"]) == (60, 6, 2)
        assert (webinar["visits"], webinar["cvr"]) == (None, None)
        assert "not counted together" in webinar["why_no_visits"]
        (webinar,) = _ask(connection, "get_webinars", CLIENT, FIRST, FIRST)["webinars"]
        assert (webinar["visits"], webinar["cvr"], webinar["why_no_visits"]) == (2, 0.5, None)


def test_a_share_has_six_digits_and_ids_their_names(readers: Database) -> None:
    with _connected(readers) as connection:
        overview = _ask(connection, "get_client_overview", CLIENT, FIRST, LAST)
        assert overview["totals"]["cvr"] == 0.666667
        assert overview["client_name"] == "Client"
        links = _ask(connection, "get_link_stats", CLIENT, FIRST, LAST)["links"]
        named = {(x["link_name"], x["entity_title"], x["client_name"]) for x in links if x["link_status"] == "resolved"}
        assert named == {("Naver ad", "Spring", "Client"), ("Unused", "Webinar", "Client")}
        rows = _ask(connection, "list_range_summary", "campaign", FIRST, LAST)["rows"]
        titles = {row["entity_id"]: row["entity_title"] for row in rows}
        assert titles == {str(SPRING): "Spring", str(CLOSED): "Closed", str(WEBINAR): "Webinar"}
        (visit, *_) = _ask(connection, "get_campaign_visits_raw", SPRING, FIRST, LAST)["visits"]
        assert (visit["link_id"], visit["link_name"]) == (str(NAVER), "Naver ad")


def test_of_days_that_there_are_none_of_nothing_has_an_age(readers: Database) -> None:
    with _connected(readers) as connection:
        for function, client in (("get_client_overview", (CLIENT,)), ("get_agency_overview", ())):
            answer = _ask(connection, function, *client, date(2023, 12, 1), date(2023, 12, 31))
            assert (answer["from"], answer["as_of"], answer["as_of_age_seconds"]) == (None, None, None)
            assert answer["complete"] is False, "before the first partition"


def test_what_was_just_compared_is_not_late(readers: Database) -> None:
    with _connected(readers) as connection:
        connection.execute(
            "insert into stats.detection_pass (started_at, finished_at, scope, days_checked, days_changed, "
            "compared_from, recent_from) values (now(), now(), 'all', 1, 0, '2024-01-01', '2024-01-01')"
        )
        assert _ask(connection, "get_client_overview", CLIENT, FIRST, LAST)["late"] is False


def test_a_week_and_a_month_are_counted_over_their_own_days(readers: Database) -> None:
    """M6: a session of two days is one of their week; never the sum of finer periods."""
    with _connected(readers) as connection:
        days = _ask(connection, "get_series", CLIENT, FIRST, LAST)["series"]
        assert [(d["from"], d["to"], d["visits"]) for d in days] == [
            (f"2024-03-0{n}", f"2024-03-0{n}", visits) for n, visits in ((1, 1), (2, 2), (3, 1))
        ]
        weeks = _ask(connection, "get_series", CLIENT, date(2024, 2, 27), LAST, "week")["series"]
        assert [(w["from"], w["to"], w["visits"], w["hits"], w["is_whole"]) for w in weeks] == [
            ("2024-02-27", "2024-03-03", 4, 7, False)
        ]
        assert sum(d["visits"] for d in days) == 4, "and one more of February's: it was not added up"
        months = _ask(connection, "get_series", CLIENT, date(2024, 2, 27), LAST, "month")["series"]
        assert [(m["from"], m["to"], m["visits"]) for m in months] == [
            ("2024-02-27", "2024-02-29", 1),
            ("2024-03-01", "2024-03-03", 3),
        ]
        for period in weeks + months:
            rows = connection.execute(
                "select hits, visits, conversions from stats.range_summary('client', %s, %s, %s)",
                (period["from"], period["to"], CLIENT),
            ).fetchall()
            assert rows == [(period["hits"], period["visits"], period["conversions"])]
        quiet = _ask(connection, "get_series", QUIET, FIRST, LAST, "month")["series"]
        assert [(m["hits"], m["visits"], m["cvr"]) for m in quiet] == [(0, 0, None)]
        for client in (CLIENT, None):
            (month,) = _ask(connection, "get_series", client, FIRST, LAST, "month")["series"]
            assert (month["visits"], month["conversions"]) == (3, 2)
        with pytest.raises(psycopg.Error, match="there is no step") as refused:
            _ask(connection, "get_series", CLIENT, FIRST, LAST, "quarter")
        assert refused.value.sqlstate == "ST007"


@pytest.mark.parametrize("step", ["day", "week", "month"])
def test_a_period_with_a_day_that_is_not_computed_is_null_with_the_reason(readers: Database, step: str) -> None:
    with _connected(readers) as connection:
        series = _ask(connection, "get_series", CLIENT, LAST, LAST + timedelta(days=1), step)["series"]
        last = series[-1]
        assert (last["to"], last["visits"], last["hits"], last["cvr"]) == ("2024-03-04", None, None, None)
        assert last["why_null"] == "a day of it is not computed"
        assert all((p["why_null"] is None) == (p["visits"] is not None) for p in series)


def test_a_period_before_that_is_not_complete_is_not_compared(readers: Database) -> None:
    with _connected(readers) as connection:
        before = _ask(connection, "get_client_overview", CLIENT, FIRST, LAST)["previous_period"]
        assert (before["hits"], before["visits"], before["why_not_compared"]) == (1, 1, None)
        connection.execute(
            "update stats.partition_state set stale_since = now(), stale_cause = 'facts_added' "
            "where bucket_date = '2024-02-28'"
        )
        before = _ask(connection, "get_client_overview", CLIENT, FIRST, LAST)["previous_period"]
        measures = ("hits", "visits", "sessionless_hits", "conversions", "cvr")
        assert [before[measure] for measure in measures] == [None] * 5
        assert before["complete"] is False
        assert "missing, stale, held" in before["why_not_compared"]


@pytest.mark.parametrize(
    ("function", "read", "of"),
    [
        ("list_range_summary", "range_summary", ("link",)),
        ("list_range_summary", "range_summary", ("campaign_utm",)),
        ("list_daily_series", "daily_series", ("utm",)),
        ("list_campaign_hours", "campaign_hours", ()),
    ],
)
def test_pages_give_every_row_once_whatever_their_size(
    readers: Database, function: str, read: str, of: tuple[str, ...]
) -> None:
    """Keys hold NULL: the unknown member, and columns that are no key."""
    names = ("p_grain", "p_from", "p_to", "p_client_id", "p_after", "p_limit")[1 - len(of) :]
    with psycopg.connect(readers.url, row_factory=dict_row) as connection:
        places = ", ".join(["%s"] * (len(of) + 3))
        wanted = connection.execute(
            f"select to_jsonb(r) - 'cvr' as r from stats.{read}({places}) r".encode(), (*of, FIRST, LAST, None)
        ).fetchall()
        assert len(wanted) > 3
        for limit in (1, 2, len(wanted) - 1, len(wanted), None):
            seen: list[dict[str, Any]] = []
            after = None
            while True:
                ((page),) = connection.execute(
                    f"select stats_api.{function}({', '.join(f'{name} => %s' for name in names)}) as page".encode(),
                    (*of, FIRST, LAST, None, after, limit),
                ).fetchall()
                answer = as_promised(f"stats_api.{function}", page["page"])
                assert answer["total"] == len(wanted)
                seen += answer["rows"]
                after = answer["next"]
                if after is None:
                    break
                assert len(answer["rows"]) == limit
            shown = [{k: v for k, v in row.items() if k in wanted[0]["r"]} for row in seen]
            assert sorted(map(str, shown)) == sorted(str(row["r"]) for row in wanted), limit
        connection.rollback()


#: What PostgREST 12 sends for ``POST /rpc/<function>``: the parameters as one JSON value, the answer as another.
_POSTGREST = """
    with pgrst_source as (
        select pgrst_call.pgrst_scalar
        from (select %s::json as json_data) pgrst_payload,
             lateral (select {names} from json_to_record(pgrst_payload.json_data) as _({columns})) pgrst_body,
             lateral (select stats_api.{function}({arguments}) pgrst_scalar) pgrst_call
    )
    select null::bigint as total_result_set, 1 as page_total,
           coalesce(json_agg(_postgrest_t.pgrst_scalar) -> 0, 'null') as body
    from (select {function}.* from pgrst_source as {function}) _postgrest_t
"""


def _post(database: Database, claims: dict[str, Any], function: str, types: dict[str, str], body: Any) -> Any:
    """One request, as PostgREST makes it a transaction."""
    with psycopg.connect(database.url) as connection:
        connection.execute("set transaction isolation level read committed read only")
        connection.execute(
            "select set_config('search_path', '\"stats_api\"', true), set_config('role', %s, true), "
            "set_config('request.jwt.claims', %s, true), set_config('request.method', 'POST', true)",
            (claims["role"], json.dumps(claims)),
        )
        query = _POSTGREST.format(
            function=function,
            names=", ".join(types),
            columns=", ".join(f"{name} {type}" for name, type in types.items()),
            arguments=", ".join(f"{name} := pgrst_body.{name}" for name in types),
        )
        ((_, _, answer),) = connection.execute(query.encode(), (json.dumps(body),)).fetchall()
        connection.rollback()
        return answer


def test_what_postgrest_sends_is_answered(readers: Database) -> None:
    user = UUID(int=77)
    readers.insert("client_members", [{"client_id": CLIENT, "user_id": user, "role": "member"}])
    member = {"role": "authenticated", "sub": str(user)}
    screen = {"p_client_id": "uuid", "p_from_date": "date", "p_to_date": "date"}
    asked = {"p_client_id": str(CLIENT), "p_from_date": "2024-03-01", "p_to_date": "2024-03-03"}
    assert _post(readers, member, "get_client_overview", screen, asked)["totals"]["visits"] == 3
    rows = {"p_grain": "text", "p_from": "date", "p_to": "date", "p_after": "text[]", "p_limit": "integer"}
    seen, after = [], None
    while not seen or after:
        body = {"p_grain": "link", "p_from": "2024-03-01", "p_to": "2024-03-03", "p_after": after, "p_limit": 2}
        page = _post(readers, member, "list_range_summary", rows, body)
        seen += page["rows"]
        after = page["next"]
    assert len(seen) == page["total"] == 5
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="you may not see this client"):
        _post(readers, member, "get_client_overview", screen, {**asked, "p_client_id": str(QUIET)})
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for schema stats_api"):
        _post(readers, {"role": "anon"}, "get_client_overview", screen, asked)


def _examples(page: str, language: str) -> list[str]:
    """Blocks of code of a page in docs."""
    text = (project_root() / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_question_of_the_page_is_answered_each_way_it_is_asked(readers: Database) -> None:
    """docs/reads.md, as somebody would paste it: curl's and supabase-js' body, psql's query, pandas' lines."""
    (curl,), (script,), (query, *_), (lines,) = (_examples("reads.md", of) for of in ("sh", "js", "sql", "python"))
    body = json.loads(re.search(r"-d '(.*)'", curl)[1])  # type: ignore[index]
    assert "/rpc/list_range_summary" in curl
    assert "Content-Profile: stats_api" in curl
    assert "schema('stats_api').rpc('list_range_summary'" in script
    assert {*re.findall(r"(p_\w+): '([^']+)'", script)} == {*body.items()}
    types = {"p_grain": "text", "p_from": "date", "p_to": "date", "p_client_id": "uuid"}
    posted = _post(readers, {"role": "service_role"}, "list_range_summary", types, body)
    wanted = [("Spring", 4, 2, 2, 1.0), ("Closed", 1, 1, 0, 0.0), ("Webinar", 1, 1, 0, 0.0)]
    columns = ("entity_title", "hits", "visits", "conversions", "cvr")
    assert [tuple(row[column] for column in columns) for row in posted["rows"]] == wanted
    with psycopg.connect(readers.url) as connection:
        assert [(*row[:4], float(row[4])) for row in connection.execute(query.encode()).fetchall()] == wanted
    with readers.owner.connect() as sqlalchemy_connection:
        names: dict[str, Any] = {"connection": sqlalchemy_connection}
        exec(lines, names)
    assert [*names["table"].itertuples(index=False, name=None)] == wanted
    text = (project_root() / "docs/reads.md").read_text(encoding="utf-8")
    for title, *numbers, cvr in wanted:
        assert f"| {title} | {' | '.join(map(str, numbers))} | {cvr:.6f} |" in text


def test_analysts_read_days_with_names_and_ranges_by_parameter(readers: Database) -> None:
    """docs/analysts.md: its query counts over the range, which the days of its views do not add up to."""
    (query,) = _examples("analysts.md", "sql")
    asked = re.sub(r"(?<!:):(\w+)", r"%(\1)s", query.split("\n", 1)[1]).encode()
    with _connected(readers) as connection:
        connection.execute("set role eventflow_bi")
        rows = connection.execute(asked, {"from": FIRST, "to": LAST}).fetchall()
        assert rows[0][:5] == ("Client", "Spring", 4, 2, 2)
        days = connection.execute(
            "select sum(hits), sum(visits) from stats.named_campaign_daily where entity_title = 'Spring' "
            "and client_name = 'Client' and bucket_date between %s and %s",
            (FIRST, LAST),
        ).fetchall()
        assert days == [(4, 3)], "hits add up, visits do not"
        for view, name in (("client", "client_name"), ("link", "link_name"), ("utm", "utm_source")):
            shown = connection.execute(f"select count({name}) from stats.named_{view}_daily".encode()).fetchone()
            assert shown is not None
            assert shown[0] > 0, view
        undescribed = connection.execute(
            "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 "
            "where c.relnamespace = 'stats'::regnamespace and c.relname ~ '^named_' "
            "and col_description(c.oid, a.attnum) is null"
        )
        assert undescribed.fetchall() == []


def test_analysts_see_whose_days_are_not_what_the_facts_say(readers: Database) -> None:
    """A day may be stale for one client alone, the unknown one (NULL) included."""
    other = UUID(int=0xDEAD)
    with _connected(readers) as connection:
        for view in ("client", "campaign", "link", "utm"):
            for clients, is_stale in ((None, True), ([None, CLIENT], True), ([None, other], False)):
                connection.execute(
                    "update stats.partition_state set stale_since = now(), stale_cause = 'facts_added', "
                    "stale_clients = %s::uuid[]",
                    (clients,),
                )
                connection.execute("set role eventflow_bi")
                shown = connection.execute(
                    f"select array_agg(distinct is_stale) from stats.named_{view}_daily where client_id = %s".encode(),
                    (CLIENT,),
                ).fetchone()
                assert shown == ([is_stale],), (view, clients)
                connection.execute("reset role")
