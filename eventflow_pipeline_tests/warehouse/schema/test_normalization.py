"""N1 on texts as they come, of any form and length: the same in SQL, in the library and as the tests count."""

import hashlib
import json
import random
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from sqlalchemy import text as sql_text

from eventflow_pipeline.capture.text import cid_text, session_text, utm_text
from eventflow_pipeline.domain.normalization import MARKS, normalize_cid, normalize_session, normalize_utm
from eventflow_pipeline.domain.personal_data import PERSONAL_MEMBER
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import project_root
from eventflow_pipeline.warehouse.answers.explain import find_client
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import full_text
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate
from eventflow_pipeline_tests.databases import Database, Databases, settings_for
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS, PERSONAL, UTM, count, key, lower, matchable
from eventflow_pipeline_tests.worlds.small_world import Mirror

WORD = "봄세일"
#: Characters that stripping, composing, and the mapping of case treat each in a way of its own.
NASTY = (
    " \t\n\r\f\v\u00a0\u00ad\u200b\u2060\u3000\ufeff\u200d\u2003'.:·ΣσςΑαΐßŉİIıiǅǈﬃﬀÅ\u212b\u0344\u0345\u0301\u0323"
    "\u0308\u0307\u1100\u1161\u11a8봄각가ｎａ１é\U0001d160\U00020000\U0001f600_-%@aZ09"
)


@pytest.fixture(scope="module")
def server(databases: Databases, _template: str) -> Iterator[psycopg.Connection]:
    """A connection to a migrated database that nothing in this module changes."""
    name = databases.create(_template)
    with psycopg.connect(databases.url(name), autocommit=True) as connection:
        yield connection
    databases.drop(name)


def _normalized(server: psycopg.Connection, texts: list[str]) -> list[tuple[str | None, str | None, str | None]]:
    """utm, session and cid of each text, as the server says."""
    return server.execute(
        "select stats.normalize_utm(t), stats.normalize_session(t), nullif(stats.normalize_cid(t), '(too long)') "
        "from unnest(%s::text[]) with ordinality as u (t, n) order by n",
        (texts,),
    ).fetchall()


def _newer(*texts: str | None) -> bool:
    """Do the texts hold characters that Python's Unicode does not know yet? Their mappings may differ."""
    return any(unicodedata.category(c) == "Cn" for text in texts for c in text or "")


def test_every_character_maps_as_unicode_says(server: psycopg.Connection) -> None:
    """Alone, within a word and at its end: full mapping of case, NFC, and what is stripped."""
    known = [chr(c) for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    # Ideographs are all alike, and half of all there is.
    assigned = [c for c in known if not ("\u3400" <= c <= "\u9fff" or c > "\U00020100")]
    texts = [form.replace("c", c) for c in assigned for form in ("c", "axcx", "axc")]
    wrong = [
        (text, got)
        for text, got in zip(texts, _normalized(server, texts), strict=True)
        if got != (lower(text), key(text), matchable(text)) and not _newer(*got)
    ]
    assert wrong == []


@examples(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.text(st.sampled_from(NASTY) | st.characters(codec="utf-8", exclude_characters="\0")), max_size=20
    ),
    repeats=st.lists(st.sampled_from([1, 1, 1, 3, 25, 199, 200, 201, 900]), min_size=20, max_size=20),
)
@example(texts=["'Σ", "Σ", "ΑΣ", ".Σ.", "ΑΣ'α", WORD, unicodedata.normalize("NFD", WORD)], repeats=[1] * 20)
@example(texts=["ΐ", "ß", "İ", "\U0001d160", "ﬃ", "\u0344"], repeats=[67, 66, 101, 51, 67, 100] + [1] * 14)
@example(texts=["a\u0301\u0323", "\u0301\u0323", "\u0301\u0323x"], repeats=[400, 400, 400] + [1] * 17)
def test_sql_is_python(server: psycopg.Connection, texts: list[str], repeats: list[int]) -> None:
    """Whatever the text: no disagreement, and nothing longer than a key may be."""
    whole = [text * times for text, times in zip(texts, repeats, strict=False)]
    for text, (utm, session, cid) in zip(whole, _normalized(server, whole), strict=True):
        ours = normalize_cid(text)
        assert (utm, session) == (normalize_utm(text), normalize_session(text)) or _newer(text, utm)
        assert cid == (ours if ours and len(ours) <= 200 else None) or _newer(text, cid)
        if not re.search(f"[{MARKS}]{{31}}", text):  # elsewhere N1 is not followed to the letter, on purpose
            assert (utm, session, cid) == (lower(text), key(text), matchable(text)) or _newer(text, utm, cid)
        assert max(len(utm or ""), len(session or "")) <= 200


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        (unicodedata.normalize("NFD", WORD), WORD),
        (f"\ufeff{WORD}\u200b", WORD),
        (f" \u2060\u00ad{WORD.upper()}\u3000", WORD),
        ("\u200b\u2060\ufeff\u00ad \u00a0", None),
        ("ｎａｖｅｒ", "ｎａｖｅｒ"),  # NFC is no compatibility form: it is another name
        ("a\u200bB", "a\u200bb"),
        ("X" * 200, "x" * 200),
        ("X" * 201, "x" * 160 + "…" + hashlib.md5(b"x" * 201).hexdigest()),
        ("\U00020000" * 201 + " ", "\U00020000" * 160 + "…" + hashlib.md5(("\U00020000" * 201).encode()).hexdigest()),
        ("İ" * 101, ("i\u0307" * 80) + "…" + hashlib.md5(("i\u0307" * 101).encode()).hexdigest()),
    ],
)  # fmt: skip
def test_a_utm_value(server: psycopg.Connection, raw: str, normal: str | None) -> None:
    assert _normalized(server, [raw])[0][0] == normal == normalize_utm(raw) == utm_text(raw)


