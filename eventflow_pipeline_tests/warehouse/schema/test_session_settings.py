"""One answer whoever connects: every public function the catalog lists, under several zones and date styles."""

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.warehouse.quality import indicators as quality
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database, Databases, settings_for

FIRST, LAST = date(2024, 3, 1), date(2024, 3, 12)
CLIENT, CAMPAIGN, WEBINAR, LINK = (UUID(int=n) for n in (1, 0xC1, 0xD1, 0x11))
ZONES = ("UTC", "Asia/Seoul", "America/Los_Angeles")
DATE_STYLES = ("ISO, MDY", "SQL, DMY", "German")
#: Each zone with another style: what depends on one of the two differs between them.
SESSIONS = tuple(zip(ZONES, DATE_STYLES, strict=True))
#: They read no time and stand in row policies, where a function with settings of its own is called for every row.
TIMELESS = {"stats.caller_role", "stats.caller_sees_all", "stats.caller_clients"}
FUNCTIONS = """
    select p.pronamespace::regnamespace::text || '.' || p.proname as name, coalesce(p.proargnames, '{}') as names,
           p.pronargs as arguments, array(select format_type(t, null) from unnest(p.proargtypes) as t) as types,
           coalesce(p.proconfig, '{}') as settings
    from pg_proc p
    where p.pronamespace in ('public'::regnamespace, 'stats'::regnamespace, 'stats_api'::regnamespace)
      and (obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%%'
           or obj_description(p.oid, 'pg_proc') ~ '\\[(readers|servers)\\]$')
    order by 1
"""


