"""Wrong questions get an error with an SQLSTATE of its own, never a number."""

import traceback
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.db.engine import parse_url
from eventflow_pipeline_tests.databases import FIRST_DAY, Database, Databases, settings_for

DAY = date(2024, 3, 2)
CLIENT = UUID(int=1)


@pytest.fixture(scope="module")
def three_days(databases: Databases, _template: str) -> Iterator[Database]:
    """1 to 3 March 2024 are computed; 4 March is not. Nothing in this module changes it."""
    name = databases.create(_template)
    database = Database(settings_for(databases.url(name)))
    database.insert("clients", [{"id": CLIENT, "name": "client"}])
    database.replace(*(DAY + timedelta(days=n) for n in (-1, 0, 1)))
    yield database
    database.close()
    databases.drop(name)


def _refused(database: Database, sql: str, *parameters: Any) -> tuple[str, str, str]:
    """SQLSTATE, message and hint."""
    with psycopg.connect(database.url) as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute(sql, parameters)
    diagnosis = refusal.value.diag
    return diagnosis.sqlstate or "", diagnosis.message_primary or "", diagnosis.message_hint or ""


@pytest.mark.parametrize("function", ["range_summary", "daily_series"])
@pytest.mark.parametrize(
    ("arguments", "state", "message", "hint"),
    [
        (("hourly", DAY, DAY), "ST001", "there is no grain 'hourly'", "Use one of platform, client, campaign"),
        ((None, DAY, DAY), "ST001", "there is no grain NULL", "Use one of"),
        (("client", DAY, DAY - timedelta(days=1)), "ST002", "2024-03-02..2024-03-01 is reversed", "earlier one first"),
        (("client", None, DAY), "ST002", "reversed or has no end", "two inclusive local dates"),
        (("client", DAY, "infinity"), "ST002", "reversed or has no end", "two inclusive local dates"),
        (("client", FIRST_DAY - timedelta(days=1), DAY), "ST003", "before the first partition 2024-01-01", "rebuild"),
        (("client", DAY, DAY + timedelta(days=2)), "ST004", "2024-03-04 is not computed for the grain client",
         "eventflow backfill --from 2024-03-04 --to 2024-03-04"),
        (("platform", DAY, DAY, CLIENT), "ST006", "the grain platform has no client", "the grain client"),
    ],
)  # fmt: skip
def test_grain_and_range(
    three_days: Database, function: str, arguments: tuple[Any, ...], state: str, message: str, hint: str
) -> None:
    sql = f"select * from stats.{function}({', '.join(['%s'] * len(arguments))})"
    refused = _refused(three_days, sql, *arguments)
    assert refused[0] == state
    assert message in refused[1]
    assert hint in refused[2]


@pytest.mark.parametrize(
    "function", ["get_marketing_summary", "get_link_stats", "get_client_overview", "get_campaign_visits_raw"]
)
def test_screens(three_days: Database, function: str) -> None:
    for first, last in ((DAY, DAY - timedelta(days=1)), (None, DAY), (DAY, None), (DAY, "infinity")):
        assert _refused(three_days, f"select public.{function}(%s, %s, %s)", CLIENT, first, last)[0] == "ST002"


def test_a_day_that_is_not_computed_makes_a_screen_incomplete(three_days: Database) -> None:
    """A dashboard of the last 30 days must not go blank for one day; it says so instead."""
    for function in ("get_marketing_summary", "get_link_stats", "get_client_overview"):
        for last, complete in ((DAY, True), (DAY + timedelta(days=2), False)):
            (row,) = _owner_rows(three_days, f"select public.{function}(%s, %s, %s)", CLIENT, DAY, last)
            assert row[0]["complete"] is complete
            assert row[0]["as_of"]


def _owner_rows(database: Database, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute(sql, parameters).fetchall()


def test_a_range_longer_than_pruned_session_days_allows(three_days: Database) -> None:
    with psycopg.connect(three_days.url) as connection:
        connection.execute("update stats.build_settings set longest_range_days = 2")
        for sql in (
            "select * from stats.range_summary('client', %s, %s)",
            "select * from stats.daily_series('client', %s, %s)",
            "select public.get_client_overview(null, %s, %s)",
            "select public.get_link_stats(null, %s, %s)",
            "select public.get_marketing_summary(null, %s, %s)",
        ):
            connection.execute(sql, (DAY, DAY + timedelta(days=1)))
            with pytest.raises(psycopg.Error, match="longer than the 2 days") as refusal, connection.transaction():
                connection.execute(sql, (DAY - timedelta(days=1), DAY + timedelta(days=1)))
            assert refusal.value.sqlstate == "ST005"
        connection.rollback()


def test_a_daily_series_of_more_rows_than_anybody_reads(three_days: Database) -> None:
    """Every member has a row a day: 5,001 of them over a thousand days were five million rows, sorted."""
    last = DAY + timedelta(days=999)
    ask = "select * from stats.daily_series('utm_source', %s, %s, %s)"
    with psycopg.connect(three_days.url) as connection:
        connection.execute(
            "insert into stats.partition_state "
            "(bucket_date, window_start, window_end, definition_version, grains, computed_at, histogram_pending) "
            "select d::date, window_start, window_end, definition_version, grains, computed_at, false "
            "from stats.partition_state s "
            "cross join generate_series(%s::date, %s, interval '1 day') d "
            "where s.bucket_date = %s",
            (DAY + timedelta(days=2), last, DAY),
        )
        connection.execute(
            "insert into stats.bucket_daily (grain, bucket_date, client_id, utm_source, hits, visits, "
            "sessionless_hits, conversions) "
            "select 'utm_source', %s, %s, 's' || n, 1, 1, 0, 0 from generate_series(1, 5001) n",
            (DAY, CLIENT),
        )
        assert len(connection.execute(ask, (DAY, DAY, CLIENT)).fetchall()) == 5001
        with (
            pytest.raises(psycopg.Error, match="5001 members on each of 1000 days") as refusal,
            connection.transaction(),
        ):
            connection.execute(ask, (DAY, last, CLIENT))
        assert refusal.value.sqlstate == "ST011"
        assert "fewer days" in (refusal.value.diag.message_hint or "")
        most = connection.execute("select stats.require_series(5000, %s, %s)", (DAY, last)).fetchone()
        assert most == (last,)
        connection.rollback()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:topsecret@host:port/db",
        "postgresql://u:topsecret@host:54x/db",
        "postgresql://u:has@topsecret@host:5432/db",
        "postgresql://u:has@slash/topsecret@host/db",
        "x",
    ],
)
@pytest.mark.parametrize("variable", ["EVENTFLOW_DATABASE_URL", "EVENTFLOW_OWNER_URL"])
def test_an_address_that_is_none_is_refused_without_its_password(address: str, variable: str) -> None:
    with pytest.raises(UserError, match=f"^{variable} is not a database address: write postgresql://") as refused:
        parse_url(address, variable)
    assert "topsecret" not in "".join(traceback.format_exception(refused.value))