def test_what_capture_stores_counts_as_what_it_was_given(server: psycopg.Connection) -> None:
    """Capture, in Python and in SQL, keeps little of a long value; normalized once more it is the same member."""
    long = ("x" * 300, "봄 " * 500, "\U00020000" * 700, unicodedata.normalize("NFD", WORD) * 90, "ΐ" * 190, "A" * 200)
    for raw in (f" Å\u212b {WORD}ΑΣ\u0301 ", *long):
        wanted = _normalized(server, [raw])[0]
        in_sql = server.execute(
            "select stats.capture_utm(%(raw)s), stats.capture_text(%(raw)s), stats.capture_cid(%(raw)s)",
            {"raw": Jsonb(raw)},
        ).fetchone()
        for stored in ((utm_text(raw), session_text(raw), cid_text(raw)), in_sql):
            assert stored is not None
            assert max(len(text or "") for text in stored) <= 201
            again = [_normalized(server, [text or ""])[0][n] for n, text in enumerate(stored)]
            assert tuple(again) == wanted
            assert stored[2], "a cid that is too long is supplied all the same"


def test_a_cid_that_is_too_long_is_no_other_cid(server: psycopg.Connection) -> None:
    codes = ["x" * 201, "(too long)", " (TOO LONG) ", "x" * 200]
    answers = server.execute("select stats.normalize_cid(c) from unnest(%s::text[]) c", (codes,)).fetchall()
    assert [code for (code,) in answers] == ["(too long)", "(TOO LONG)", "(TOO LONG)", "X" * 200]


def test_endless_marks_take_no_endless_time(server: psycopg.Connection) -> None:
    """Ordering n marks takes n² steps: a minute of the server for a text of 100 kB, and minutes for every reader."""
    hostile = "a" + "\u0301\u0323" * 500_000
    with server.transaction():
        server.execute("set local statement_timeout = '20s'")
        ((utm, session, _),) = _normalized(server, [hostile])
    assert utm == session == normalize_utm(hostile)


def test_the_marks_are_all_there_are_and_the_same_in_sql(server: psycopg.Connection) -> None:
    ((source,),) = server.execute("select pg_get_functiondef('stats.long_text_in_nfc(text)'::regprocedure)").fetchall()
    assert MARKS in re.sub(r"'\s+'", "", source)
    listed = re.compile(f"[{MARKS}]")
    letters = [c for c in map(chr, range(0x10000)) if unicodedata.category(c)[0] in "LNZ"]
    assert all(listed.match(chr(c)) for c in range(0x110000) if unicodedata.combining(chr(c)))
    assert not [c for c in letters if listed.match(c)]


def test_the_planner_inlines_all_but_what_is_long(server: psycopg.Connection) -> None:
    """A function call a value would cost more than the normalizing."""
    plan = server.execute("explain (verbose) select * from stats.visit_facts").fetchall()
    calls = set(re.findall(r"stats\.(\w+)\(", str(plan)))
    assert calls <= {"shortened", "too_long_to_match", "long_text_in_nfc"}


MEMBERS = json.loads((project_root() / "conformance" / "members.json").read_text(encoding="utf-8"))


def test_members(server: psycopg.Connection) -> None:
    """Addresses and phone numbers as they are written, and ids, dates and versions that look alike (A5)."""
    cases = {case["value"]: case["member"] for case in MEMBERS["cases"]}
    assert {value: normalize_utm(value) for value in cases} == cases == {value: lower(value) for value in cases}
    assert dict(zip(cases, (utm for utm, _, _ in _normalized(server, list(cases))), strict=True)) == cases


def test_the_pattern_is_one_string(server: psycopg.Connection) -> None:
    ((stored,),) = server.execute("select stats.personal_pattern()").fetchall()
    independent = re.sub(r"'\s+'", "", full_text("parity/facts"))
    assert stored == PERSONAL_MEMBER == MEMBERS["pattern"] == PERSONAL.pattern
    assert f"'{PERSONAL_MEMBER}' as pattern" in independent
    assert "\\" not in stored
    assert "(?" not in stored


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.text(st.sampled_from("a -.(+\n가İ\u200b"), max_size=3),
            st.from_regex(PERSONAL_MEMBER) | st.text(st.sampled_from("0123456789010101 .-()+@%4a"), max_size=20),
            st.text(st.sampled_from("a -.)0\n가İ\u200b"), max_size=3),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_what_is_cheap_misses_nothing(server: psycopg.Connection, parts: list[tuple[str, str, str, bool]]) -> None:
    """Whatever the pattern finds, the server finds, though it looks at few texts; and nothing else. So does the hint by
    which the independent count looks at few.
    """
    texts = [
        (before + text.replace("\0", "") + after).upper() if upper else before + text.replace("\0", "") + after
        for before, text, after, upper in parts
    ]
    assert [utm for utm, _, _ in _normalized(server, texts)] == [lower(text) for text in texts]
    (hint,) = re.findall(r"'(\S+)' as hint", full_text("parity/facts"))
    hidden = 'select t from unnest(%s::text[]) t where lower(t) ~ %s and lower(t) collate "C" !~ %s'
    assert server.execute(hidden, (texts, PERSONAL_MEMBER, hint)).fetchall() == []