def _events(now: datetime) -> list[str]:
    """Times as callers spell them: with an offset, without, in milliseconds, and none."""
    spelled = [
        f"{now:%Y-%m-%dT%H:%M:%S}",
        f"{now:%Y-%m-%dT%H:%M:%S}+09:00",
        f"{now:%d/%m/%Y %H:%M}",
        1000 * now.timestamp(),
        None,
    ]
    return [
        json.dumps({"event_id": f"e{n}", "campaign_id": str(CAMPAIGN), "session_id": "s", "phone_norm": str(n),
                    "occurred_at": at, "completed_at": at, "utm_first_visit_at": at})
        for n, at in enumerate(spelled)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def computed(databases: Databases, _template: str) -> Iterator[Database]:
    """A client with facts on computed, measured days of which one is the 3rd and one the 12th of March."""
    name = databases.create(_template)
    database = Database(settings_for(databases.url(name)))
    facts.clients(database, {CLIENT: [CAMPAIGN]}, names={CLIENT: "Client"})
    facts.link(database, LINK, CLIENT, cid="AAAA1111")
    start = datetime(2024, 3, 3, 11, tzinfo=UTC)
    database.insert("webinars", [{"id": WEBINAR, "client_id": CLIENT, "title": "Webinar", "webinar_start_time": start}])
    for day in (3, 12):
        at = datetime(2024, 3, day, 17, tzinfo=UTC) - timedelta(days=1)
        facts.visits(database, at, campaign_id=CAMPAIGN, marketing_campaign_link_id=LINK)
        facts.entries(database, at, campaign_id=CAMPAIGN, client_id=CLIENT, session_id="s")
    database.define(hourly_clients=[CLIENT])
    days = DayRange(FIRST, LAST)
    database.replace(*days)
    database.merge_pending()
    quality.measure(database.pipeline, database.settings, days)
    database.execute(
        "insert into stats.webinar_stats_5min (webinar_id, bucket_start, bucket_date, source, sample_count, gaps, "
        "sum_viewers, min_viewers, max_viewers, last_viewers, max_at) "
        "values (:w, :at, '2024-03-03', 'sampled', 5, 0, 10, 2, 2, 2, :at)",
        w=WEBINAR,
        at=start,
    )
    yield database
    database.close()
    databases.drop(name)


def _functions(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return connection.cursor(row_factory=dict_row).execute(FUNCTIONS).fetchall()


def _values(now: datetime) -> dict[str, Sequence[Any]]:
    """What to pass, by a parameter's name: a new name must be thought about. The first of each is a good one."""
    events = _events(now)
    return {
        "p_grain": ["link", "no such grain"], "p_client_id": [CLIENT], "p_campaign_id": [CAMPAIGN],
        "p_webinar_id": [WEBINAR], "p_from": [FIRST, LAST], "p_from_date": [FIRST, LAST],
        "p_to": [LAST, FIRST, date(2024, 3, 13)], "p_to_date": [LAST, FIRST, date(2024, 3, 13)],
        "p_after_accessed_at": [None, datetime(2024, 3, 3, 12, tzinfo=UTC)], "p_after_id": [None], "p_limit": [100],
        "p_top": [None, 1], "p_step": ["week"], "p_after": [None], "p_agency_id": [None], "p_total": [1],
        "p_day": [LAST], "p_entity_type": ["campaign"], "p_entity_id": [CAMPAIGN], "p_answer": ["{}"],
        "p_rows": ["[]"], "p_items": ["[]"],
        "p_interval": ["5m", "1h"], "p_event": events,
        "p_events": [json.dumps([{"fact": "entry", "event": json.loads(event)} for event in events])],
    }  # fmt: skip


def _stored(connection: psycopg.Connection[Any]) -> list[Any]:
    """What was captured, times as the instants they are."""
    return connection.execute(
        "select id, extract(epoch from accessed_at), null, null from event_access_logs union all "
        "select id, extract(epoch from created_at), extract(epoch from completed_at), "
        "extract(epoch from utm_first_visit_at) from event_survey_entries order by 1"
    ).fetchall()


def _answer(connection: psycopg.Connection[Any], call: str, arguments: Sequence[Any]) -> Any:
    """The bytes of the answer as they come over the wire, or all of the refusal, and what was stored."""
    try:
        with connection.transaction():
            cursor = connection.execute(call, arguments, binary=True)
            rows = cursor.pgresult and [
                [cursor.pgresult.get_value(row, column) for column in range(cursor.pgresult.nfields)]
                for row in range(cursor.pgresult.ntuples)
            ]
            answer = (rows, _stored(connection))
            raise psycopg.Rollback
    except psycopg.Error as refused:
        return refused.sqlstate, refused.diag.message_primary, refused.diag.message_hint
    return answer


def test_answers_are_the_same_to_the_byte_whoever_connects(computed: Database) -> None:
    """T1: in one transaction, so that now() is one time; the refusals print dates, too."""
    with psycopg.connect(computed.url) as connection:
        ((now,),) = connection.execute("select now()").fetchall()
        answered = {}
        for function in _functions(connection):
            names = function["names"][: function["arguments"]]
            values = _values(now)
            for arguments in itertools.product(*(values[name] for name in names)):
                places = ", ".join(f"%s::{kind}" for kind in function["types"])
                call = f"select * from {function['name']}({places})"
                answers = {}
                for zone, style in SESSIONS:
                    connection.execute(
                        "select set_config('timezone', %s, true), set_config('datestyle', %s, true)", [zone, style]
                    )
                    answers[zone, style] = _answer(connection, call, arguments)
                first = answers[SESSIONS[0]]
                assert {key for key, answer in answers.items() if answer != first} == set(), (call, arguments, answers)
                answered.setdefault(function["name"], first)
    refused = {name for name, answer in answered.items() if len(answer) == 3}
    assert refused == {"public.webinar_presence_ping"}, "which wants a viewer; the first call of the others is good"
    # Who connects has come by no shared link.
    assert all(answer[0] for name, answer in answered.items() if name not in refused | {"stats.caller_share"})


def test_every_public_function_fixes_zone_and_date_style(computed: Database) -> None:
    """Also where today's data would not show the difference."""
    with psycopg.connect(computed.url) as connection:
        loose = {
            function["name"]
            for function in _functions(connection)
            if not {"TimeZone=UTC", "DateStyle=ISO, YMD"} <= set(function["settings"])
        }
    assert loose == TIMELESS
