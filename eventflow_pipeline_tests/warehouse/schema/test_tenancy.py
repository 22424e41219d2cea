"""Who may see what (P2): every role against every table, view and function of ours, as the catalog lists them.

Two agencies with two clients each. Whatever belongs to a client carries that client's marks (ids, names, UTM values,
sessions): a caller who finds a mark of a client that is not theirs has found a leak, in whatever column or JSON.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.warehouse.answers.settlement import settle_client
from eventflow_pipeline.warehouse.closing.closings import close, examine
from eventflow_pipeline.warehouse.days.computed import busiest_campaigns
from eventflow_pipeline_tests.clients.schemas import as_promised
from eventflow_pipeline_tests.databases import Database, Databases, settings_for
from eventflow_pipeline_tests.repetitions import some
from eventflow_pipeline_tests.serve_app.serving import bearer, serving

FIRST, LAST = date(2024, 3, 1), date(2024, 3, 3)
AGENCIES = {"a1": UUID(int=0xA1), "a2": UUID(int=0xA2)}
CLIENTS = {"c1": "a1", "c2": "a1", "c3": "a2", "c4": "a2"}
NOBODY = "nobody"
_KINDS = ("client", "campaign", "webinar", "link", "user")


def _id(kind: str, of: str) -> UUID:
    """A readable id: 0x<kind>0<number of the client>."""
    number = 9 if of == NOBODY else int(of[-1])
    return UUID(int=(0xE0 + _KINDS.index(kind)) << 120 | number)


def marks(client: str) -> set[str]:
    """Texts that only rows of the client contain."""
    ids = {str(_id(kind, client)) for kind in _KINDS}
    return ids | {f"{what}-of-{client}" for what in ("name", "source", "session")}


@dataclass(frozen=True)
class Caller:
    """Who asks: the database role, the claims of the token, and which clients they may see (None: everything)."""

    role: str
    sees: frozenset[str] | None
    claims: dict[str, Any] = field(default_factory=dict)
    #: May call functions for readers and select from tables for readers at all.
    reads: bool = True


def _user(n: int, **more: Any) -> dict[str, Any]:
    return {"sub": str(UUID(int=0x5E << 120 | n)), "role": "authenticated", **more}


def _limited(*clients: str, n: int, **more: Any) -> Caller:
    return Caller("authenticated", frozenset(clients), _user(n, **more))


CALLERS = {
    "anonymous": Caller("anon", frozenset(), {"role": "anon"}, reads=False),
    "anonymous with a member's token": Caller("anon", frozenset(), _user(1), reads=False),
    "member of a client": _limited("c1", n=1),
    "analyst of a client of each agency": _limited("c2", "c3", n=2),
    "owner of an agency": _limited("c1", "c2", n=3),
    "admin of an agency": _limited("c3", "c4", n=4),
    "analyst of an agency": _limited("c1", "c2", n=5),
    "outsider": _limited(n=6),
    "outsider who edited the own profile": _limited(n=6, user_metadata={"is_super_admin": True}),
    "outsider who claims another role": Caller("authenticated", frozenset(), {**_user(6), "role": "service_role"}),
    "user whose id is none": Caller("authenticated", frozenset(), {"sub": "' or true --", "role": "authenticated"}),
    "user without a token": Caller("authenticated", frozenset()),
    "super administrator": Caller("authenticated", None, _user(7, app_metadata={"is_super_admin": True})),
    "service role": Caller("service_role", None),
    "pipeline": Caller("eventflow_pipeline", None),
    "analyst of the platform": Caller("eventflow_bi", None),
    "owner": Caller("owner", None),
}  # fmt: skip
LIMITED = {name: caller for name, caller in CALLERS.items() if caller.sees is not None}
#: Each way of being limited once.
_KINDS_OF_LIMITED = (
    "anonymous", "member of a client", "analyst of a client of each agency", "owner of an agency",
    "outsider who claims another role",
)  # fmt: skip


@pytest.fixture(scope="module")
def two_agencies(databases: Databases, _template: str) -> Iterator[Database]:
    """Facts of four clients and of nobody, over three days, in every table that a day's replacement fills."""
    name = databases.create(_template)
    database = Database(settings_for(databases.url(name)))
    database.define(hourly_clients=[_id("client", c) for c in CLIENTS])
    database.insert("agencies", [{"id": id, "name": f"name-of-{name}"} for name, id in AGENCIES.items()])
    for client, agency in CLIENTS.items():
        own = {"client_id": _id("client", client)}
        utm = {"utm_source": f"source-of-{client}"}
        database.insert("clients", [{"id": _id("client", client), "agency_id": AGENCIES[agency],
                                     "name": f"name-of-{client}"}])  # fmt: skip
        database.insert(
            "event_survey_campaigns", [{"id": _id("campaign", client), "title": f"name-of-{client}", **own}]
        )
        database.insert("webinars", [{"id": _id("webinar", client), "title": f"name-of-{client}", **own}])
        database.insert("campaign_link_meta", [{"id": _id("link", client), "name": f"name-of-{client}", **own, **utm}])
    # An entry that says another client than its campaign (E2): what is its campaign's is not that client's to see.
    drifted = {"id": UUID(int=0xDD), "title": "name-of-c3", "client_id": _id("client", "c3")}
    database.insert("event_survey_campaigns", [drifted])
    entry = {"campaign_id": drifted["id"], "client_id": _id("client", "c1"), "phone_norm": "drifted"}
    database.insert("event_survey_entries", [{**entry, "created_at": datetime(2024, 3, 2, 3, tzinfo=UTC)}])
    members = [("c1", 1, "member"), ("c2", 2, "analyst"), ("c3", 2, "analyst")]
    database.insert(
        "client_members",
        [{"client_id": _id("client", c), "user_id": _user(n)["sub"], "role": r} for c, n, r in members],
    )
    database.insert(
        "agency_members",
        [
            {"agency_id": AGENCIES[a], "user_id": _user(n)["sub"], "role": r}
            for a, n, r in (("a1", 3, "owner"), ("a2", 4, "admin"), ("a1", 5, "analyst"))
        ],
    )
    _visit_everyone(database, range(3))
    database.replace(*(FIRST + timedelta(days=n) for n in range(3)))
    database.merge_pending()
    # A day replaced once more and not merged: ranges come from session-days, the noted changes are there to be read.
    _visit_everyone(database, [1])
    database.replace(FIRST + timedelta(days=1))
    # Most of its days are missing; closed all the same, so that there is something of each client to read.
    march = Month(FIRST)
    close(database.pipeline, database.settings, march, examine(database.pipeline, database.settings, march), "a", "why")
    yield database
    database.close()
    databases.drop(name)


