"""Closed months: figures that stand, adjustments that say what changed, a chain that shows what was tampered with."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.warehouse.closing.adjustments import adjustments, record_adjustments
from eventflow_pipeline.warehouse.closing.chain import Head, check_chain
from eventflow_pipeline.warehouse.closing.closings import close, examine, reopen
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.locks import closing_lock
from eventflow_pipeline.warehouse.quality.indicators import measure
from eventflow_pipeline.warehouse.schema.migrations import migrate, migrate_back, rebuild
from eventflow_pipeline_tests.databases import Database, Databases, settings_for
from eventflow_pipeline_tests.worlds import small_world as small
from eventflow_pipeline_tests.worlds.independent_count import KEYS, count
from eventflow_pipeline_tests.worlds.small_world import Mirror

SEOUL = ZoneInfo("Asia/Seoul")
MONTH = Month(date(2024, 2, 1))
#: The days of the month that have facts; instants near their edges fall on others, and out of the month.
DAYS = [MONTH.days.first, date(2024, 2, 14), date(2024, 2, 15), MONTH.days.last]
AT = small.instants(DAYS, SEOUL)
TOUCHED = sorted({day for near in DAYS for day in (near, near - timedelta(days=1)) if day in MONTH.days})
Figures = Mapping[tuple[Any, ...], tuple[int, ...]]

#: Closed and adjusted of each client's newest version, by somebody who knows the tables and nothing else.
_SUMS = """
    select f.client_id, f.grain, f.entity_type, f.entity_id, f.link_id, f.link_status,
           sum(hits)::int as hits, sum(visits)::int as visits, sum(sessionless_hits)::int as sessionless_hits,
           sum(conversions)::int as conversions
    from stats.closing e
    join stats.closing_figure f using (entry_no)
    where e.month = :month
      and e.version = (select max(n.version) from stats.closing n where n.month = e.month and n.client_id = e.client_id)
    group by 1, 2, 3, 4, 5, 6
