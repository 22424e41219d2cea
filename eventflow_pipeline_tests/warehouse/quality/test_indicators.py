"""Indicators of data quality: each counted against a hand-made day, each judged at its threshold."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import ValidationError

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.domain.quality import Finding, Threshold
from eventflow_pipeline.oncall.conditions import silence, underived
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.settlement import settle_client
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.changes.due_days import underived_days
from eventflow_pipeline.warehouse.quality import indicators as quality
from eventflow_pipeline.warehouse.quality.day_checks import Checks, checkable, note_checked
from eventflow_pipeline.warehouse.quality.silence import quiet_streams
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.clients.schemas import as_promised
from eventflow_pipeline_tests.databases import Database

CLIENT, OTHER, C, D, TEST = UUID(int=1), UUID(int=2), UUID(int=0xC), UUID(int=0xD), UUID(int=0xE)
LINK = UUID(int=0x11)
DAY = date(2024, 3, 2)
ONLY = DayRange(DAY, DAY)
AT = datetime(2024, 3, 2, 3, tzinfo=UTC)
UTM = {"utm_source": "naver", "utm_medium": "cpc", "utm_campaign": "spring"}


@pytest.fixture
def dimensions(database: Database) -> Database:
    facts.clients(database, {CLIENT: [C, TEST], OTHER: [D]}, names={OTHER: "other"})
    facts.link(database, LINK, CLIENT, cid="AAAA1111", **UTM)
    return database


def _visits(database: Database, count: int, **more: Any) -> None:
    facts.visits(database, *[AT] * count, **{"session_id": "s{n}", "campaign_id": C, **more})


def _entries(database: Database, count: int, **more: Any) -> None:
    times = [AT + timedelta(seconds=n) for n in range(count)]
    facts.entries(database, *times, **{"session_id": "s{n}", "campaign_id": C, "client_id": CLIENT, **more})


def _measure(database: Database, days: DayRange = ONLY) -> dict[str, Any]:
    """Measure, and give the client's row of DAY."""
    quality.measure(database.pipeline, database.settings, days)
    rows = database.rows("select * from stats.quality_daily where bucket_date = :d and client_id = :c", d=DAY, c=CLIENT)
    return rows[0] if rows else {}


def _findings(database: Database, days: DayRange = ONLY) -> dict[str, Finding]:
    """Findings of the client (or of everything) by check; the worst of each."""
    quality.measure(database.pipeline, database.settings, days)
    found = quality.findings(database.pipeline, database.settings, days)
    return {f.check: f for f in sorted(found, key=lambda f: f.severity is Severity.ERROR)}


