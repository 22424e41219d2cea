"""No question costs more than its answer may: every function a reader may call, with the oddest dates there are."""

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from eventflow_pipeline.domain.days import LONGEST_RANGE, today
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import FIRST_DAY, Database, Databases, executable_functions, settings_for
from eventflow_pipeline_tests.repetitions import some

CLIENT, CAMPAIGN, WEBINAR, LINK, USER = (UUID(int=n) for n in (1, 2, 3, 4, 5))
CLAIMS = json.dumps({"sub": str(USER), "role": "authenticated"})
ROLES = ("authenticated", "eventflow_pipeline", "eventflow_capture", "eventflow_capture_owner", "service_role")
SCREENS = ("get_marketing_summary", "get_link_stats", "get_client_overview", "get_data_quality")
SECONDS, MEGABYTES = 2, 52

#: As text, since Python's calendar ends where some of them begin.
_EDGES = ("-infinity", "4713-01-01 BC", "0001-12-31 BC", "1000-01-01", "2024-01-01", "2024-03-02", "9999-12-31",
          "294276-01-01", "5874897-12-31", "infinity", None)  # fmt: skip
RANGES = [*itertools.product(_EDGES, _EDGES), ("2024-01-01", "2034-01-07"), ("2024-01-01", "2034-01-08")]
_VALUES: dict[str, Sequence[Any]] = {
    "uuid": (None, CLIENT, CAMPAIGN, WEBINAR),
    "text": (None, "", "client", "utm", "5m", "x" * 100_000, "a" + "\u0301\u0323" * 50_000),
    "jsonb": (None, Jsonb({}), Jsonb([]), Jsonb({"utm_source": "x" * 100_000, "occurred_at": 1e300})),
    "integer": (None, -(2**31), 0, 2**31 - 1),
    "bigint": (None, -(2**63), 2**63 - 1),
    "numeric": (None, 0, 10**50),
    "boolean": (None, False, True),
    "interval": (None, timedelta(days=-1), timedelta(days=36_500)),
    "timestamp with time zone": (None, "-infinity", "4713-01-01 BC", "294276-01-01", "infinity"),
    "uuid[]": (None, [], [CLIENT]),
    "text[]": (None, [], ["client"], ["x" * 1_000] * 100),
    "date": _EDGES,
}
#: An ordinary value, by the argument's name for ids, else by its type.
_IDS = {"p_campaign_id": CAMPAIGN, "p_entity_id": CAMPAIGN, "p_webinar_id": WEBINAR, "p_agency_id": None}
_USUAL: dict[str, Any] = {"text": "client", "jsonb": Jsonb([]), "date": "2024-03-02"}


@pytest.fixture(scope="module")
def bounded(databases: Databases, _template: str) -> Iterator[Database]:
    """A client with a campaign, a webinar, a link and traffic on 1 to 3 March 2024, computed. Nothing changes it."""
    name = databases.create(_template)
    database = Database(settings_for(databases.url(name)))
    facts.clients(database, {CLIENT: [CAMPAIGN]}, {CLIENT: [WEBINAR]})
    facts.link(database, LINK, CLIENT)
    database.insert("client_members", [{"client_id": CLIENT, "user_id": USER, "role": "owner"}])
    days = [date(2024, 3, n) for n in (1, 2, 3)]
    for n in range(30):
        facts.visits(
            database, datetime(2024, 3, 1 + n % 3, 3, tzinfo=UTC), session_id=f"s{n % 7}", campaign_id=CAMPAIGN,
            utm_source=f"u{n}", marketing_campaign_link_id=LINK if n % 2 else None,
        )  # fmt: skip
    database.replace(*days)
    database.merge_pending()
    yield database
    database.close()
    databases.drop(name)