def _visit_everyone(database: Database, days: Sequence[int]) -> None:
    for client, day in itertools.product([*CLIENTS, NOBODY], days):
        at = datetime(2024, 3, 1, 3, tzinfo=UTC) + timedelta(days=day)
        utm = {"utm_source": f"source-of-{client}"}
        visit = {"session_id": f"session-of-{client}", "accessed_at": at, **utm}
        database.insert(
            "event_access_logs",
            [
                {**visit, "campaign_id": _id("campaign", client)},
                {**visit, "session_id": f"session-of-{client}-{day}{len(days)}", "campaign_id": _id("campaign", client),
                 "marketing_campaign_link_id": _id("link", client)},
                {**visit, "webinar_id": _id("webinar", client)},
            ],
        )  # fmt: skip
        if client != NOBODY:
            database.insert(
                "event_survey_entries",
                [{"campaign_id": _id("campaign", client), "client_id": _id("client", client), "created_at": at,
                  "phone_norm": f"{day}{len(days)}", **utm}],
            )  # fmt: skip


@contextmanager
def acting(database: Database, caller: Caller) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A transaction as the caller, rolled back at the end; ``owner`` connects as it is."""
    with psycopg.connect(database.url, row_factory=dict_row) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, true)", (json.dumps(caller.claims),))
        if caller.role != "owner":
            connection.execute(f"set local role {caller.role}")
        yield connection
        connection.rollback()


def _ask(
    connection: psycopg.Connection[dict[str, Any]], sql: str, parameters: Any = None
) -> list[dict[str, Any]] | str:
    """Rows, or the SQLSTATE of the refusal; the transaction goes on either way."""
    try:
        with connection.transaction():
            return connection.execute(sql, parameters).fetchall()
    except psycopg.Error as refused:
        return refused.sqlstate or "?"


def _foreign(rows: list[dict[str, Any]], caller: Caller) -> list[str]:
    """Marks of clients the caller may not see, found anywhere in the rows."""
    assert caller.sees is not None
    text = json.dumps(rows, default=str)
    return [mark for client in {*CLIENTS, NOBODY} - caller.sees for mark in marks(client) if mark in text]


def _catalog(database: Database, sql: str) -> list[dict[str, Any]]:
    with psycopg.connect(database.url, row_factory=dict_row) as connection:
        return connection.execute(sql).fetchall()


def _relations(database: Database) -> list[dict[str, Any]]:
    return _catalog(
        database,
        "select c.oid::regclass::text as name, c.relkind::text as kind, c.relrowsecurity as secured, "
        "exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'client_id') as by_client, "
        "array(select p.policyname::text from pg_policies p where p.schemaname = 'stats' and p.tablename = c.relname) "
        "as policies "
        "from pg_class c where c.relnamespace = 'stats'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') "
        "and c.relname <> 'schema_migration' order by 1",
    )


def _functions(database: Database) -> list[dict[str, Any]]:
    return _catalog(
        database,
        "select p.oid::regprocedure::text as name, p.oid::int as oid, p.provolatile::text as volatility, "
        "p.prokind::text as kind, p.proretset as many, "
        "coalesce(obj_description(p.oid, 'pg_proc'), '') as comment, "
        "array(select format_type(t, null) from unnest(p.proargtypes) as t) as types, "
        "coalesce(p.proargnames[1:p.pronargs], '{}') as names, p.prorettype = 'trigger'::regtype as is_trigger "
        "from pg_proc p where p.pronamespace in ('stats'::regnamespace, 'stats_api'::regnamespace) "
        "or (p.pronamespace = 'public'::regnamespace "
        "and obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%') order by 1",
    )


def test_every_table_has_row_security_and_a_policy_of_a_known_kind(two_agencies: Database) -> None:
    """What a new table must have: see the house rules at stats.grant_readers."""
    for relation in _relations(two_agencies):
        if relation["kind"] in "rp":
            assert relation["secured"], relation["name"]
            assert relation["policies"], f"{relation['name']} needs a policy"
            for_readers = {"tenant_read", "all_read"} & set(relation["policies"])
            assert len(for_readers) < 2, relation["name"]
            assert relation["by_client"] or "tenant_read" not in for_readers, f"{relation['name']} has no client_id"
        else:
            assert relation["kind"] == "v", f"{relation['name']}: only tables and views have been thought about"
    for policy in _catalog(
        two_agencies,
        "select tablename, policyname, cmd, roles::text[] as roles, qual from pg_policies where schemaname = 'stats'",
    ):
        # The engine's own roles see what they are granted; everybody else what one of two kinds of policy shows.
        if not set(policy["roles"]) <= {"eventflow_pipeline", "eventflow_capture_owner"}:
            assert policy["policyname"] in ("tenant_read", "all_read"), policy
            assert policy["cmd"] == "SELECT", policy
            assert "caller_sees_all()" in policy["qual"], policy
            assert ("caller_clients()" in policy["qual"]) == (policy["policyname"] == "tenant_read"), policy


@pytest.mark.parametrize("name", LIMITED)
def test_no_table_or_view_shows_a_foreign_row(two_agencies: Database, name: str) -> None:
    caller = LIMITED[name]
    with acting(two_agencies, CALLERS["owner"]) as owner, acting(two_agencies, caller) as connection:
        for relation in _relations(two_agencies):
            table = relation["name"]
            rows = _ask(connection, f"select * from {table}")
            if not caller.reads:
                assert rows == "42501", table
                continue
            if isinstance(rows, str):
                assert rows == "42501", (table, rows)
                assert "tenant_read" not in relation["policies"], f"{table} is for readers but was not granted"
                continue
            assert not _foreign(rows, caller), table
            assert rows == [] or "tenant_read" in relation["policies"], table
            if "tenant_read" in relation["policies"]:
                # Not only nothing foreign: exactly what is theirs.
                own = [_id("client", c) for c in caller.sees or ()]
                theirs = owner.execute(f"select * from {table} where client_id = any (%s)", (own,)).fetchall()
                assert sorted(map(str, rows)) == sorted(map(str, theirs)), table


@pytest.mark.parametrize("name", ["super administrator", "service role", "owner"])
def test_those_who_see_all_see_every_row(two_agencies: Database, name: str) -> None:
    with acting(two_agencies, CALLERS["owner"]) as owner, acting(two_agencies, CALLERS[name]) as connection:
        for relation in _relations(two_agencies):
            if "tenant_read" in relation["policies"] or (
                name != "super administrator" and "all_read" in relation["policies"]
            ):
                everything = owner.execute(f"select count(*) from {relation['name']}").fetchall()
                assert _ask(connection, f"select count(*) from {relation['name']}") == everything, relation["name"]


def test_the_matrix_has_something_to_leak(two_agencies: Database) -> None:
    """Each client, and nobody, has left marks in the tables readers may read: an empty table proves nothing."""
    with acting(two_agencies, CALLERS["owner"]) as owner:
        for table in ("client_daily", "link_daily", "campaign_utm_daily", "client_returns", "link_returns",
                      "session_days", "session_day_change", "campaign_hourly", "closing", "closing_figure",
                      "closing_day"):  # fmt: skip
            text = json.dumps(owner.execute(f"select * from stats.{table}").fetchall(), default=str)
            of_clients = table == "campaign_hourly" or table.startswith("closing")
            wanted = CLIENTS if of_clients else (*CLIENTS, NOBODY)
            assert all(marks(client) & set(text.replace('"', " ").replace(",", " ").split()) for client in wanted
                       if client != NOBODY or table not in ("client_daily", "client_returns")), table  # fmt: skip


def test_nobody_but_owner_and_pipeline_may_write(two_agencies: Database) -> None:
    writable = _catalog(
        two_agencies,
        "select c.oid::regclass::text as name, r.role from pg_class c "
        "cross join (values ('anon'), ('authenticated'), ('service_role')) as r (role) "
        "where c.relnamespace = 'stats'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') "
        "and has_table_privilege(r.role, c.oid, 'insert, update, delete, truncate')",
    )
    assert writable == []


def test_anonymous_callers_may_execute_nothing_that_could_read(two_agencies: Database) -> None:
    """Immutable functions cannot read a table."""
    for function in _functions(two_agencies):
        if function["volatility"] != "i" and not function["is_trigger"]:
            sql = f"select has_function_privilege('anon', {function['oid']}, 'execute') as may"
            assert _catalog(two_agencies, sql) == [{"may": False}], function["name"]


#: What to pass for a parameter, by its name, else by its type.
_IDS = [_id(kind, client) for kind in ("client", "campaign", "webinar", "link") for client in (*CLIENTS, NOBODY)]
_BY_NAME: dict[str, Callable[[], Sequence[Any]]] = {
    "p_grain": lambda: ["platform", "client", "campaign", "link", "utm_source", "utm", "no such grain"],
    "p_client_id": lambda: [None, *(_id("client", client) for client in CLIENTS)],
    "p_campaign_id": lambda: [_id("campaign", client) for client in (*CLIENTS, NOBODY)],
    "p_from": lambda: [FIRST], "p_from_date": lambda: [FIRST], "p_to": lambda: [LAST], "p_to_date": lambda: [LAST],
    "p_agency_id": lambda: [None, *AGENCIES.values()], "p_step": lambda: ["month"], "p_after": lambda: [None],
    "p_clients": lambda: [None], "p_top": lambda: [None], "p_limit": lambda: [1],
    "p_readable": lambda: [None, [_id("client", client) for client in CLIENTS]],
}  # fmt: skip
_BY_TYPE: dict[str, Sequence[Any]] = {
    "uuid": _IDS, "uuid[]": [None, _IDS], "date": [FIRST], "text": ["client", None], "text[]": [[]],
    "timestamp with time zone": [None], "integer": [1], "bigint": [1], "numeric": [1], "boolean": [True],
    "jsonb": ["{}"], "interval": ["1 day"], "smallint": [1], "name": ["stats"], "double precision": [1],
}  # fmt: skip


def _calls(function: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """SQL and named arguments of every call worth trying."""
    values = [
        _BY_NAME[name]() if name in _BY_NAME else _BY_TYPE[kind]
        for name, kind in itertools.zip_longest(function["names"], function["types"], fillvalue="")
    ]
    schema_and_name = function["name"].split("(")[0]
    places = ", ".join(f"%s::{kind}" for kind in function["types"])
    for arguments in itertools.product(*values):
        yield (
            f"select * from {schema_and_name}({places})",
            dict(zip(function["names"], arguments, strict=False)) | {"": list(arguments)},
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", some(dict.fromkeys([*_KINDS_OF_LIMITED, *LIMITED]), len(_KINDS_OF_LIMITED)))
def test_no_function_answers_with_a_foreign_row(two_agencies: Database, name: str) -> None:
    """A foreign client or campaign raises 42501, never an empty answer; other answers hold no foreign mark."""
    caller = LIMITED[name]
    answered = 0
    with acting(two_agencies, caller) as connection:
        for function in _functions(two_agencies):
            if function["is_trigger"] or function["kind"] != "f":
                continue
            for sql, arguments in _calls(function):
                answer = _ask(connection, sql, arguments[""])
                what = (function["name"], arguments)
                asked = [arguments[k] for k in ("p_client_id", "p_campaign_id") if arguments.get(k)]
                own = {_id(kind, client) for client in caller.sees or () for kind in _KINDS}
                if isinstance(answer, str):
                    # Refused, or wrong input; anything else would be a call that this test got wrong.
                    assert re.match("42501|ST|22|P0", answer), (*what, answer)
                    continue
                if function["volatility"] == "i":
                    continue
                assert caller.reads, what
                assert function["comment"].endswith("[readers]"), what
                assert set(asked) <= own, f"{what} answered instead of raising 42501"
                assert not _foreign(answer, caller), what
                answered += len(answer)
    assert bool(answered) == caller.reads


#: What the screens call, and the kind of the id they ask for.
_SCREENS = {
    "select * from stats.range_summary('client', %s, %s, %s)": "client",
    "select * from stats.daily_series('client', %s, %s, %s)": "client",
    "select * from stats.campaign_hours(%s, %s, %s)": "client",
    "select public.get_marketing_summary(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select public.get_link_stats(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select public.get_client_overview(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select public.get_campaign_visits_raw(p_from_date => %s, p_to_date => %s, p_campaign_id => %s)": "campaign",
    "select stats_api.list_range_summary('client', %s, %s, %s)": "client",
    "select stats_api.list_daily_series('client', %s, %s, %s)": "client",
    "select stats_api.list_campaign_hours(%s, %s, %s)": "client",
    "select stats_api.get_client_overview(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select stats_api.get_marketing_summary(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select stats_api.get_link_stats(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select stats_api.get_series(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select stats_api.get_webinars(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select stats_api.get_closings(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select stats_api.get_data_quality(p_from_date => %s, p_to_date => %s, p_client_id => %s)": "client",
    "select stats_api.get_webinar_stats(p_from => %s, p_to => %s, p_webinar_id => %s)": "webinar",
    "select stats_api.get_campaign_visits_raw(p_from_date => %s, p_to_date => %s, p_campaign_id => %s)": "campaign",
}


@pytest.mark.parametrize("name", LIMITED)
def test_a_foreign_client_raises_42501_and_the_own_one_answers(two_agencies: Database, name: str) -> None:
    """The functions the screens call, one by one."""
    caller = LIMITED[name]
    with acting(two_agencies, caller) as connection:
        for client in CLIENTS:
            own = client in (caller.sees or ())
            for sql, kind in _SCREENS.items():
                answer = _ask(connection, sql, (FIRST, LAST, _id(kind, client)))
                assert (answer == "42501") is not own, (sql, client, answer)
                assert not own or len(answer) > 0, (sql, client)
        for sql in (
            "select * from stats.range_summary('platform', %s, %s)",
            "select * from stats.daily_series('platform', %s, %s)",
            "select public.get_client_overview(null, %s, %s)",
            "select public.get_marketing_summary(null, %s, %s)",
            "select public.get_link_stats(null, %s, %s)",
            "select stats_api.get_client_overview(null, %s, %s)",
            "select stats_api.get_series(null, %s, %s)",
            "select stats_api.get_webinars(null, %s, %s)",
        ):
            assert _ask(connection, sql, (FIRST, LAST)) == "42501", sql
        assert _ask(
            connection, "select public.get_campaign_visits_raw(%s, %s, %s)", (_id("campaign", NOBODY), FIRST, LAST)
        ) == "42501"  # fmt: skip


def test_an_agency_sees_its_clients_side_by_side_and_no_other(two_agencies: Database) -> None:
    for name, agency in (("owner of an agency", "a1"), ("analyst of an agency", "a1"), ("admin of an agency", "a2")):
        with acting(two_agencies, CALLERS[name]) as connection:
            own = {str(_id("client", c)) for c, of in CLIENTS.items() if of == agency}
            for asked in (None, AGENCIES[agency]):
                (row,) = _ask(connection, "select stats_api.get_agency_overview(%s, %s, %s) as a", (FIRST, LAST, asked))
                answer = row["a"]  # type: ignore[index]
                assert {client["client_id"] for client in answer["clients"]} == own
                assert answer["totals"]["hits"] == sum(client["hits"] for client in answer["clients"]) == 2 * 4 * 3
                assert answer["totals"]["visits"] is None
                assert answer["agency_name"] == (asked and f"name-of-{agency}")
            (other,) = set(AGENCIES) - {agency}
            sql = "select stats_api.get_agency_overview(%s, %s, %s)"
            assert _ask(connection, sql, (FIRST, LAST, AGENCIES[other])) == "42501"
    with acting(two_agencies, CALLERS["analyst of the platform"]) as connection:
        (row,) = _ask(connection, "select stats_api.get_agency_overview(%s, %s) as a", (FIRST, LAST))
        clients = {client["client_id"]: client["is_unknown"] for client in row["a"]["clients"]}  # type: ignore[index]
        assert clients == {None: True, **{str(_id("client", c)): False for c in CLIENTS}}


def test_a_member_sees_what_was_closed_of_their_client(two_agencies: Database) -> None:
    with acting(two_agencies, CALLERS["member of a client"]) as connection:
        for asked in (None, _id("client", "c1")):
            (row,) = _ask(connection, "select stats_api.get_closings(%s, %s, %s) as a", (asked, FIRST, LAST))
            answer = as_promised("stats_api.get_closings", row["a"])  # type: ignore[index]
            assert answer["closed"] is True
            (entry,) = answer["closings"]
            assert (entry["kind"], entry["client_name"], entry["month"]) == ("closed", "name-of-c1", "2024-03-01")
            assert entry["figure"]["conversions"] > 0
        assert (
            _ask(connection, "select stats_api.get_closings(%s, '2024-01-01', '2024-01-31')", (_id("client", "c2"),))
            == "42501"
        )


def test_nothing_foreign_is_named_whatever_is_handed_in(two_agencies: Database) -> None:
    """The ids of others with one's own client: what an entry with a drifted client makes possible (E2)."""
    own, foreign = "c1", "c3"
    items = [
        {
            "client_id": str(_id("client", c)),
            "entity_type": kind,
            "entity_id": str(_id(kind, e)),
            "link_id": str(_id("link", e)),
        }
        for c, e in ((foreign, foreign), (own, foreign), (own, own))
        for kind in ("campaign", "webinar")
    ]
    with acting(two_agencies, CALLERS["member of a client"]) as connection:
        (row,) = _ask(connection, "select stats.items_with_names(%s) as a", (json.dumps(items),))
        named = [[x["client_name"], x["entity_title"], x["link_name"]] for x in row["a"]]  # type: ignore[index]
        assert named == [[None] * 3] * 2 + [["name-of-c1", None, None]] * 2 + [["name-of-c1"] * 3] * 2


