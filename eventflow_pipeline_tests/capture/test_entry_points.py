"""capture_visit and capture_entry in the database: nothing raises, nothing is lost, nothing is counted twice."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from eventflow_pipeline.capture.facts import why_never
from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.oncall.conditions import dead_letters, letters_full
from eventflow_pipeline.warehouse.capture.dead_letters import link_entries, replay_dead_letters, work_waiting
from eventflow_pipeline.warehouse.schema.migrations import create_source, migrate, migrate_back
from eventflow_pipeline_tests.databases import Database

C, K = str(uuid.UUID(int=0xC1)), str(uuid.UUID(int=0xA1))
#: What production has and development has not.
PRODUCTION = """
    alter table event_access_logs
        add foreign key (campaign_id) references event_survey_campaigns on delete cascade,
        add foreign key (webinar_id) references webinars on delete cascade,
        add foreign key (marketing_campaign_link_id) references campaign_link_meta on delete set null;
    alter table event_survey_entries add foreign key (campaign_id) references event_survey_campaigns on delete cascade;
"""


class Server:
    """The application's server, which calls as service_role, one transaction a call."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection = psycopg.connect(database.url, autocommit=True)
        self.connection.execute("set role service_role")

    def call(self, function: str, event: Any) -> dict[str, Any]:
        row = self.connection.execute(f"select public.{function}(%s)".encode(), [Jsonb(event)]).fetchone()
        assert row
        answer: dict[str, Any] = row[0]
        assert isinstance(answer["accepted"], bool)
        return answer

    def visit(self, **event: Any) -> dict[str, Any]:
        return self.call("capture_visit", event)

    def entry(self, **event: Any) -> dict[str, Any]:
        return self.call("capture_entry", event)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.url) as owner:
            return owner.execute(query.encode(), parameters).fetchall()

    def one(self, query: str, *parameters: Any) -> Any:
        return self.rows(query, *parameters)[0][0]