def test_no_other_character_becomes_one_that_is_looked_for() -> None:
    """So a text without one of them is seen, before it is normalized, to have none afterwards either."""
    looked_for = set("@+%-0123456789")
    for code in [c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000]:
        assert looked_for.isdisjoint(unicodedata.normalize("NFC", chr(code)).lower()), hex(code)


def test_one_tenants_long_texts_cost_nobodys_day(mirror: Mirror) -> None:
    """Nine grains have a key of three UTM; none may outgrow an index, in days, session-days and histograms."""
    noise = random.Random(7)
    huge = ["".join(chr(0x20000 + noise.randrange(0xA000)) for _ in range(length)) for length in (6_000, 200, 201, 199)]
    mirror.clear()
    days = [date(2024, 3, 2), date(2024, 3, 3)]
    mirror.world.links[small.LINK] |= dict.fromkeys(UTM, huge[0])
    mirror.database.execute(
        "update campaign_link_meta set utm_source = :t, utm_medium = :t, utm_campaign = :t where id = :id",
        t=huge[0],
        id=small.LINK,
    )
    for day in days:
        at = {"accessed_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC)}
        tagged = [
            {**small.PLAIN_VISIT, **at, "session_id": text[:500], **dict.fromkeys(UTM, text), "utm_medium": text[1:]}
            for text in huge
        ]
        mirror.add(
            [
                *tagged,
                {**small.PLAIN_VISIT, **at, "session_id": "by link", "marketing_campaign_link_id": small.LINK},
                {**small.PLAIN_VISIT, **at, "session_id": "by cid", "cid": "x" * 10_000},
                {**small.PLAIN_VISIT, **at, "session_id": "of another tenant", "campaign_id": small.FOREIGN},
            ]
        )
    mirror.database.replace(*days)
    mirror.database.merge_pending()
    counted = mirror.world.by_day(mirror.database.settings.zone)
    for grain, names in KEYS.items():
        (rows,) = [
            mirror.database.rows(
                "select * from stats.range_summary(:grain, :first, :last)", grain=grain, first=days[0], last=days[1]
            )
        ]
        published = {
            tuple(r[n] for n in names): (r["hits"], r["visits"], r["sessionless_hits"], r["conversions"]) for r in rows
        }
        assert published == count([fact for day in days for fact in counted[day]], grain), grain
    statuses = mirror.database.rows("select link_status, hits from stats.link_daily where bucket_date = :d", d=days[0])
    assert {"link_status": "unresolved", "hits": 1} in statuses


def test_a_client_is_named_in_any_unicode_form(database: Database) -> None:
    database.insert("clients", [{"id": small.CLIENT, "name": unicodedata.normalize("NFD", "봄 Événements")}])
    with connect(database.pipeline) as connection:
        for form in ("NFC", "NFD"):
            asked = unicodedata.normalize(form, "\ufeff봄 ÉVÉNEMENTS ")
            assert find_client(connection, asked)["id"] == small.CLIENT
        with pytest.raises(UserError, match="There is no client 봄"):
            find_client(connection, "봄")


def test_a_database_that_is_not_utf8_is_refused(databases: Databases) -> None:
    for encoding in ("LATIN1", "SQL_ASCII"):
        name = databases.new_name()
        databases.admin(f"create database {name} encoding '{encoding}' locale 'C' template template0")
        database = Database(settings_for(databases.url(name)))
        with pytest.raises(UserError, match=rf"is in {encoding}, .*: create it with UTF8\.$"):
            migrate(database.owner, database.settings)
        database.close()
        databases.drop(name)


def test_a_server_that_cannot_map_case_is_refused(empty_database: Database) -> None:
    create_source(empty_database.owner)
    with connect(empty_database.owner) as connection:
        mapped = connection.execute(
            sql_text("select collname from pg_collation where collname in ('pg_unicode_fast', 'und-x-icu')")
        ).scalars()
        for name in mapped.all():
            connection.execute(sql_text(f'alter collation pg_catalog."{name}" rename to "{name}_gone"'))
    with pytest.raises(UserError, match=r"neither pg_unicode_fast nor und-x-icu.*: use Postgres 18 or later"):
        migrate(empty_database.owner, empty_database.settings)
    with connect(empty_database.owner) as connection:
        assert connection.execute(sql_text("select to_regnamespace('stats')")).scalar() is None