"""


def closed_and_adjusted(database: Database) -> Figures:
    """Sums by member, without what came to nothing."""
    rows = [tuple(row.values()) for row in database.rows(_SUMS, month=MONTH.first)]
    return {row[:6]: row[6:] for row in rows if any(row[6:])}


def counted(mirror: Mirror) -> Figures:
    """The same from the rows: distinct sessions of the whole month."""
    facts = [fact for day, of_day in mirror.world.by_day(SEOUL).items() if day in MONTH.days for fact in of_day]
    found = {}
    for grain in ("client", "campaign", "link"):
        keys = KEYS[grain]
        for member, measures in count(facts, grain).items():
            named = dict(zip(keys, member, strict=True))
            columns = ("entity_type", "entity_id", "link_id", "link_status")
            key = (named["client_id"], grain, *(named.get(column) for column in columns))
            if named["client_id"] and any(measures):
                found[key] = measures
    return found


def close_all(database: Database, reason: str | None = None, *clients: str) -> list[int]:
    """Close the month for everybody it is open for; returns the entries."""
    found = examine(database.pipeline, database.settings, MONTH, clients)
    return [c.entry_no for c in close(database.pipeline, database.settings, MONTH, found, "ann", reason)]


class Book:
    """A month of the small world, computed and closed, and what may happen to it."""

    def __init__(self, database: Database) -> None:
        self.database, self.mirror = database, Mirror(database)
        self.mirror.clear()

    def visit(self, day: date, session: str, **columns: Any) -> None:
        at = datetime.combine(day, datetime.min.time(), SEOUL) + timedelta(hours=9)
        self.mirror.add([{**small.PLAIN_VISIT, "session_id": session, "accessed_at": at, **columns}])

    def enter(self, day: date, client: UUID = small.CLIENT) -> None:
        at = datetime.combine(day, datetime.min.time(), SEOUL) + timedelta(hours=9)
        row = {"campaign_id": small.CAMPAIGN, "client_id": client, "cid": None, "created_at": at}
        self.mirror.add((), [{**row, "marketing_campaign_link_id": None, **dict.fromkeys(KEYS["utm"][1:])}])

    def compute(self, *days: date) -> None:
        self.database.replace(*(days or MONTH.days))
        self.database.merge_pending()

    def record(self) -> int:
        return record_adjustments(self.database.pipeline, self.database.settings).entries


@pytest.fixture(scope="module")
def shared(databases: Databases, _template: str) -> Iterator[Book]:
    """One month, computed once, for tests that go on from wherever it stands."""
    name = databases.create(_template)
    book = Book(Database(settings_for(databases.url(name))))
    book.compute()
    yield book
    book.mirror.close()
    book.database.close()
    databases.drop(name)


@pytest.fixture
def book(shared: Book) -> Book:
    """A month without any fact and closing, its days computed."""
    shared.database.execute("truncate stats.closing, stats.closing_figure, stats.closing_day, stats.closing_comparison")
    world = shared.mirror.world
    for rule in list(world.folds):
        shared.mirror.fold(rule)
    for campaign in list(world.excluded):
        shared.mirror.exclude(campaign)
    world.visits.clear()
    world.entries.clear()
    shared.database.execute("truncate event_access_logs, event_survey_entries")
    for rows, change in (
        (small.LINK_ROWS, shared.mirror.set_link),
        (small.CAMPAIGN_ROWS, shared.mirror.set_campaign),
        (small.WEBINAR_ROWS, shared.mirror.set_webinar),
    ):
        for id in rows:
            change(id, 0)
    shared.compute(*TOUCHED)
    return shared


_NTH = st.integers(0, 30)
_CHANGES = st.one_of(
    st.tuples(st.just("add"), st.lists(small.visits(AT), max_size=8), st.lists(small.entries(AT), max_size=3)),
    st.tuples(st.just("delete"), _NTH),
    st.tuples(st.just("edit"), _NTH, small.visits(AT)),
    st.tuples(st.just("set_link"), st.sampled_from(list(small.LINK_ROWS)), _NTH),
    st.tuples(st.just("set_campaign"), st.sampled_from(list(small.CAMPAIGN_ROWS)), _NTH),
    st.tuples(st.just("exclude"), st.sampled_from([small.CAMPAIGN, small.FOREIGN])),
    st.tuples(st.just("fold"), st.sampled_from(small.FOLDS)),
)


def test_closed_and_all_adjustments_are_an_independent_count_whatever_happens(book: Book) -> None:
    """Edits, deletions, late facts, dimension rows, exclusions, folds; now and then the month is closed anew."""
    histories = Counter[str]()

    @limits(
        max_examples=8,
        derandomize=True,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(history=st.lists(_CHANGES, min_size=1, max_size=5), anew=st.integers(0, 5))
    def histories_go_on(history: list[tuple[Any, ...]], anew: int) -> None:
        for name, *arguments in history:
            getattr(book.mirror, name)(*arguments)
        book.compute(*TOUCHED)
        histories["adjusted"] += book.record()
        assert closed_and_adjusted(book.database) == counted(book.mirror)
        assert book.record() == 0, "once is enough"
        if anew == 0:
            reopen(book.database.pipeline, book.database.settings, MONTH, str(small.CLIENT), "bob", "anew")
            close_all(book.database)
            histories["closed"] += 1
            assert closed_and_adjusted(book.database) == counted(book.mirror)

    close_all(book.database)
    histories_go_on()
    assert histories["adjusted"] > 1
    assert check_chain(book.database.pipeline)[1] == []


def hashes_recomputed(database: Database) -> list[str]:
    """Every hash of the chain, by docs/closing.md alone: in Python, from the rows as a driver gives them."""

    def spelled(value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    def line(*fields: Any) -> str:
        return "\t".join(map(spelled, fields))

    found, before = [], "0" * 64
    for e in database.rows("select * from stats.closing order by entry_no"):
        figures = database.rows("select * from stats.closing_figure where entry_no = :n", n=e["entry_no"])
        days = database.rows("select * from stats.closing_day where entry_no = :n", n=e["entry_no"])
        lines = [
            before,
            line("entry", e["entry_no"], e["kind"], e["client_id"], e["month"], e["last_day"], e["version"],
                 e["time_zone"], e["definition_version"], e["as_of"], e["complete"], e["reason"], e["author"],
                 e["recorded_at"]),
            *(line("exception", text) for text in e["exceptions"]),
            *(line("quality", text) for text in e["quality"]),
            *sorted(
                line("figure", f["grain"], f["entity_type"], f["entity_id"], f["link_id"], f["link_status"],
                     f["hits"], f["visits"], f["sessionless_hits"], f["conversions"])
                for f in figures
            ),
            *sorted(
                line("day", d["bucket_date"], d["day_fingerprint"], d["client_fingerprint"], " ".join(d["causes"]))
                for d in days
            ),
        ]  # fmt: skip
        before = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        found.append(before)
    return found


def _everything(book: Book) -> None:
    """A chain of every kind of entry: closed, adjusted, reopened, closed again."""
    book.visit(DAYS[0], "s1")
    book.visit(DAYS[1], "s1", marketing_campaign_link_id=small.LINK)
    book.enter(DAYS[1])
    book.compute(*DAYS)
    close_all(book.database)
    book.visit(DAYS[1], "s2")
    book.compute(DAYS[1])
    book.record()
    reopen(book.database.pipeline, book.database.settings, MONTH, str(small.CLIENT), "bob", "an  error\nof\tours")
    close_all(book.database)


def test_the_statement_stands_and_the_difference_is_an_adjustment(book: Book) -> None:
    book.visit(DAYS[0], "s1")
    book.visit(DAYS[1], "s1")
    book.visit(DAYS[1], "s2")
    book.enter(DAYS[1])
    book.compute(*DAYS)
    close_all(book.database)
    frozen = closed_and_adjusted(book.database)
    assert frozen == counted(book.mirror)
    with psycopg.connect(book.database.url) as owner:
        for name in ("get_client_overview", "get_marketing_summary", "get_link_stats"):
            for last, closed in (("2024-02-29", True), ("2024-03-01", False)):
                asked = (small.CLIENT, "2024-02-03", last)
                (answer,) = owner.execute(f"select {name}(%s, %s, %s)".encode(), asked).fetchone() or ({},)
                assert answer["closed"] is closed, (name, last)
    book.visit(DAYS[2], "s2")
    book.visit(DAYS[3], "s3")
    book.compute(DAYS[2], DAYS[3])
    assert closed_and_adjusted(book.database) == frozen, "nothing is adjusted behind anybody's back"
    assert book.record() == 1
    (row,) = adjustments(book.database.pipeline, MONTH, small.CLIENT)
    by_grain = {figure["grain"]: (figure["hits"], figure["visits"]) for figure in row["figures"]}
    assert by_grain == dict.fromkeys(("client", "campaign", "link"), (2, 1)), "s2 was there before"
    assert row["days"] == [{"date": str(day), "causes": ["facts_added"]} for day in DAYS[2:]]
    assert adjustments(book.database.pipeline, MONTH, small.OTHER) == []
    book.mirror.delete(3)
    book.compute(*DAYS)
    assert book.record() == 1
    assert closed_and_adjusted(book.database) == counted(book.mirror)


def test_hashes_are_those_the_page_says(book: Book) -> None:
    _everything(book)
    chain = book.database.rows("select kind, version, hash from stats.closing order by entry_no")
    kinds = [(row["kind"], row["version"]) for row in chain]
    assert kinds == [("closed", 1), ("closed", 1), ("adjusted", 1), ("reopened", 1), ("closed", 2)]
    assert [row["hash"] for row in chain] == hashes_recomputed(book.database)
    assert check_chain(book.database.pipeline) == (Head(5, chain[-1]["hash"]), [])


#: What the owner does, and the entries that are then known to be tampered with.
_TAMPERING = [
    ("update stats.closing_figure set visits = visits + 1 where entry_no = 1 and grain = 'link'", [1]),
    ("delete from stats.closing_figure where entry_no = 3 and grain = 'campaign'", [3]),
    ("insert into stats.closing_day (entry_no, client_id, bucket_date) select 3, client_id, '2024-02-29' "
     "from stats.closing where entry_no = 3", [3]),
    ("update stats.closing set author = 'zoe' where entry_no = 4", [4]),
    ("delete from stats.closing where entry_no = 4", [5]),
    ("update stats.closing set hash = repeat('a', 64) where entry_no = 2", [2, 3]),
    ("delete from stats.closing_day where entry_no = 5; delete from stats.closing_figure where entry_no = 5; "
     "delete from stats.closing where entry_no = 5", [5]),
]  # fmt: skip
_TABLES = ("closing", "closing_figure", "closing_day")


def test_what_the_owner_changes_is_found(book: Book) -> None:
    _everything(book)
    seen, _ = check_chain(book.database.pipeline)
    with psycopg.connect(book.database.url, autocommit=True) as owner:
        for table in _TABLES:
            owner.execute(f"create temporary table was_{table} as table stats.{table}".encode())
        for tampering, found in _TAMPERING:
            owner.execute(tampering.encode())
            tampered = check_chain(book.database.pipeline, [seen])[1]
            assert [entry.entry_no for entry in tampered] == found, tampering
            with owner.transaction():
                owner.execute("truncate stats.closing, stats.closing_figure, stats.closing_day")
                for table in _TABLES:
                    owner.execute(f"insert into stats.{table} select * from was_{table}".encode())
            assert check_chain(book.database.pipeline, [seen])[1] == []


def test_nobody_but_the_owner_changes_or_deletes(shared: Book) -> None:
    with psycopg.connect(shared.database.url, autocommit=True) as connection:
        connection.execute("set role eventflow_pipeline")
        for table in _TABLES:
            for verb in ("update stats.{} set entry_no = 1", "delete from stats.{}", "truncate stats.{}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(verb.format(table).encode())


def test_what_keeps_a_month_open(book: Book) -> None:
    d = book.database
    month = Month(date(2024, 3, 1))
    (first, _) = examine(d.pipeline, d.settings, month)
    assert first.exceptions == ("missing: 2024-03-01..2024-03-31",)
    assert [c.exceptions for c in examine(d.pipeline, d.settings, MONTH)] == [(), ()]
    book.visit(DAYS[1], "s1")
    (stale, other) = examine(d.pipeline, d.settings, MONTH)
    assert (stale.exceptions, other.exceptions) == (("stale: 2024-02-14",), ()), "detected before it is asked"
    with pytest.raises(psycopg.errors.CheckViolation), _raising():
        close(d.pipeline, d.settings, MONTH, [stale], "ann", None)
    (entry,) = (c.entry_no for c in close(d.pipeline, d.settings, MONTH, [stale], "ann", "billing waits"))
    assert d.rows("select reason, exceptions, complete from stats.closing where entry_no = :n", n=entry) == [
        {"reason": "billing waits", "exceptions": ["stale: 2024-02-14"], "complete": False}
    ]
    assert record_adjustments(d.pipeline, d.settings).waiting == (MONTH,), "its day waits to be computed"
    book.compute(DAYS[1])
    assert book.record() == 1
    d.execute("update stats.bucket_daily set hits = hits + 1 where grain = 'campaign' and bucket_date = '2024-02-14'")
    reopen(d.pipeline, d.settings, MONTH, str(small.CLIENT), "bob", "r")
    (wrong,) = examine(d.pipeline, d.settings, MONTH, [str(small.CLIENT)])
    assert wrong.exceptions == ("parity fails: 2024-02-14", "the month's own answer is wrong: 2024-02-29")
    book.compute(DAYS[1])


def test_failed_checks_of_quality_are_listed_and_a_held_day_keeps_a_month_open(book: Book) -> None:
    d = book.database
    for n in range(30):
        book.visit(DAYS[1], f"s{n}")
    book.compute(DAYS[1])
    measure(d.pipeline, d.settings, DayRange(DAYS[1], DAYS[1]))
    (found, other) = examine(d.pipeline, d.settings, MONTH)
    assert (found.exceptions, other.quality) == ((), ())
    assert "utm_fill (error) on 2024-02-14" in found.quality
    close(d.pipeline, d.settings, MONTH, [found], "ann", None)
    assert d.rows("select quality from stats.closing") == [{"quality": list(found.quality)}]
    for _ in range(20):
        book.mirror.delete(0)
    reopen(d.pipeline, d.settings, MONTH, str(small.CLIENT), "bob", "r")
    (held, other) = examine(d.pipeline, d.settings, MONTH)
    assert (held.exceptions, other.exceptions) == (("held: 2024-02-14",), ())
    assert held.hits == 30, "as published"


class _raising:
    """The driver's error in place of SQLAlchemy's around it."""

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, problem: BaseException | None, _trace: object) -> None:
        if problem is not None:
            raise getattr(problem, "orig", problem)


def test_what_cannot_be_closed_is_one_sentence_and_nothing_is_written(book: Book) -> None:
    d = book.database
    running = Month(datetime.now(SEOUL).date().replace(day=1))
    with pytest.raises(UserError, match="cannot be closed before"):
        examine(d.pipeline, d.settings, running)
    with pytest.raises(UserError, match=r"begins before the first partition 2024-01-01"):
        examine(d.pipeline, d.settings, Month(date(2023, 12, 1)))
    graceful = d.settings.changed(closing={"grace_days": 365 * 9})
    with pytest.raises(UserError, match="EVENTFLOW_CLOSING_GRACE_DAYS"):
        examine(d.pipeline, graceful, MONTH)
    with pytest.raises(UserError, match="unknown client is nobody to settle with"):
        examine(d.pipeline, d.settings, MONTH, ["unknown"])
    with pytest.raises(UserError, match="is not closed for"):
        reopen(d.pipeline, d.settings, MONTH, str(small.CLIENT), "bob", "r")
    found = examine(d.pipeline, d.settings, MONTH)
    book.visit(DAYS[0], "s1")
    book.compute(DAYS[0])
    with pytest.raises(UserError, match="changed meanwhile"):
        close(d.pipeline, d.settings, MONTH, found, "ann", None)
    assert d.rows("select from stats.closing") == d.rows("select from stats.closing_figure") == []
    close_all(d, None, str(small.CLIENT))
    with pytest.raises(UserError, match="closed already for client"):
        examine(d.pipeline, d.settings, MONTH, [str(small.CLIENT)])
    (other,) = examine(d.pipeline, d.settings, MONTH)
    assert other.client_id == small.OTHER, "without a name: those it is still open for"
    close_all(d)
    with pytest.raises(UserError, match="closed already"):
        examine(d.pipeline, d.settings, MONTH)
    with pytest.raises(UserError, match="closed already"):
        close(d.pipeline, d.settings, MONTH, [other], "ann", None)
    assert len(d.rows("select from stats.closing")) == 2


def test_two_at_once_close_once(book: Book) -> None:
    d = book.database
    found = examine(d.pipeline, d.settings, MONTH)
    with connect(d.pipeline) as other, closing_lock(other):
        impatient = d.settings.changed(database={"lock_timeout_seconds": 1})
        database = Database(impatient)
        with pytest.raises(UserError, match="Another worker has held the chain of closed months"):
            close(database.pipeline, impatient, MONTH, found, "ann", None)
        database.close()
    assert d.rows("select from stats.closing") == []


def test_closings_stand_whatever_is_done_to_what_is_computed(database: Database) -> None:
    """A rebuild, in another zone, and the way back to nothing: the ledger's history is kept, and so is this."""
    book = Book(database)
    book.visit(DAYS[0], "s1", accessed_at=datetime(2024, 1, 31, 20, tzinfo=ZoneInfo("UTC")))
    book.compute()
    close_all(database)
    before = database.rows("select * from stats.closing"), database.rows("select * from stats.closing_figure")
    days = database.rows("select * from stats.closing_day")
    migrate_back(database.owner, "base")
    migrate(database.owner, database.settings)
    assert (database.rows("select * from stats.closing"), database.rows("select * from stats.closing_figure")) == before
    assert database.rows("select * from stats.closing_day") == days
    zone = database.settings.changed(timezone="UTC")
    rebuild(database.owner, zone)
    database.settings = zone
    assert record_adjustments(database.pipeline, zone).waiting == (MONTH,)
    book.compute()
    assert book.record() == 1, "in UTC the visit was in January"
    assert closed_and_adjusted(database) == {}
    assert check_chain(database.pipeline)[1] == []
    book.mirror.close()