@pytest.mark.parametrize("name", ["super administrator", "service role", "pipeline", "owner"])
def test_platform_and_the_unknown_client_are_for_those_who_see_all(two_agencies: Database, name: str) -> None:
    with acting(two_agencies, CALLERS[name]) as connection:
        (platform,) = _ask(connection, "select * from stats.range_summary('platform', %s, %s)", (FIRST, LAST))
        assert platform["hits"] == 3 * 5 * 4
        clients = _ask(connection, "select client_id from stats.range_summary('client', %s, %s)", (FIRST, LAST))
        assert {row["client_id"] for row in clients} == {None, *(_id("client", c) for c in CLIENTS)}


def test_without_asking_for_a_client_a_member_gets_all_of_theirs(two_agencies: Database) -> None:
    caller = CALLERS["analyst of a client of each agency"]
    with acting(two_agencies, caller) as connection:
        rows = _ask(connection, "select client_id from stats.range_summary('client', %s, %s)", (FIRST, LAST))
        assert {row["client_id"] for row in rows} == {_id("client", "c2"), _id("client", "c3")}


def test_merged_ranges_leak_no_more_than_those_from_session_days(two_agencies: Database) -> None:
    """The other path of range_rows: day one alone is merged and comes from buckets and histograms."""
    caller = CALLERS["member of a client"]
    with acting(two_agencies, caller) as connection:
        for grain in ("client", "campaign", "link", "utm_source", "utm", "campaign_utm"):
            rows = _ask(connection, "select * from stats.range_summary(%s, %s, %s)", (grain, FIRST, FIRST))
            assert rows
            assert not isinstance(rows, str)
            assert not _foreign(rows, caller)