def test_counts_of_a_hand_made_day(dimensions: Database) -> None:
    _visits(dimensions, 2, marketing_campaign_link_id=LINK)  # UTM from the link only
    _visits(dimensions, 3, cid="nonsense", **UTM)  # unresolved, malformed
    _visits(dimensions, 1, session_id=" ")
    _entries(dimensions, 2)
    _entries(dimensions, 1, session_id="elsewhere", registration_data=json.dumps({"cid": "aaaa1111"}))
    _entries(dimensions, 1, client_id=OTHER)  # another client than its campaign's
    dimensions.insert("event_access_logs", [{"accessed_at": AT, "session_id": "x", "campaign_id": uuid4()}])
    dimensions.execute("insert into stats.exclusion values (:c, 'test', 'me')", c=TEST)
    _visits(dimensions, 4, campaign_id=TEST)
    dimensions.insert("event_access_logs", [{"accessed_at": "2023-01-01", "session_id": "x", "campaign_id": C}])
    row = _measure(dimensions)
    expected = {
        "hits": 6, "visits": 3, "entries": 3, "sessionless_hits": 1, "sessionless_entries": 0,
        "captured_utm_hits": 3, "utm_hits": 5, "captured_utm_entries": 0, "utm_entries": 1,
        "resolved_link_hits": 2, "unresolved_link_hits": 3, "unknown_link_hits": 1,
        "resolved_link_entries": 1, "unknown_link_entries": 2,
        "supplied_cid_hits": 3, "malformed_cid_hits": 0, "supplied_cid_entries": 1, "malformed_cid_entries": 0,
        "linked_entries": 2, "foreign_entries": 0, "excluded_hits": 4,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    (platform,) = dimensions.rows("select * from stats.quality_daily where scope = 'platform'")
    assert (platform["hits"], platform["unknown_client_hits"], platform["foreign_entries"]) == (7, 1, 1)
    assert (platform["out_of_range_hits"], platform["out_of_range_entries"]) == (1, 0)
    # Measuring again changes nothing; rows of clients without facts go.
    dimensions.execute("delete from event_survey_entries where client_id = :o", o=OTHER)
    _measure(dimensions)
    assert dimensions.rows("select from stats.quality_daily where client_id = :o", o=OTHER) == []


def test_linkage_looks_back_thirty_days_and_ahead_five_minutes_in_the_same_client(dimensions: Database) -> None:
    """Q2, each edge on both sides of it."""
    entry = AT + timedelta(hours=1)
    rows = {
        "earlier": {"accessed_at": entry - timedelta(days=30), "campaign_id": C},
        "too early": {"accessed_at": entry - timedelta(days=30, microseconds=1), "campaign_id": C},
        "after": {"accessed_at": entry + timedelta(minutes=5), "campaign_id": C},
        "too late": {"accessed_at": entry + timedelta(minutes=5, microseconds=1), "campaign_id": C},
        "other client": {"accessed_at": entry, "campaign_id": D},
    }
    dimensions.insert("event_access_logs", [{"session_id": name, **row} for name, row in rows.items()])
    ids = {name: uuid4() for name in (*rows, "named")}
    dimensions.insert(
        "event_survey_entries",
        [
            {
                "id": i,
                "created_at": entry,
                "session_id": name,
                "campaign_id": C,
                "client_id": CLIENT,
                "phone_norm": name,
            }
            for name, i in ids.items()
        ],
    )
    dimensions.insert(
        "event_access_logs",
        [{"session_id": "another", "accessed_at": AT, "campaign_id": C, "entry_id": ids["named"]}],
    )
    assert _measure(dimensions)["linked_entries"] == 3


def test_linkage_is_what_comparing_each_entry_with_each_visit_gives(dimensions: Database) -> None:
    """Sessions of many entries and visits, on and around every edge, excluded ones and those of nobody among them."""
    edges = [timedelta(days=-30), timedelta(minutes=5), timedelta()]
    moments = [AT + timedelta(hours=hour) for hour in range(4)]
    near = [timedelta(microseconds=n) for n in (-1, 0, 1)]
    campaigns = (C, C, D, TEST, UUID(int=0xF))
    dimensions.insert(
        "event_survey_entries",
        [
            {"created_at": moment, "session_id": f"s{n % 13}" if n % 5 else None, "campaign_id": campaigns[n % 5],
             "client_id": (CLIENT, OTHER)[n % 7 % 2], "phone_norm": f"{n}"}
            for n, moment in enumerate(moments * 30)
        ],
    )  # fmt: skip
    dimensions.insert(
        "event_access_logs",
        [
            {"accessed_at": moment + edge + by, "session_id": f"s{n % 17}", "campaign_id": campaigns[n % 5]}
            for n, (moment, edge, by) in enumerate(itertools.product(moments, edges, near))
        ],
    )  # fmt: skip
    dimensions.execute("insert into stats.exclusion values (:c, 'test', 'me')", c=TEST)
    dimensions.execute(
        "update event_access_logs set entry_id = (select id from event_survey_entries where phone_norm = '35') "
        "where session_id = 's3'"
    )
    _measure(dimensions)
    each_with_each = dimensions.rows(
        """
        select e.client_id, count(*)::int as linked_entries from stats.entry_facts e
        where e.campaign_id is distinct from :excluded and (
            exists (select from stats.visit_facts v where v.entry_id = e.id)
            or exists (
                select from stats.visit_facts v join stats.campaigns c on c.id = v.campaign_id
                where v.session_id = e.session_id and c.client_id = e.client_id and v.campaign_id <> :excluded
                  and v.accessed_at between e.created_at - interval '30 days' and e.created_at + interval '5 minutes'
            )
        )
        group by rollup (e.client_id) order by 1
        """,
        excluded=TEST,
    )
    measured = dimensions.rows(
        "select client_id, linked_entries::int from stats.quality_daily "
        "where client_id is not null or scope = 'platform' order by 1"
    )
    assert measured == each_with_each
    assert 0 < each_with_each[-1]["linked_entries"] < 100


def test_linkage_is_measured_again_when_another_day_or_a_mark_changes(dimensions: Database) -> None:
    earlier = DAY - timedelta(days=10)
    _entries(dimensions, 3)
    dimensions.replace(earlier, DAY)
    assert _measure(dimensions)["linked_entries"] == 0
    before = dimensions.rows("select linkage_input from stats.quality_daily where scope = 'platform'")
    _measure(dimensions)
    assert dimensions.rows("select linkage_input from stats.quality_daily where scope = 'platform'") == before
    _visits(dimensions, 2, accessed_at=AT - timedelta(days=10))
    dimensions.replace(earlier)
    assert _measure(dimensions)["linked_entries"] == 2
    # The mark on a hit is no part of its day's fingerprint.
    dimensions.execute(
        "insert into event_access_logs (session_id, campaign_id, accessed_at, entry_id) "
        "select 'unrelated', :c, '2024-02-01', id from event_survey_entries where session_id = 's2'",
        c=C,
    )
    assert _measure(dimensions)["linked_entries"] == 3


def _linkage_is_stale(database: Database, day: date) -> bool:
    """As readers and automation are told, who are to be told the same."""
    with psycopg.connect(database.url) as connection:
        asked = connection.execute("select public.get_data_quality(%s, %s, %s)", [CLIENT, day, day])
        ((answer,),) = asked.fetchall()
    as_promised("public.get_data_quality", answer)
    stale = answer["days"][0]["stale"]
    assert answer["complete"] is not stale
    assert (day in {due.day for due in underived_days(database.pipeline)}) is stale
    return bool(stale)


def test_linkage_of_other_days_as_they_were_is_stale_until_it_is_measured_again(dimensions: Database) -> None:
    earlier, engine, settings = DAY - timedelta(days=10), dimensions.pipeline, dimensions.settings
    _entries(dimensions, 3)
    around = DayRange(earlier, DAY + timedelta(days=1))
    dimensions.replace(*around)
    dimensions.merge_pending()
    _measure(dimensions, around)
    for kind in Checks:
        note_checked(engine, checkable(engine, list(around), kind), kind)
    assert not _linkage_is_stale(dimensions, DAY)
    _visits(dimensions, 2, accessed_at=AT - timedelta(days=10))
    dimensions.replace(earlier)  # and its run is killed
    assert _linkage_is_stale(dimensions, DAY)
    assert settle_client(engine, str(CLIENT), DayRange(DAY, DAY)).days[0]["linkage"] is None
    dimensions.merge_pending()
    assert _measure(dimensions, DayRange(earlier, earlier))["linked_entries"] == 2, "of the days around as well"
    assert not _linkage_is_stale(dimensions, DAY)
    dimensions.execute(
        "insert into event_access_logs (session_id, campaign_id, accessed_at, entry_id) "
        "select 'unrelated', :c, '2024-01-01', id from event_survey_entries where session_id = 's2'",
        c=C,
    )
    detect_changes(engine, settings, Scope.NAMED, [DAY])
    assert not _linkage_is_stale(dimensions, DAY), "measured a moment ago: whoever does so goes on"
    dimensions.execute("update stats.quality_daily set measured_at = measured_at - interval '11 minutes'")
    detect_changes(engine, settings, Scope.NAMED, [DAY])
    assert _linkage_is_stale(dimensions, DAY)
    assert _measure(dimensions)["linked_entries"] == 3
    detect_changes(engine, settings, Scope.NAMED, [DAY])
    assert not _linkage_is_stale(dimensions, DAY)


def test_linkage_that_moves_twice_is_asked_for_twice(dimensions: Database) -> None:
    """Each time by a run of its own, whose key has the time; and nobody is told before it had time to be measured."""
    earlier, engine, settings = DAY - timedelta(days=10), dimensions.pipeline, dimensions.settings
    around = DayRange(earlier, DAY + timedelta(days=1))

    def measured() -> None:
        dimensions.merge_pending()
        _measure(dimensions, around)
        for kind in Checks:
            note_checked(engine, checkable(engine, list(around), kind), kind)
        dimensions.execute("update stats.quality_daily set measured_at = measured_at - interval '1 hour'")
        assert underived_days(engine) == []

    def moved(*, waits: bool) -> datetime:
        (since,) = [due.since for due in underived_days(engine) if due.day == DAY]
        # One day of many after the other is computed: not for each of them.
        assert (DAY in {due.day for due in underived_days(engine, timedelta(hours=2))}) is not waits
        assert DAY in {due.day for due in underived_days(engine, timedelta(minutes=30))}
        assert underived.conditions(engine, settings, datetime.now(UTC) + timedelta(minutes=9)) == []
        assert underived.conditions(engine, settings, datetime.now(UTC) + timedelta(minutes=11)) != []
        return since

    def mark(session: str) -> None:
        dimensions.execute(
            "insert into event_access_logs (session_id, campaign_id, accessed_at, entry_id) "
            "select 'unrelated', :c, '2024-01-01', id from event_survey_entries where session_id = :session",
            c=C, session=session,
        )  # fmt: skip
        detect_changes(engine, settings, Scope.NAMED, [DAY])

    _entries(dimensions, 3)
    dimensions.replace(*around)
    dimensions.execute("update stats.partition_state set computed_at = computed_at - interval '3 days'")
    measured()
    asked = []
    for session in ("s1", "s2"):
        mark(session)
        asked.append(moved(waits=False))
        measured()
    for _ in range(2):
        _visits(dimensions, 1, accessed_at=AT - timedelta(days=10))
        dimensions.replace(earlier)
        dimensions.merge_pending()
        note = [note_checked(engine, checkable(engine, [earlier], kind), kind) for kind in Checks]
        assert len(note) == len(Checks)
        asked.append(moved(waits=True))
        measured()
    assert asked == sorted({*asked}), "each later than the one before"


FAILING: dict[str, tuple[dict[str, Any], dict[str, Any], Severity]] = {
    # check: what 40 visits and 40 entries have in common, and how bad that is
    "unknown_link": ({**UTM}, {**UTM, "marketing_campaign_link_id": LINK}, Severity.WARN),
    "unresolved_link": (
        {**UTM, "marketing_campaign_link_id": UUID(int=0x99)},
        {**UTM, "marketing_campaign_link_id": LINK},
        Severity.ERROR,
    ),
    "unknown_utm": ({}, {}, Severity.ERROR),
    "utm_fill": ({"marketing_campaign_link_id": LINK}, {**UTM, "marketing_campaign_link_id": LINK}, Severity.ERROR),
    "sessionless": ({**UTM, "session_id": " ", "marketing_campaign_link_id": LINK}, {**UTM}, Severity.WARN),
    "linkage": (
        {**UTM, "marketing_campaign_link_id": LINK},
        {**UTM, "marketing_campaign_link_id": LINK, "session_id": "elsewhere"},
        Severity.ERROR,
    ),
    "cid_hygiene": ({**UTM, "cid": "too long a cid"}, {**UTM}, Severity.WARN),
    "tenant_consistency": ({**UTM}, {**UTM, "client_id": OTHER}, Severity.ERROR),
}


@pytest.mark.parametrize("check", FAILING)
@pytest.mark.parametrize("span", [ONLY, DayRange(DAY - timedelta(days=1), DAY + timedelta(days=1))])
def test_each_rate_fails_for_its_own_reason(dimensions: Database, check: str, span: DayRange) -> None:
    visits, entries, severity = FAILING[check]
    _visits(dimensions, 40, **visits)
    _entries(dimensions, 40, **entries)
    found = _findings(dimensions, span)
    assert found[check].severity is severity
    assert found[check].day == DAY


def test_good_facts_pass_every_check(dimensions: Database) -> None:
    _visits(dimensions, 60, marketing_campaign_link_id=LINK, cid="aaaa1111", **UTM)
    _entries(dimensions, 40, marketing_campaign_link_id=LINK, **UTM)
    dimensions.replace(DAY)
    assert _findings(dimensions) == {}


def test_rates_are_not_judged_below_the_minimum_volume(dimensions: Database) -> None:
    _visits(dimensions, 29, session_id=" ")
    assert _findings(dimensions) == {}
    _visits(dimensions, 1, session_id=" ")
    assert set(_findings(dimensions)) == {"sessionless", "utm_fill", "unknown_utm", "unknown_link"}


def test_unknown_clients_and_entities_are_never_too_few_to_be_told(dimensions: Database) -> None:
    _visits(dimensions, 1, campaign_id=uuid4())
    dimensions.execute("alter table event_access_logs drop constraint event_access_logs_target_check")
    _visits(dimensions, 1, campaign_id=None)
    found = _findings(dimensions)
    assert {check: (f.severity, f.value) for check, f in found.items()} == {
        "unknown_client": (Severity.ERROR, 2),
        "unknown_entity": (Severity.WARN, 1),
    }


@pytest.mark.parametrize(
    ("visits", "severity"), [(0, Severity.ERROR), (10, Severity.ERROR), (100, Severity.WARN), (300, None)]
)
def test_deficit_of_the_day(dimensions: Database, visits: int, severity: Severity | None) -> None:
    """Ten visits against 546 entries: the founding incident is an error (Q6)."""
    _visits(dimensions, visits, marketing_campaign_link_id=LINK, **UTM)
    _entries(dimensions, 546, marketing_campaign_link_id=LINK, **UTM)
    found = _findings(dimensions).get("deficit")
    assert (found.severity if found else None) is severity
    if found:
        assert f"{visits} visits against 546 entries" in found.what


def test_campaigns_that_convert_more_often_than_they_are_visited(dimensions: Database) -> None:
    _visits(dimensions, 30, marketing_campaign_link_id=LINK, **UTM)
    _entries(dimensions, 33, marketing_campaign_link_id=LINK, **UTM)
    dimensions.replace(DAY)
    found = _findings(dimensions)
    assert found["cvr"].severity is Severity.WARN
    assert found["cvr"].value == pytest.approx(1.1)


def _invented(database: Database, count: int, at: datetime = AT, field: str = "utm_campaign") -> None:
    """Hits each of which brings a value of its own."""
    values = {
        "utm_campaign": ("utm_campaign, campaign_id", "'[red]' || n || chr(27) || ' bot', :c"),
        "link_id": ("marketing_campaign_link_id, campaign_id", "cast(lpad(to_hex(n), 32, '0') as uuid), :c"),
        "entity_id": ("campaign_id", "coalesce(cast(lpad(to_hex(n + 4096), 32, '0') as uuid), :c)"),
    }
    columns, made = values[field]
    database.execute(
        f"insert into public.event_access_logs (id, session_id, accessed_at, {columns}) "
        f"select gen_random_uuid(), 's', :at, {made} from generate_series(101, 100 + :count) n",
        at=at, c=C, count=count,
    )  # fmt: skip


def _of_members(database: Database, **changed: Threshold) -> list[tuple[Severity, UUID | None, str, float]]:
    thresholds = {**database.settings.quality.thresholds, **changed}
    settings = database.settings.changed(quality={"thresholds": thresholds})
    quality.measure(database.pipeline, settings, ONLY)
    found = [f for f in quality.findings(database.pipeline, settings, ONLY) if f.check == "members"]
    return [(f.severity, f.client_id, f.what, f.limit) for f in found]


def test_members_that_somebody_invents_are_told_with_field_and_examples(dimensions: Database) -> None:
    few = {"members": Threshold(None, 40)}
    _visits(dimensions, 3, **UTM)
    _invented(dimensions, 41)
    _invented(dimensions, 42, field="link_id")
    _invented(dimensions, 43, field="entity_id")
    dimensions.replace(DAY)
    assert _of_members(dimensions) == [], "2,000 are allowed"
    found = _of_members(dimensions, **few)
    assert [(severity, client, limit) for severity, client, _, limit in found] == [
        (Severity.ERROR, CLIENT, 40), (Severity.ERROR, CLIENT, 40), (Severity.ERROR, None, 40)
    ]  # fmt: skip
    # Each field once, by the least grain that has it; text as text. (What looks personal the check's table redacts.)
    told = {what.partition(" by ")[2].partition(" such as ")[0]: what for _, _, what, _ in found}
    assert (
        "members of utm_campaign, 42 by utm_campaign such as '[red]101\N{REPLACEMENT CHARACTER}" in told["utm_campaign"]
    )
    assert "members of link, 42 by link_id such as '00000000-0000-0000-0000-000000000065', " in told["link_id"]
    assert told["entity_id"].startswith(
        "unknown client, 43 members of campaign, 43 by entity_id such as '00000000-0000-"
    )
    # A client may be that big; another one is not by that.
    dimensions.execute(
        "insert into stats.threshold_override (client_id, name, error, reason, author) "
        "values (:c, 'members', 50, 'big', 'ann')",
        c=CLIENT,
    )
    assert [client for _, client, _, _ in _of_members(dimensions, **few)] == [None]
    # Folded they are one.
    dimensions.execute(
        "insert into stats.fold_rule (rule_no, field, kind, reason, author) "
        "values (1, 'entity_id', 'all_except', 'r', 'a')"
    )
    dimensions.replace(DAY)
    assert _of_members(dimensions, **few) == []


def test_members_are_judged_against_what_is_usual_for_the_client(dimensions: Database) -> None:
    for back in range(1, 8):
        _invented(dimensions, 20, AT - timedelta(days=back))
    _invented(dimensions, 201)
    days = [DAY - timedelta(days=back) for back in range(8)]
    dimensions.replace(*days[:-1])
    assert _of_members(dimensions) == [], "a week of history is needed"
    dimensions.replace(days[-1])
    ((severity, client, what, limit),) = _of_members(dimensions)
    assert (severity, client, limit) == (Severity.WARN, CLIENT, 200)
    assert what.endswith(", usually 20")
    assert _of_members(dimensions, members_rise=Threshold(11)) == []


def test_clones_share_entries_to_the_microsecond(dimensions: Database) -> None:
    _visits(dimensions, 60, marketing_campaign_link_id=LINK, **UTM)
    _entries(dimensions, 40, marketing_campaign_link_id=LINK, **UTM)
    _entries(dimensions, 19, campaign_id=TEST, marketing_campaign_link_id=LINK, **UTM)
    assert "clones" not in _findings(dimensions)
    _entries(dimensions, 1, campaign_id=TEST, created_at=AT + timedelta(seconds=30))
    assert _findings(dimensions)["clones"].severity is Severity.WARN
    assert _measure(dimensions)["suspected_clones"] == [{"campaigns": [str(C), str(TEST)], "shared_entries": 20}]
    # Once excluded by rule they are no suspects any more.
    dimensions.execute("insert into stats.exclusion values (:c, 'clone', 'me')", c=TEST)
    assert "clones" not in _findings(dimensions)


def test_a_session_that_is_more_than_a_person_is_named(dimensions: Database) -> None:
    """A cookie that a cache hands to everybody, or a robot: by its hits, and by how many campaigns it is in."""
    _visits(dimensions, 60, marketing_campaign_link_id=LINK, **UTM)
    _visits(dimensions, 200, session_id="shared", marketing_campaign_link_id=LINK, **UTM)
    assert "crowded_session" not in _findings(dimensions), "a person may have as many"
    _visits(dimensions, 1, session_id="shared", marketing_campaign_link_id=LINK, **UTM)
    found = _findings(dimensions)["crowded_session"]
    (measured,) = _measure(dimensions)["busiest_sessions"]
    assert (found.severity, found.value, found.client_id) == (Severity.WARN, 201, CLIENT)
    assert found.what == f"hits of the session {measured['session']}"
    assert "shared" not in str(measured), "by a digest"
    for number in range(11):
        other = {"id": UUID(int=0xEE00 + number), "client_id": CLIENT, "title": "t"}
        dimensions.insert("event_survey_campaigns", [other])
        _visits(dimensions, 1, campaign_id=other["id"], session_id="everywhere")
    numbers = {found["measure"]: found["number"] for found in _measure(dimensions)["busiest_sessions"]}
    assert numbers == {"hits": 201, "entities": 11}


def test_unknown_links_are_judged_against_what_is_usual_for_the_client(dimensions: Database) -> None:
    for back in range(1, 9):
        at = AT - timedelta(days=back)
        _visits(dimensions, 36, accessed_at=at, marketing_campaign_link_id=LINK, **UTM)
        _visits(dimensions, 4, accessed_at=at, **UTM)
    _visits(dimensions, 31, marketing_campaign_link_id=LINK, **UTM)
    _visits(dimensions, 9, **UTM)
    found = _findings(dimensions, DayRange(DAY - timedelta(days=8), DAY))
    assert found["unknown_link"].severity is Severity.ERROR
    assert "usually 0.10" in found["unknown_link"].what
    assert found["unknown_link"].day == DAY


def test_a_client_may_have_thresholds_of_its_own(dimensions: Database) -> None:
    _visits(dimensions, 40, session_id=" ", marketing_campaign_link_id=LINK, **UTM)
    dimensions.execute(
        "insert into stats.threshold_override (client_id, name, warn, reason, author) "
        "values (:c, 'sessionless', 1.0, 'a kiosk', 'me')",
        c=CLIENT,
    )
    quality.measure(dimensions.pipeline, dimensions.settings, ONLY)
    found = quality.findings(dimensions.pipeline, dimensions.settings, ONLY)
    assert [f.client_id for f in found if f.check == "sessionless"] == [None], "only of all clients together"


def test_the_trailing_hour_is_judged_by_a_clients_own_share_of_visits(dimensions: Database) -> None:
    """Q6: 8 visits against 10 entries are enough for everybody, but not for a client that wants nine in ten."""
    _visits(dimensions, 8, marketing_campaign_link_id=LINK, **UTM)
    _entries(dimensions, 10, marketing_campaign_link_id=LINK, **UTM)

    def trailing() -> list[tuple[Severity, str]]:
        found = quality.findings(dimensions.pipeline, dimensions.settings, ONLY, AT + timedelta(minutes=30))
        return [(f.severity, f.what) for f in found if f.check == "deficit" and "minutes" in f.what]

    assert trailing() == []
    dimensions.execute(
        "insert into stats.threshold_override (client_id, name, warn, reason, author) "
        "values (:c, 'deficit', 0.9, 'many pages', 'me')",
        c=CLIENT,
    )
    assert trailing() == [(Severity.WARN, "8 visits against 10 entries in the last 60 minutes")]


def test_thresholds_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTFLOW_QUALITY_THRESHOLDS", '{"linkage": {"warn": 0.6}}')
    thresholds = Settings().quality.thresholds  # type: ignore[call-arg]
    assert (thresholds["linkage"].warn, thresholds["linkage"].error) == (0.6, 0.3)
    assert thresholds["sessionless"].warn == 0.05
    monkeypatch.setenv("EVENTFLOW_QUALITY_THRESHOLDS", '{"linkages": {}}')
    with pytest.raises(ValidationError, match="names the unknown threshold 'linkages'"):
        Settings()  # type: ignore[call-arg]


def _stream(database: Database, until: datetime, weeks: int, gap: timedelta) -> None:
    """Visits at a steady pace that end at ``until``, within half a day around the hour in each earlier week."""
    rows = []
    for week in range(weeks + 1):
        end = until - timedelta(weeks=week) + (timedelta(hours=13) if week else timedelta())
        at = until - timedelta(weeks=week) - timedelta(hours=13)
        while at <= end:
            rows.append({"accessed_at": at, "session_id": f"{at}", "campaign_id": C})
            at += gap
    database.insert("event_access_logs", rows)
    days = {(until - timedelta(weeks=week)).date() for week in (0, weeks)}
    database.replace(*days)


@pytest.mark.parametrize(
    ("quiet", "weeks", "excess"),
    [(timedelta(minutes=29), 5, 0.97), (timedelta(minutes=45), 5, 1.5), (timedelta(minutes=45), 3, None)],
)
def test_silence_is_judged_by_the_rhythm_of_the_hour(
    dimensions: Database, quiet: timedelta, weeks: int, excess: float | None
) -> None:
    """Gaps of 10 minutes: 3 times that is not more than the half hour that is never judged (Q7)."""
    _stream(dimensions, AT, weeks, timedelta(minutes=10))
    streams = {q.stream: q for q in quiet_streams(dimensions.pipeline, dimensions.settings, AT + quiet)}
    if excess is None:
        assert streams == {}, "not judged under four weeks of history"
        return
    assert streams["visits"].excess == pytest.approx(excess, abs=0.01)
    told = silence.conditions(dimensions.pipeline, dimensions.settings, AT + quiet)
    assert [(c.name, c.severity) for c in told] == ([("silence", Severity.WARN)] if excess > 1 else [])


def test_a_slow_stream_may_be_quiet_for_longer(dimensions: Database) -> None:
    _stream(dimensions, AT, 5, timedelta(minutes=60))
    assert silence.conditions(dimensions.pipeline, dimensions.settings, AT + timedelta(minutes=170)) == []
    (told,) = silence.conditions(dimensions.pipeline, dimensions.settings, AT + timedelta(minutes=190))
    assert (told.since, told.severity) == (AT, Severity.WARN)


def test_capture_surfaces_have_a_silence_each(dimensions: Database) -> None:
    """Where capture keeps the page or route of a fact; the table is its own."""
    _stream(dimensions, AT, 5, timedelta(minutes=10))
    dimensions.execute("create table if not exists stats.fact_surface (fact text, fact_id uuid, surface text)")
    dimensions.execute("grant select on stats.fact_surface to eventflow_pipeline")
    dimensions.execute(
        "insert into stats.fact_surface (fact, fact_id, surface) select 'visit', id, '/landing' from event_access_logs "
        "where accessed_at < :now",
        now=AT - timedelta(hours=1),
    )
    streams = {q.stream: q for q in quiet_streams(dimensions.pipeline, dimensions.settings, AT + timedelta(minutes=5))}
    assert streams["visits"].excess < 1
    assert streams["surface /landing"].excess > 2


def _ask(database: Database, client: UUID | None, claims: dict[str, Any] | None) -> Any:
    with psycopg.connect(database.url, autocommit=True) as connection:
        if claims is not None:
            connection.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps(claims)])
            connection.execute("set role authenticated")
        row = connection.execute(
            "select public.get_data_quality(%s, %s, %s)", [client, DAY, DAY + timedelta(days=1)]
        ).fetchone()
        assert row
        return as_promised("public.get_data_quality", row[0])


def test_reading_indicators_follows_tenancy(dimensions: Database) -> None:
    _visits(dimensions, 40, **UTM)
    _entries(dimensions, 10, **UTM)
    days = DayRange(DAY, DAY + timedelta(days=1))
    dimensions.replace(*days)
    quality.measure(dimensions.pipeline, dimensions.settings, days)
    member = {"sub": str(uuid4())}
    dimensions.execute(
        "insert into client_members (client_id, user_id, role) values (:c, :u, 'member')", c=CLIENT, u=member["sub"]
    )
    answer = _ask(dimensions, CLIENT, member)
    first, second = answer["days"]
    assert (first["date"], first["visits"], first["linkage"]) == ("2024-03-02", 40, 1)
    assert first["utm_fill"]["captured_hits"] == 1
    assert first["link_status"]["unknown_hits"] == 1
    assert first["malformed_cid"]["hits"] is None, "no rate without a denominator"
    assert second["visits"] is None
    assert answer["complete"] is True, "a day without the client's facts is measured all the same"
    for client in (OTHER, None):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _ask(dimensions, client, member)
    assert _ask(dimensions, None, None)["days"][0]["hits"] == 40
