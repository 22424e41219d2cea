"""What the benchmarks compare is comparable: the plain statement and the buckets give the same numbers."""

from datetime import datetime

from sqlalchemy import text

from benchmarks._facts import Facts, make_facts, measured
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline_tests.databases import Database

_PLAIN = {"client": 7, "campaign": 3}


def _computed(database: Database) -> tuple[Facts, dict[str, datetime]]:
    """Four computed days, and the bounds of their window as parameters."""
    facts = Facts(visits=2_000, days=4)
    make_facts(database.owner, facts)
    database.replace(*facts.range)
    window = facts.range.window(database.settings.zone)
    return facts, {"window_start": window.start, "window_end": window.end}


def test_the_plain_statement_counts_what_the_buckets_count(database: Database) -> None:
    facts, bounds = _computed(database)
    with connect(database.owner) as connection:
        plain = connection.execute(text(measured("select_plain").text), bounds).all()
    for grain, mark in _PLAIN.items():
        expected = {
            (row.bucket_date, row.client_id, row.campaign_id): (row.hits, row.visits)
            for row in plain
            if row.grain == mark
        }
        buckets = database.rows(
            "select bucket_date, client_id, entity_id, hits, visits from stats.bucket_daily"
            " where grain = :grain and hits > 0",
            grain=grain,
        )
        assert len(expected) > facts.days
        assert {
            (row["bucket_date"], row["client_id"], row["entity_id"]): (row["hits"], row["visits"]) for row in buckets
        } == expected


def test_raw_reads_give_the_same_answer(database: Database) -> None:
    facts, bounds = _computed(database)
    with connect(database.owner) as connection:
        client = connection.execute(measured("select_busiest_client")).scalar_one()
        for grain, keys in {
            "client": (),
            "campaign": ("entity_type", "entity_id"),
            "link": ("entity_type", "entity_id", "link_id", "link_status"),
        }.items():
            columns = (*keys, "hits", "visits", "sessionless_hits", "conversions")
            raw = connection.execute(
                measured(f"select_{grain}_from_raw"),
                {"client_id": client, **bounds},
            ).mappings()
            answer = [row for row in database.summary(grain, facts.range) if row["client_id"] == client]
            assert {tuple(row[c] for c in columns) for row in raw} == {tuple(row[c] for c in columns) for row in answer}


def test_facts_return_on_later_days(database: Database) -> None:
    facts = Facts(visits=4_000, days=20)
    make_facts(database.owner, facts)
    (made,) = database.rows(
        "select count(*) as hits, count(distinct session_id) as sessions,"
        " count(distinct (session_id, (accessed_at at time zone 'Asia/Seoul')::date)) as session_days"
        " from stats.visit_facts"
    )
    assert 0.9 < made["hits"] / facts.visits < 1.15
    assert 1.05 < made["session_days"] / made["sessions"] < 1.2
