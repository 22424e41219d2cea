"""The pipeline's role sees the allowed columns through views and nothing else (C1)."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from eventflow_pipeline.domain.source_contract import SOURCE_TABLES
from eventflow_pipeline.warehouse.db.engine import PIPELINE_ROLE, connect
from eventflow_pipeline_tests.databases import FIRST_DAY, Database

FORBIDDEN = {
    "name", "company", "phone_norm", "code6", "survey_no", "consent_data", "registration_data", "user_agent",
    "referrer", "utm_referrer", "email",
}  # fmt: skip


def test_every_pipeline_connection_runs_as_the_role(database: Database) -> None:
    assert database.rows("select current_user::text as who") == [{"who": PIPELINE_ROLE}]


@pytest.mark.parametrize("table", [*(t.name for t in SOURCE_TABLES), "webinar_live_presence", "webinar_access_logs"])
@pytest.mark.parametrize("command", ["select from public.{}", "delete from public.{}", "truncate public.{}"])
def test_base_tables_are_out_of_reach(database: Database, table: str, command: str) -> None:
    with connect(database.pipeline) as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(command.format(table)))


def test_fact_views_show_no_forbidden_column(database: Database) -> None:
    columns = database.rows(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'stats' and table_name in ('visit_facts', 'entry_facts')"
    )
    assert columns
    assert not {c["column_name"] for c in columns} & FORBIDDEN


def test_views_see_through_row_level_security(database: Database) -> None:
    """The founding incident: a role with a grant but no policy sees zero rows."""
    database.execute("insert into clients (id, name) values (gen_random_uuid(), 'c')")
    database.execute(
        "insert into event_survey_campaigns (client_id, title) select id, 't' from clients",
    )
    database.execute(
        "insert into event_survey_entries (campaign_id, client_id, registration_data) "
        'select id, client_id, \'{"cid": " ab ", "phone": "x"}\' from event_survey_campaigns'
    )
    assert database.rows("select relrowsecurity from pg_class where relname = 'event_survey_entries'") == [
        {"relrowsecurity": True}
    ]
    assert database.rows("select cid from stats.entry_facts") == [{"cid": "AB"}]
    assert len(database.rows("select * from stats.campaigns")) == 1


def test_referrer_is_reduced_to_its_host(database: Database) -> None:
    for referrer in (
        "https://user:secret@Search.Example/path?mail=a@b.example",
        "android-app://com.example/x",
        "https://john.doe:pa/ss@host.example",
        "https://with.port:8443?q",
        "junk",
        None,
    ):
        database.execute(
            "insert into event_access_logs (campaign_id, session_id, referrer) values (gen_random_uuid(), 's', :r)",
            r=referrer,
        )
    hosts = {row["referrer_host"] for row in database.rows("select referrer_host from stats.visit_facts")}
    assert hosts == {"search.example", "com.example", "with.port", None}


def test_the_role_owns_nothing_and_cannot_log_in(database: Database) -> None:
    role = database.rows("select * from pg_roles where rolname = :r", r=PIPELINE_ROLE)[0]
    assert not any(role[right] for right in ("rolcanlogin", "rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb"))
    owned = "select relname from pg_class where relowner = cast(:r as regrole)"
    assert database.rows(owned, r=PIPELINE_ROLE) == []


def test_row_level_security_is_on_for_everything_this_project_owns(database: Database) -> None:
    unprotected = database.rows(
        "select relname from pg_class where relnamespace = 'stats'::regnamespace and relkind in ('r', 'p') "
        "and not relrowsecurity and relname <> 'schema_migration'"
    )
    assert unprotected == []


def test_the_pipeline_prunes_of_the_ledger_what_a_running_day_wrote_and_nothing_else(database: Database) -> None:
    database.replace(FIRST_DAY)  # long after its end
    database.execute(
        "insert into stats.day_ledger (bucket_date, grain, replaced_at, cause, reason, author, hits_before, "
        "hits_after, visits_before, visits_after, conversions_before, conversions_after) "
        "select bucket_date, grain, timestamptz '2024-01-01 12:00+00', cause, reason, author, 0, 0, 0, 0, 0, 0 "
        "from stats.day_ledger"
    )
    with connect(database.pipeline) as connection:
        assert connection.execute(text("delete from stats.day_ledger")).rowcount == 1
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("update stats.day_ledger set reason = 'x'"))
    kept = database.rows("select replaced_at > timestamptz '2024-01-02' as late from stats.day_ledger")
    assert kept == [{"late": True}]