class _Caller:
    """One connection in a role, and what its backend used."""

    def __init__(self, database: Database, role: str) -> None:
        self.connection = psycopg.connect(database.url, autocommit=True)
        self.functions = executable_functions(self.connection, role)
        self.connection.execute("select set_config('request.jwt.claims', %s, false)", [CLAIMS])
        # The end of what would have none; what counts is the CPU time, which the machine's load does not lengthen.
        self.connection.execute("set statement_timeout = '60s'")
        self.connection.execute(f"set role {role}".encode())
        self.process = Path(f"/proc/{self.connection.info.backend_pid}")

    def seconds(self) -> float:
        """CPU time of the backend."""
        return sum(map(int, (self.process / "stat").read_text().rsplit(")", 1)[1].split()[11:13])) / 100

    def megabytes(self) -> float:
        """The most address space the backend ever had."""
        line = next(x for x in (self.process / "status").read_text().splitlines() if x.startswith("VmPeak"))
        return int(line.split()[1]) / 1024

    def call(self, function: str, types: Sequence[str], arguments: Sequence[Any]) -> str:
        """SQLSTATE of the call, or nothing; the call changes nothing."""
        places = ", ".join(f"%s::{type}" for type in types)
        before = self.seconds()
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(f"select * from {function}({places})".encode(), arguments).fetchall()
        except psycopg.Error as refused:
            return refused.sqlstate or str(refused)
        finally:
            assert self.seconds() - before < SECONDS, (function, str(arguments)[:300])
        return ""


def _arguments(types: Sequence[str], names: Sequence[str]) -> Iterator[list[Any]]:
    """Every range in the places of dates beside an ordinary rest; then every odd value in each place."""
    usual: list[Any] = [
        _IDS.get(name, CLIENT) if t == "uuid" else _USUAL.get(t)
        for t, name in itertools.zip_longest(types, names, fillvalue="")
    ]
    dates = [n for n, type in enumerate(types) if type == "date"]
    if len(dates) == 2:
        for pair in RANGES:
            whole = list(usual)
            whole[dates[0]], whole[dates[1]] = pair
            yield whole
    for n, type in enumerate(types):
        for value in _VALUES[type]:
            yield [*usual[:n], value, *usual[n + 1 :]]


@pytest.mark.parametrize("role", some(ROLES, 4))
def test_every_function_of_ours_takes_bounded_work(bounded: Database, role: str) -> None:
    caller = _Caller(bounded, role)
    assert caller.functions
    at_first = caller.megabytes()
    asked = set()
    for function, types, names in caller.functions:
        if role == "service_role" and function.startswith("stats_api."):
            continue  # as for the role before, with the reads it asks
        for arguments in _arguments(types, names):
            state = caller.call(function, types, arguments)
            # Ours, or an ordinary complaint about a value; never a limit of the server or an internal error.
            assert state[:2] not in ("53", "54", "57", "58", "XX"), (function, state, str(arguments)[:300])
            if types.count("date") == 2 and not state.startswith("ST"):
                assert state in ("", "42501"), (function, state, arguments)
            asked.add(function.removeprefix("public."))
        assert caller.megabytes() - at_first < MEGABYTES, function
    readers = {f"stats.{name}" for name in ("range_summary", "daily_series", "campaign_hours")} | set(SCREENS)
    readers |= {f"stats_api.{name}" for name in SCREENS if role == "authenticated"}
    assert role.startswith("eventflow_") or asked > readers, asked
    caller.connection.close()


def _state(database: Database, sql: str, *arguments: Any) -> tuple[str, str, str]:
    with psycopg.connect(database.url) as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute(sql.encode(), arguments)
    diagnosis = refusal.value.diag
    return diagnosis.sqlstate or "", diagnosis.message_primary or "", diagnosis.message_hint or ""


_READS = {
    "stats.range_summary": "select * from stats.range_summary('client', %s, %s)",
    "stats.daily_series": "select * from stats.daily_series('client', %s, %s)",
    "stats.campaign_hours": "select * from stats.campaign_hours(%s, %s)",
    **{screen: f"select public.{screen}('{CLIENT}', %s, %s)" for screen in SCREENS},
    "get_campaign_visits_raw": f"select public.get_campaign_visits_raw('{CAMPAIGN}', %s, %s)",
    "get_webinar_stats": f"select public.get_webinar_stats('{WEBINAR}', %s, %s)",
}


