"""public.get_webinar_stats: what the screen gets, from buckets alone, and who may ask."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from eventflow_pipeline_tests.clients.schemas import as_promised
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.broadcast import CLIENT, DAY, FIRST, FOREIGN, START, replace, write_legacy

MEMBER = UUID(int=0xE1)


def _get(
    database: Database,
    webinar: UUID,
    interval: str = "5m",
    *,
    first: date = DAY,
    last: date = DAY,
    viewer: UUID | None = MEMBER,
    role: str = "authenticated",
    claims: dict[str, Any] | None = None,
) -> Any:
    with psycopg.connect(database.url) as connection:
        connection.execute(f"set local role {role}".encode())
        connection.execute("set local time zone 'UTC'")
        connection.execute(
            "select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": str(viewer), **(claims or {})})]
        )
        row = connection.execute(
            "select public.get_webinar_stats(%s, %s, %s, %s)", [webinar, first, last, interval]
        ).fetchone()
        assert row
        return as_promised("public.get_webinar_stats", row[0])


@pytest.fixture
def screen(broadcast: Database) -> Database:
    """The broadcast, with a member of its client."""
    broadcast.insert("client_members", [{"client_id": CLIENT, "user_id": MEMBER, "role": "member"}])
    return broadcast


def test_the_answer_is_what_it_was(screen: Database, snapshot: SnapshotAssertion) -> None:
    """Screens read this shape: update knowingly (--snapshot-update)."""
    answer = _get(screen, FIRST)
    assert answer.pop("as_of")
    assert answer == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize("interval", ["5m", "15m", "1h"])
def test_intervals_agree_with_the_samples(screen: Database, interval: str) -> None:
    answer = _get(screen, FIRST, interval)
    assert answer["peak"]["viewers"] == max(item["max"] for item in answer["series"]) == 7
    assert answer["peak"]["source"] == "sampled"
    assert sum(item["sample_count"] for item in answer["series"]) == 23
    assert sum(item["gaps"] for item in answer["series"]) == 2
    for item in answer["series"]:
        assert item["min"] <= item["avg"] <= item["max"]
        assert item["source"] == "sampled"
    step = {"5m": 5, "15m": 15, "1h": 60}[interval]
    assert len(answer["series"]) == {5: 5, 15: 3, 60: 2}[step]


def test_an_hour_averages_its_samples_not_its_buckets(screen: Database) -> None:
    """The first bucket of the hour from 14:00 has three samples, the others five."""
    hour = _get(screen, FIRST, "1h")["series"][1]
    assert (hour["avg"], hour["last"]) == (round((4 + 5 + 6 + 6 + 7 + 3 + 2 + 1) / 18 + 0.001, 2), 0)


def test_an_interval_has_one_source(screen: Database) -> None:
    """Ours where it has a sample, else the legacy bucket; a quarter of an hour never adds the two up."""
    write_legacy(screen, FIRST, START + timedelta(minutes=20))
    replace(screen)
    series = {item["start"][11:16]: item for item in _get(screen, FIRST)["series"]}
    assert (series["05:00"]["source"], series["05:20"]["source"]) == ("sampled", "legacy")
    assert series["05:20"]["gaps"] is None
    quarter = _get(screen, FIRST, "15m")["series"][-1]
    assert (quarter["source"], quarter["sample_count"]) == ("sampled", 5)


def test_days_give_traffic_and_are_complete_when_computed(screen: Database) -> None:
    answer = _get(screen, FIRST)
    day = answer["days"][0]
    assert (day["visits"], day["conversions"], day["cvr"], day["campaign_shared"]) == (3, 2, 0.6667, True)
    assert answer["conversions"] == 2
    assert answer["complete"]
    screen.execute("update stats.partition_state set stale_since = now(), stale_cause = 'visits changed'")
    assert not _get(screen, FIRST)["complete"], "its visits are of a day that changed"
    screen.execute("update stats.partition_state set stale_since = null, stale_cause = null")
    longer = _get(screen, FIRST, last=DAY + timedelta(days=1))
    assert not longer["complete"]


def test_buckets_answer_alone(screen: Database) -> None:
    before = _get(screen, FIRST)
    screen.execute("truncate stats.webinar_sample, webinar_live_presence, webinar_access_logs, event_access_logs")
    assert _get(screen, FIRST) == before


def test_tenancy(screen: Database) -> None:
    for webinar in (FOREIGN, uuid4()):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _get(screen, webinar)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _get(screen, FIRST, viewer=uuid4())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _get(screen, FIRST, role="anon")
    assert _get(screen, FOREIGN, claims={"app_metadata": {"is_super_admin": True}})["title"] == "foreign"
    assert _get(screen, uuid4(), role="service_role")["series"] == []


def test_a_member_reads_only_rows_of_the_client(screen: Database) -> None:
    with psycopg.connect(screen.url) as connection:
        connection.execute("set local role authenticated")
        connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": str(MEMBER)})])
        for table in ("webinar_stats_5min", "webinar_stats_daily", "webinar_client_daily"):
            seen = connection.execute(f"select distinct client_id from stats.{table}".encode()).fetchall()
            assert seen == [(CLIENT,)], table
        for table in ("webinar_sample", "webinar_day_state", "webinar_stray_ping", "webinar_presence"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"select from stats.{table}".encode())


@pytest.mark.parametrize(
    ("change", "code"),
    [({"interval": "2m"}, "ST007"), ({"interval": None}, "ST007"), ({"last": DAY - timedelta(days=1)}, "ST002")],
)
def test_wrong_input_is_named(screen: Database, change: dict[str, Any], code: str) -> None:
    with pytest.raises(psycopg.Error) as problem:
        _get(screen, FIRST, **change)
    assert problem.value.sqlstate == code