def test_a_report_names_nobody_elses_campaign(two_agencies: Database) -> None:
    """The platform reads all; whom it settles with does not. c1 and c3 meet in a campaign by a drifted entry."""
    settlement = settle_client(two_agencies.pipeline, "name-of-c1", DayRange(FIRST, LAST))
    titles = {row["title"] for row in (*settlement.campaigns, *settlement.links)}
    assert titles == {"name-of-c1", None}
    busiest = busiest_campaigns(two_agencies.pipeline, DayRange(FIRST, LAST), 50)
    named = {(row["client"], row["campaign"]) for row in busiest if row["client"] == "name-of-c1"}
    assert {campaign for _, campaign in named} == {"name-of-c1", "campaign 00000000 (no such row of this client)"}


def test_a_new_table_without_a_policy_is_noticed(database: Database) -> None:
    database.execute("create table stats.fresh (client_id uuid)")
    with pytest.raises(AssertionError, match=r"stats\.fresh"):
        test_every_table_has_row_security_and_a_policy_of_a_known_kind(database)
    database.execute("alter table stats.fresh enable row level security")
    with pytest.raises(AssertionError, match=r"stats\.fresh needs a policy"):
        test_every_table_has_row_security_and_a_policy_of_a_known_kind(database)


def test_a_new_function_left_to_everybody_is_noticed(database: Database) -> None:
    database.execute("create function stats.fresh() returns setof stats.session_days language sql stable as "
                     "'select * from stats.session_days'")  # fmt: skip
    with pytest.raises(AssertionError, match=r"stats\.fresh"):
        test_anonymous_callers_may_execute_nothing_that_could_read(database)