@pytest.mark.parametrize("read", _READS.values(), ids=_READS.keys())
def test_each_kind_of_range_is_refused_with_an_error_of_ours(bounded: Database, read: str) -> None:
    for first, last, state in (
        ("2024-03-02", "2024-03-01", "ST002"), ("-infinity", "2024-03-02", "ST002"),
        ("2024-03-02", "infinity", "ST002"), (None, "2024-03-02", "ST002"),
        ("0001-01-01 BC", "2024-03-02", "ST009"), ("2024-03-02", "10000-01-01", "ST009"),
        ("2024-03-02", "294276-01-01", "ST009"), ("1000-01-01", "3000-12-31", "ST008"),
        ("2024-01-01", "2034-01-08", "ST008"),
    ):  # fmt: skip
        assert _state(bounded, read, first, last)[0] == state, (first, last)


@pytest.mark.parametrize("read", [r for name, r in _READS.items() if not name.startswith("stats.")])
def test_a_screen_says_which_days_it_covers(bounded: Database, read: str) -> None:
    now = today(bounded.settings.zone)
    future, past = now + timedelta(days=30), FIRST_DAY - timedelta(days=30)
    with psycopg.connect(bounded.url) as connection:

        def covered(first: date, last: date) -> dict[str, Any]:
            ((answer,),) = connection.execute(read.encode(), (first, last)).fetchall()
            return dict(answer)

        for first, last, wanted in (
            (date(2024, 3, 1), date(2024, 3, 3), (date(2024, 3, 1), date(2024, 3, 3))),
            (past, date(2024, 3, 3), (FIRST_DAY, date(2024, 3, 3))),
            (now, future, (now, now)),
            (FIRST_DAY, FIRST_DAY + timedelta(days=LONGEST_RANGE - 1), (FIRST_DAY, now)),
            (past, FIRST_DAY - timedelta(days=1), (None, None)),
            (now + timedelta(days=1), future, (None, None)),
        ):
            answer = covered(first, last)
            assert (answer["from"], answer["to"]) == tuple(day and day.isoformat() for day in wanted), (first, last)
            days = answer.get("series" if "overview" in read else "days", ())
            if "webinar" not in read and days:
                assert (days[0]["date"], days[-1]["date"]) == (answer["from"], answer["to"])
            if first == past and "complete" in answer:
                assert answer["complete"] is False, "days before the first partition are missing"


def test_totals_and_the_period_before_are_of_the_days_covered(bounded: Database) -> None:
    now = today(bounded.settings.zone)
    with psycopg.connect(bounded.url) as connection:
        ((answer,),) = connection.execute(
            "select public.get_client_overview(%s, %s, %s)", (CLIENT, now - timedelta(days=2), now + timedelta(days=20))
        ).fetchall()
    assert (answer["totals"]["from"], answer["totals"]["to"]) == (
        (now - timedelta(days=2)).isoformat(),
        now.isoformat(),
    )
    before = answer["previous_period"]
    assert (before["from"], before["to"]) == tuple((now - timedelta(days=n)).isoformat() for n in (5, 3))


@pytest.mark.parametrize("read", [read for name, read in _READS.items() if name.startswith("stats.")])
def test_the_remedy_for_a_day_that_is_missing_can_be_run(bounded: Database, read: str) -> None:
    now = today(bounded.settings.zone)
    later = now + timedelta(days=5)
    missing = date(2024, 3, 4)
    grain = "campaign" if "hours" in read else "client"
    for last, hint in (
        (date(2024, 3, 9), "Materialize it: eventflow backfill --from 2024-03-04 --to 2024-03-09"),
        (
            later,
            f"Materialize what there is, eventflow backfill --from 2024-03-04 --to {now}, and end the range at {now}.",
        ),
    ):
        assert _state(bounded, read, date(2024, 3, 1), last) == (
            "ST004", f"the day {missing} is not computed for the grain {grain}", hint
        )  # fmt: skip
    state, message, hint = _state(bounded, read, now + timedelta(days=1), later)
    assert (state, hint) == ("ST004", f"It has not come yet: end the range at {now}.")
    assert f"the day {now + timedelta(days=1)} is not computed" in message


def test_the_first_missing_day_is_named(bounded: Database) -> None:
    for first, missing in (("2024-02-28", "2024-02-28"), ("2024-03-03", "2024-03-04"), ("2024-03-05", "2024-03-05")):
        assert f"the day {missing} " in _state(bounded, _READS["stats.range_summary"], first, "2024-03-09")[1]
