"""Short links in the database: found by any spelling of their cid, without reading the others."""

import uuid
from typing import Any

import psycopg
import pytest

from eventflow_pipeline_tests.databases import Database

K = "00000000-0000-0000-0000-00000000000b"
_ADD = """
insert into campaign_link_meta (client_id, name, cid, target_type)
select :client, 'n', 'X' || upper(to_hex(1000000000 + n)), 'campaign' from generate_series(1, :count) n
"""


def _link(database: Database, cid: str | None, client: str = K) -> str:
    identifier = str(uuid.uuid4())
    row = {"id": identifier, "client_id": client, "name": "n", "cid": cid}
    database.insert("campaign_link_meta", [row])
    return identifier


def _target(database: Database, key: str, client: str | None = None) -> Any:
    found = _capture(database, "select stats.link_target(%s, %s::uuid)", key, client)
    return (found or {}).get("link_id")


def _capture(database: Database, query: str, *values: object) -> Any:
    """The first column of the first row, as who captures sees it."""
    with psycopg.connect(database.url) as connection:
        connection.execute("set role eventflow_capture")
        connection.execute(query.encode(), values)  # once for what a new connection reads of the catalog
        row = connection.execute(query.encode(), values).fetchone()
        return row[0] if row else None


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_link_is_looked_up_in_an_index(database: Database, count: int) -> None:
    """Found or not, by cid or id: a handful of pages, whatever the number of links."""
    link, odd = _link(database, "AB12CD34"), _link(database, "Frühling")
    database.execute(_ADD, client=K, count=count)
    database.execute("analyze campaign_link_meta")
    for key, found in (
        ("ab12cd34", link),
        ("FRÜHLING", odd),
        (link, link),
        ("NONE0000", None),
        (str(uuid.uuid4()), None),
    ):
        assert _target(database, key) == found
        plan = _capture(database, f"explain (analyze, buffers, format json) select stats.link_target('{key}')")
        read = plan[0]["Plan"]
        assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < 200, key


@pytest.mark.parametrize(
    ("spelled", "keys"),
    [
        ("AB12CD34", ["AB12CD34", "ab12cd34", "  Ab12cD34\u200b", "\ufeffAB12CD34"]),
        (" ab12cd34\u00a0", ["AB12CD34", "ab12cd34"]),
        ("two words", ["TWO WORDS", "two words "]),
        ("Spre\u0301ing", ["SPR\u00c9ING", "spr\u00e9ing", "SPRE\u0301ING"]),
        ("stra\u00dfe", ["STRASSE", "stra\u00dfe", "strasse"]),
        ("\u0131", ["I", "i"]),
        ("가을", ["가을", "\u1100\u1161\u110b\u1173\u11af"]),
        ("~!@", ["~!@"]),
        ("x" * 200, ["x" * 200, "X" * 200]),
    ],
)
def test_a_cid_is_one_however_it_is_spelled(database: Database, spelled: str, keys: list[str]) -> None:
    """N1, as everywhere: in the link as in the key."""
    link = _link(database, spelled)
    _link(database, "OTHER")
    _link(database, None)
    for key in keys:
        assert _target(database, key) == link, key
    assert _target(database, "") is None
    assert _target(database, "x" * 201) is None


def test_a_cid_of_several_clients_needs_its_client(database: Database) -> None:
    other = "00000000-0000-0000-0000-0000000000bb"
    first, second = _link(database, "SAME0001"), _link(database, "same0001 ", other)
    assert _target(database, "SAME0001") is None
    assert (_target(database, "SAME0001", K), _target(database, "SAME0001", other)) == (first, second)


def test_whoever_writes_links_needs_no_right_to_ours(database: Database) -> None:
    """The index works with built-in functions: an application's role that knows nothing of stats adds a link."""
    database.execute("grant insert on campaign_link_meta to anon")
    database.execute("alter table campaign_link_meta disable row level security")
    with database.owner.begin() as connection:
        connection.exec_driver_sql("set local role anon")
        connection.exec_driver_sql(
            f"insert into campaign_link_meta (client_id, name, cid) values ('{K}', 'n', 'Frühling')"
        )
    assert _target(database, "frühling")