_ASKED = "p_client_id => %s, p_from => %s, p_to => %s"
#: Pages and files over HTTP, each with what it asks of the database.
_ROUTES = {
    "/": "select public.get_client_overview(%s, %s, %s)",
    "/why": "select public.get_client_overview(%s, %s, %s)",
    "/statement.csv": "select * from stats.settlement(%s, %s, %s)",
    "/export/summary/link.csv": "select * from stats.range_summary('link', {0})",
    "/export/days/utm.csv": "select * from stats.daily_series('utm', {0})",
    "/export/summary/utm.parquet": "select * from stats.range_summary('utm', {0})",
}


@pytest.fixture(scope="module")
def browser(two_agencies: Database) -> Iterator[httpx.Client]:
    with serving(two_agencies) as client:
        yield client


@pytest.mark.parametrize("name", [name for name in CALLERS if CALLERS[name].role in ("anon", "authenticated")])
def test_over_http_everybody_gets_what_sql_gives_them(two_agencies: Database, browser: httpx.Client, name: str) -> None:
    """Each route for each client: refused where the database refuses, and else without a mark of anybody else."""
    caller = CALLERS[name]
    is_user = caller.claims.get("role") == "authenticated" and caller.role == "authenticated"
    claims = caller.claims if caller.role == "authenticated" else {**caller.claims, "role": "anon"}
    everything = Caller("authenticated", frozenset(CLIENTS))
    with acting(two_agencies, caller) as connection:
        for (route, sql), client in itertools.product(_ROUTES.items(), CLIENTS):
            asked = {"client": str(_id("client", client)), "from": str(FIRST), "to": str(LAST)}
            answer = browser.get(route, params=asked, headers=bearer(claims))
            in_sql = _ask(connection, sql.format(_ASKED), (_id("client", client), FIRST, LAST))
            what = (route, client, answer.status_code, answer.text[:300])
            if not is_user:
                assert answer.status_code in (401, 403), what
                continue
            assert answer.status_code == (403 if in_sql == "42501" else 200), what
            seen = replace(everything, sees=frozenset({client} if answer.status_code == 200 else ()))
            assert not _foreign([{"": answer.text.replace(asked["client"], "")}], seen), what
            if answer.status_code == 200 and answer.headers["content-type"].startswith("text"):
                assert f"name-of-{client}" in answer.text, what
        for client in CLIENTS:
            # Whose campaign it is does not open another's.
            other = {"client": str(_id("client", client)), "entity": str(_id("campaign", "c4")), "lang": "en"}
            answer = browser.get("/why", params={**other, "from": str(FIRST), "to": str(LAST)}, headers=bearer(claims))
            own = caller.sees is None or client in caller.sees
            assert (answer.status_code == 200) == (is_user and own), (client, answer.text[:300])
            assert "name-of-c4" not in answer.text or (own and client == "c4")