@pytest.fixture(params=["development", "production"])
def server(database: Database, request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "production":
        database.execute(PRODUCTION)
    made = Server(database)
    yield made
    made.connection.close()


@pytest.fixture
def production(database: Database) -> Iterator[Server]:
    database.execute(PRODUCTION)
    made = Server(database)
    yield made
    made.connection.close()


def _campaign(server: Server) -> None:
    server.database.execute(
        "insert into event_survey_campaigns (id, client_id, title) values (:c, :k, 't') on conflict do nothing",
        c=C,
        k=K,
    )


def test_a_visit_is_stored_once(server: Server) -> None:
    _campaign(server)
    event = {"event_id": str(uuid.uuid4()), "campaign_id": C, "session_id": " s1 ", "utm_source": " Naver", "cid": "ab"}
    assert server.visit(**event)["status"] == "stored"
    assert server.visit(**event) == {
        "accepted": True, "status": "duplicate", "duplicate_of": "event",
        "event_id": event["event_id"], "fact_id": event["event_id"],
    }  # fmt: skip
    columns = "id::text, session_id, utm_source, cid, campaign_id::text"
    assert server.rows(f"select {columns} from event_access_logs") == [(event["event_id"], "s1", "naver", "AB", C)]


def test_an_event_id_that_is_no_uuid_is_idempotent_too(server: Server) -> None:
    _campaign(server)
    assert [server.visit(event_id="order-17", campaign_id=C, session_id="s")["status"] for _ in range(2)] == [
        "stored",
        "duplicate",
    ]


def test_surface_and_first_touch_are_kept_beside(server: Server) -> None:
    _campaign(server)
    touch = {"at": 1_700_000_000, "utm_source": "NAVER", "evil": "x", "utm_medium": "kim@mail.example"}
    server.visit(
        event_id="a", campaign_id=C, session_id="s", surface="/acme/welcome?mail=a@b.example", first_touch=touch
    )
    server.visit(event_id="b", campaign_id=C, session_id="s")
    assert server.rows("select fact, surface, first_touch from stats.fact_surface") == [
        ("visit", None, {"at": 1_700_000_000, "utm_source": "naver"})
    ]
    server.visit(event_id="c", campaign_id=C, session_id="s", surface="/acme/welcome#x")
    assert server.one("select surface from stats.fact_surface where first_touch is null") == "/acme/welcome"


def test_an_entry_always_stores_its_session_and_takes_its_client_from_the_campaign(server: Server) -> None:
    _campaign(server)
    answer = server.entry(
        event_id="e", campaign_id=C, session_id="s1", name="Kim Hana", phone_norm="01012345678", survey_no="7",
        cid="ab12cd34", client_id=str(uuid.uuid4()), registration_data={"q": None}, utm_source="naver",
        surface="/register", first_touch={"at": 1_700_000_000}, utm_first_visit_at=1_700_000_000,
    )  # fmt: skip
    assert answer["status"] == "stored"
    columns = (
        "client_id::text, session_id, name, survey_no, registration_data, utm_source, utm_first_visit_at is not null"
    )
    assert server.rows(f"select {columns} from event_survey_entries") == [
        (K, "s1", "Kim Hana", 7, {"q": None, "cid": "AB12CD34"}, "naver", True)
    ]


def test_the_same_person_in_the_same_campaign_is_a_duplicate(server: Server) -> None:
    _campaign(server)
    first = server.entry(event_id="e1", campaign_id=C, session_id="s", phone_norm="01012345678")
    second = server.entry(event_id="e2", campaign_id=C, session_id="s", phone_norm="01012345678")
    assert (second["status"], second["duplicate_of"], second["fact_id"]) == ("duplicate", "person", first["fact_id"])
    again = server.entry(event_id="e1", campaign_id=C, session_id="s", phone_norm="01012345678")
    assert (again["status"], again["duplicate_of"]) == ("duplicate", "event")


def test_two_without_a_phone_number_are_not_one_person(server: Server) -> None:
    _campaign(server)
    assert server.entry(event_id="e1", campaign_id=C)["status"] == "stored"
    again = server.entry(event_id="e2", campaign_id=C)
    assert (again["accepted"], again["status"]) == (False, "refused")
    assert again["reason"] == "23505 event_survey_entries no phone number"


@pytest.mark.parametrize("gone", ["truncate", "drop table"])
def test_facts_are_stored_without_any_dimension(database: Database, gone: str) -> None:
    database.execute(f"{gone} event_survey_campaigns, webinars, campaign_link_meta, clients, agencies cascade")
    server = Server(database)
    link = str(uuid.uuid4())
    assert server.visit(campaign_id=C, session_id="s", link_id=link, cid="nosuchcid")["status"] == "stored"
    assert server.visit(webinar_id=str(uuid.uuid4()), session_id="s")["status"] == "stored"
    assert server.entry(campaign_id=C, client_id=K, session_id="s", phone_norm="1", link_id=link)["status"] == "stored"
    server.connection.close()


@pytest.mark.parametrize(
    "junk",
    [None, 17, True, [], {}, "x", "", "\U0001f600" * 5000, [[[]]], {"a": None}, -1e300, "2026-02-30T25:00:00Z"],
)
def test_malformed_fields_cost_themselves_alone(server: Server, junk: Any) -> None:
    _campaign(server)
    for field in (
        "utm_source", "utm_content", "cid", "link_id", "webinar_id", "referrer", "user_agent", "session_id",
        "occurred_at", "surface", "first_touch", "client_id", "agency_id", "survey_no", "completed_at",
        "registration_data", "consent_data", "utm_first_visit_at", "name", "company", "code6", "utm_referrer",
    ):  # fmt: skip
        event = {"event_id": str(uuid.uuid4()), "campaign_id": C, field: junk}
        assert server.visit(**event)["status"] == "stored", field
        assert server.entry(phone_norm=event["event_id"], **event)["status"] == "stored", field


def test_late_columns_may_be_missing_then_and_now(database: Database) -> None:
    database.execute("alter table event_access_logs drop column webinar_id cascade, drop column cid cascade")
    database.execute("alter table event_survey_entries drop column session_id cascade")
    server = Server(database)
    assert server.visit(event_id="v", campaign_id=C, session_id="s", cid="AB12CD34")["status"] == "stored"
    assert server.entry(event_id="e", campaign_id=C, client_id=K, session_id="s", phone_norm="1")["status"] == "stored"
    assert server.one("select session_id from stats.fact_surface where fact = 'entry'") == "s"
    assert link_entries(database.pipeline).entries == 1
    database.execute("alter table event_survey_entries add column session_id text")
    server.entry(event_id="f", campaign_id=C, client_id=K, session_id="s", phone_norm="2")
    assert server.one("select session_id from event_survey_entries where phone_norm = '2'") == "s"
    server.connection.close()


def test_what_the_table_refuses_waits_whole_and_is_replayed_when_it_can_be(production: Server) -> None:
    visit = {"event_id": str(uuid.uuid4()), "campaign_id": C, "session_id": "s", "occurred_at": 1}
    entry = {"event_id": str(uuid.uuid4()), "campaign_id": C, "session_id": "s", "phone_norm": "010", "name": "Kim"}
    refused = production.visit(**visit)
    assert (refused["accepted"], refused["status"]) == (True, "dead_letter")
    assert refused["reason"].startswith("23503 event_access_logs")
    assert production.entry(**entry)["status"] == "dead_letter"
    assert production.one("select payload ->> 'name' from stats.dead_letter where fact = 'entry'") == "Kim"
    database = production.database
    assert replay_dead_letters(database.pipeline, database.settings).refused == 2
    (told,) = dead_letters.conditions(database.pipeline, database.settings, datetime.now(UTC))
    assert (told.subject, told.severity, told.numbers["visits"], told.numbers["entries"]) == (
        "unknown", Severity.WARN, 1, 1,
    )  # fmt: skip
    _campaign(production)
    database.execute("update stats.dead_letter set received_at = received_at - interval '2 days'")
    assert replay_dead_letters(database.pipeline, database.settings).replayed == 2
    # The fact's time is that of its receipt, not of its replay.
    assert production.one("select now() - accessed_at > interval '1 day' from event_access_logs") is True
    assert production.one("select now() - created_at > interval '1 day' from event_survey_entries") is True
    assert production.rows("select payload, replayed_at is not null from stats.dead_letter") == [(None, True)] * 2
    assert replay_dead_letters(database.pipeline, database.settings).replayed == 0
    assert dead_letters.conditions(database.pipeline, database.settings, datetime.now(UTC)) == []
    assert production.visit(**visit)["status"] == "duplicate"


def test_a_link_that_stays_missing_does_not_cost_the_visit(production: Server) -> None:
    _campaign(production)
    database, link = production.database, str(uuid.uuid4())
    event = {"event_id": str(uuid.uuid4()), "campaign_id": C, "session_id": "s", "link_id": link}
    assert production.visit(**event)["status"] == "dead_letter"
    assert production.one("select refused_columns from stats.dead_letter") == ["marketing_campaign_link_id"]
    assert replay_dead_letters(database.pipeline, database.settings).refused == 1
    patience = database.settings.changed(capture={"link_grace_seconds": 0})
    assert replay_dead_letters(database.pipeline, patience).replayed == 1
    assert production.rows("select marketing_campaign_link_id from event_access_logs") == [(None,)]
    assert production.one("select missing_link_id::text from stats.fact_surface") == link


def test_what_no_other_row_could_help_is_refused(production: Server) -> None:
    """Without a campaign it never is a fact; a campaign that has no row yet is another matter (C2)."""
    production.database.execute("alter table event_survey_entries alter column code6 type varchar(6)")
    production.database.execute("alter table event_survey_entries add check (survey_no < 1000)")
    _campaign(production)
    refused = [
        production.visit(event_id="x", session_id="s", campaign_id="none"),
        production.entry(event_id="x", session_id="s", webinar_id=C, phone_norm="1"),
        production.entry(event_id="x", campaign_id=C, phone_norm="1", code6="1234567"),
        production.entry(event_id="x", campaign_id=C, phone_norm="1", survey_no=1000),
        *[production.call("capture_visit", whole) for whole in ([1], "text", 5, None)],
    ]
    assert [(a["accepted"], a["status"]) for a in refused] == [(False, "refused")] * len(refused)
    assert [a["reason"].split()[0] for a in refused] == ["it", "it", "22001", "23514", "the", "the", "the", "the"]
    assert production.one("select count(*) from stats.dead_letter") == 0
    assert not work_waiting(production.database.pipeline)
    assert production.entry(campaign_id=str(uuid.uuid4()), phone_norm="1")["status"] == "dead_letter"
    production.database.execute("alter table event_survey_entries add column country text not null default 'kr'")
    production.database.execute("alter table event_survey_entries alter column country drop default")
    waits = production.entry(campaign_id=C, phone_norm="2")
    assert waits["status"] == "dead_letter", "what the application's own change asks for can still be put right"


def test_the_library_knows_the_same_without_asking(server: Server) -> None:
    for event in (
        {},
        {"campaign_id": C},
        {"webinar_id": C},
        {"campaign_id": "none", "webinar_id": C},
        {"webinar_id": 1},
    ):
        for fact in ("visit", "entry"):
            assert server.one("select stats.capture_never(%s, %s)", fact, Jsonb(event)) == why_never(fact, event)


def test_a_letter_is_tried_less_and_less_often(production: Server) -> None:
    """And never a run a minute for it: those of one step are due together."""
    database = production.database
    for number in range(3):
        production.visit(event_id=str(uuid.uuid4()), campaign_id=str(uuid.uuid4()), session_id=str(number))
    assert not work_waiting(database.pipeline), "just tried"
    assert replay_dead_letters(database.pipeline, database.settings, due_only=True).refused == 0
    pauses = []
    for attempts in range(2, 11):
        database.execute("update stats.dead_letter set next_try_at = now()")
        assert work_waiting(database.pipeline)
        assert replay_dead_letters(database.pipeline, database.settings, due_only=True).refused == 3
        assert not work_waiting(database.pipeline)
        ((tried, due, pause),) = production.rows(
            "select attempts, next_try_at, extract(epoch from stats.letter_pause(attempts))::integer "
            "from stats.dead_letter group by attempts, next_try_at"
        )
        assert tried == attempts
        wide = timedelta(seconds=pause)
        assert (due - datetime(2000, 1, 1, tzinfo=UTC)) % wide == timedelta(0)
        assert wide * 0.4 < due - datetime.now(UTC) <= wide * 1.5
        pauses.append(pause)
    assert pauses == [600, 1200, 2400, 4800, 9600, 19200, 21600, 21600, 21600]


def test_an_entry_whose_visits_never_come_starts_ever_fewer_runs(server: Server) -> None:
    _campaign(server)
    server.entry(event_id="e", campaign_id=C, session_id="nobody", phone_norm="1")
    database, runs = server.database, 0
    for minute in range(180):
        database.execute(
            "update stats.fact_surface set captured_at = now() - make_interval(mins => :m), "
            "looked_at = looked_at - interval '1 minute'",
            m=minute,
        )
        if work_waiting(database.pipeline):
            runs += 1
            link_entries(database.pipeline)
    assert 13 <= runs <= 26


def test_nobodys_junk_takes_anothers_room(production: Server) -> None:
    """A share is one client's, all that is unknown has one together, and a full one is said."""
    database, owner = production.database, str(uuid.UUID(int=0xA2))
    _campaign(production)
    database.execute("insert into clients (id, name) values (:k, 'k')", k=K)
    database.execute("update stats.capture_setting set letter_rows = 2, letter_bytes = 1000000")
    for _ in range(2):
        assert production.visit(campaign_id=str(uuid.uuid4()), session_id="junk")["status"] == "dead_letter"
    full = production.visit(event_id="x", campaign_id=str(uuid.uuid4()), session_id="junk", client_id=owner)
    assert (full["accepted"], full.get("status")) == (False, None)
    assert full["reason"] == "too many events of its client wait already"
    database.execute("alter table event_survey_entries add column country text not null default 'kr'")
    database.execute("alter table event_survey_entries alter column country drop default")
    event = {"event_id": str(uuid.uuid4()), "campaign_id": C, "name": "Kim"}
    assert production.entry(**event, phone_norm="1")["status"] == "dead_letter", "a client's own room"
    assert production.entry(**event, phone_norm="1")["status"] == "dead_letter", "it waits already"
    assert production.entry(campaign_id=C, phone_norm="2")["status"] == "dead_letter"
    assert production.entry(campaign_id=C, phone_norm="3")["accepted"] is False
    # A link that is late costs no room that is not there.
    late = production.visit(campaign_id=C, session_id="s", link_id=str(uuid.uuid4()))
    assert late["status"] == "stored"
    assert production.one("select count(*) from stats.fact_surface where missing_link_id is not null") == 1

    def full_shares() -> dict[str, Severity]:
        seen = letters_full.conditions(database.pipeline, database.settings, datetime.now(UTC))
        return {condition.subject: condition.severity for condition in seen}

    assert full_shares() == {K: Severity.ERROR, "unknown": Severity.ERROR}
    database.execute("update stats.capture_setting set letter_rows = 10, letter_bytes = 70000")
    assert full_shares() == {}
    big = {"consent_data": {"why": "x" * 50_000}}
    assert production.entry(campaign_id=C, phone_norm="4", **big)["status"] == "dead_letter"
    assert production.entry(campaign_id=C, phone_norm="5", **big)["accepted"] is False, "bytes are bounded as well"
    assert full_shares() == {K: Severity.ERROR}


def test_a_dead_letter_loses_its_payload_after_its_time(production: Server) -> None:
    server = production
    server.visit(event_id="x", session_id="s", campaign_id=C)
    server.database.execute("update stats.dead_letter set received_at = now() - interval '91 days'")
    assert replay_dead_letters(server.database.pipeline, server.database.settings).expired == 1
    assert server.rows("select payload, expired_at is not null from stats.dead_letter") == [(None, True)]


def test_storing_nothing_at_all_is_said(server: Server) -> None:
    """Both the fact and the dead letter fail: the answer says so, in the same form, and nothing raises."""
    _campaign(server)
    server.database.execute("drop table stats.dead_letter")
    server.database.execute("alter table event_access_logs rename to away")
    answer = server.visit(event_id="x", campaign_id=C, session_id="s")
    assert answer["accepted"] is False
    assert answer["reason"] == "storing failed: 42P01"


def test_losing_what_is_kept_beside_does_not_cost_the_fact(server: Server) -> None:
    _campaign(server)
    server.database.execute("drop table stats.fact_surface")
    assert server.visit(campaign_id=C, session_id="s", surface="/x")["status"] == "stored"
    assert server.entry(campaign_id=C, session_id="s", phone_norm="1")["status"] == "stored"


def test_a_deferred_constraint_refuses_in_time(production: Server) -> None:
    production.database.execute("""
        alter table event_access_logs add constraint late foreign key (entry_id) references event_survey_entries
            deferrable initially deferred;
        alter table event_access_logs alter constraint event_access_logs_campaign_id_fkey deferrable initially deferred;
    """)
    assert production.visit(campaign_id=C, session_id="s")["status"] == "dead_letter"


def test_an_entry_marks_the_unconverted_hits_of_its_session_in_its_campaign(server: Server) -> None:
    _campaign(server)
    pipeline = server.database.pipeline
    for event in ("v1", "v2"):
        server.visit(event_id=event, campaign_id=C, session_id="s")
    server.visit(event_id="v3", campaign_id=C, session_id="another")
    entry = server.entry(event_id="e", campaign_id=C, session_id="s", phone_norm="1")["fact_id"]
    server.entry(event_id="f", campaign_id=C, session_id="not there yet", phone_norm="2")
    assert server.one("select count(*) from event_access_logs where entry_id is not null") == 0
    done = link_entries(pipeline)
    assert (done.entries, done.visits, done.waiting) == (1, 2, 1)
    marked = "select session_id, entry_id::text, converted_at is not null from event_access_logs order by 1"
    assert server.rows(marked) == [("another", None, False), ("s", entry, True), ("s", entry, True)]
    server.visit(event_id="v4", campaign_id=C, session_id="not there yet")
    assert link_entries(pipeline).entries == 1
    assert link_entries(pipeline) == link_entries(pipeline)


def test_entries_whose_visits_never_come_hold_up_nobody(server: Server) -> None:
    _campaign(server)
    for number in range(5):
        server.entry(event_id=f"lost {number}", campaign_id=C, session_id=f"lost {number}", phone_norm=str(number))
    one_pass = "select entries from stats.link_entries(2)"
    assert server.database.rows(one_pass) == [{"entries": 0}]
    server.visit(event_id="v", campaign_id=C, session_id="s")
    server.entry(event_id="e", campaign_id=C, session_id="s", phone_norm="9")
    assert sum(server.database.rows(one_pass)[0]["entries"] for _ in range(3)) == 1


def test_the_pipeline_and_readers_never_see_a_payload(production: Server) -> None:
    production.visit(event_id="x", campaign_id=C, session_id="s")
    assert production.database.rows("select reason from stats.dead_letter")
    for role in ("eventflow_pipeline", "service_role", "authenticated", "anon"):
        with psycopg.connect(production.database.url) as connection:
            connection.execute(f"set role {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select payload from stats.dead_letter")


@pytest.mark.parametrize("role", ["anon", "authenticated", "eventflow_pipeline"])
@pytest.mark.parametrize("function", ["public.capture_visit", "public.capture_entry", "stats.capture_visit"])
def test_only_servers_may_call(server: Server, role: str, function: str) -> None:
    with psycopg.connect(server.database.url) as connection:
        connection.execute(f"set role {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select {function}('{{}}')".encode())


def test_the_capture_role_can_do_nothing_else(database: Database) -> None:
    forbidden = (
        "select name from event_survey_entries", "update event_survey_entries set name = 'x'",
        "delete from event_access_logs", "update event_access_logs set session_id = 'x'",
        "select from event_survey_campaigns", "select from stats.bucket_daily",
        "delete from stats.dead_letter", "create table stats.x ()", "create table public.x ()",
    )  # fmt: skip
    for command in forbidden:
        with psycopg.connect(database.url) as connection:
            connection.execute("set role eventflow_capture")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(command.encode())


def test_the_way_back_leaves_the_application_as_it_was(empty_database: Database) -> None:
    create_source(empty_database.owner)
    look = """
        select relname, coalesce(relacl::text, '') from pg_class where relnamespace = 'public'::regnamespace
        union all select tablename, policyname from pg_policies where schemaname = 'public'
        union all select attrelid::regclass::text || attname, attacl::text from pg_attribute where attacl is not null
            and attrelid in ('event_access_logs'::regclass, 'event_survey_entries'::regclass)
        union all select 'function', p.oid::regprocedure::text from pg_proc p
            where pronamespace = 'public'::regnamespace and proname like 'capture%'
    """
    with psycopg.connect(empty_database.url) as connection:
        before = sorted(connection.execute(look.encode()).fetchall())
    migrate(empty_database.owner, empty_database.settings)
    migrate_back(empty_database.owner, "base")
    with psycopg.connect(empty_database.url) as connection:
        after = sorted(connection.execute(look.encode()).fetchall())
    plain = [row for row in after if "eventflow" not in row[1]]
    assert [row for row in before if row[1]] == [row for row in plain if row[1]]
    assert not [row for row in after if "eventflow" in row[1]]


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_fields = (
    "campaign_id", "webinar_id", "session_id", "utm_source", "cid", "link_id", "referrer", "user_agent", "occurred_at",
    "surface", "first_touch", "name", "phone_norm", "survey_no", "registration_data", "consent_data", "client_id",
    "completed_at", "utm_first_visit_at", "code6",
)  # fmt: skip
_values = _json | st.sampled_from(
    [C, K, "010-1234-5678", "infinity", "-infinity", "epoch", "x" * 10_000, "{}", "' or 1=1"]
)
_events = st.dictionaries(st.sampled_from(_fields), _values, max_size=8)


@examples(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=_events, function=st.sampled_from(["visit", "entry"]))
def test_any_event_is_a_fact_or_a_dead_letter_or_refused(server: Server, event: dict[str, Any], function: str) -> None:
    _campaign(server)
    identifier = str(uuid.uuid4())
    answer = server.call(f"capture_{function}", {"event_id": identifier, **event})
    assert answer["accepted"] is (answer.get("status") != "refused"), answer
    table = "event_access_logs" if function == "visit" else "event_survey_entries"
    kept = server.one(
        f"select (select count(*) from {table} where id = %s) + "
        "(select count(*) from stats.dead_letter where event_id = %s)",
        identifier,
        identifier,
    )
    assert kept == (answer["accepted"] and answer.get("duplicate_of") != "person"), answer
