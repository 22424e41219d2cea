"""No personal data in logs, events, metadata, buckets or alerts, whatever field and path it takes (S7)."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from eventflow_pipeline.defs.dagster_internals.check_results import DayResult
from eventflow_pipeline.domain.days import today
from eventflow_pipeline.domain.personal_data import FORBIDDEN_FIELDS, looks_personal, redact
from eventflow_pipeline.logs import JsonHandler, formatter, logger
from eventflow_pipeline.oncall.alerts import notify
from eventflow_pipeline.oncall.conditions import poll
from eventflow_pipeline.oncall.doctor import examine
from eventflow_pipeline.warehouse.answers.explain import explain
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline_tests.databases import Database, Databases
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver
from eventflow_pipeline_tests.worlds.oncall_facts import CAMPAIGN, CLIENT, clients, entries, visits

NAME, EMAIL, PHONE = "Hong Gildong", "gildong.hong@mail.example", "010-9876-5432"
#: Nothing so short that a time or a random id could hold it by chance.
SECRETS = (NAME, EMAIL, PHONE, "98765432", "9876-5432", "gildong")
NOW = datetime.now(UTC)
TODAY = NOW.date()


def _clean(what: str) -> None:
    lowered = what.lower()
    assert not [secret for secret in SECRETS if secret.lower() in lowered], what[:2000]


@pytest.mark.parametrize("field", [*sorted(FORBIDDEN_FIELDS), "reason", "message", "anything"])
def test_log_fields(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = [EMAIL, PHONE, f"x {EMAIL} y {PHONE}"] + ([NAME] if field in FORBIDDEN_FIELDS else [])
    for value in values:
        logger().info("event", **{field: value, "numbers": {field: value}, "list": [{field: value}]})
        logger(**{field: value}).error("event", reason=value if value != NAME else None)
    out = capsys.readouterr().out
    assert len([json.loads(line) for line in out.splitlines()]) == 2 * len(values)
    _clean(out)


def test_tracebacks_and_python_logging() -> None:
    try:
        raise ValueError(f"cannot register {EMAIL}\nDETAIL: {NAME}")
    except ValueError as problem:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed for %s", (PHONE,), (ValueError, problem, None))
    line = json.loads(formatter().format(record))
    assert line["reason"] == "ValueError: cannot register [redacted]"
    _clean(json.dumps(line))


class _Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_one_schema_whoever_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Our own lines and Python's: the same fields, the same time format, an error cut to what may be read."""
    python = logging.Logger("library")
    python.addHandler(JsonHandler())
    try:
        raise ValueError(f"cannot register {EMAIL}\nDETAIL: {NAME}")
    except ValueError as problem:
        python.exception("failed for %s", PHONE)
        logger().exception("failed", number=1.5, day=TODAY)
        logger().error("failed", exc_info=problem)
        logger().warning("failed", reason="ours", exc_info=(ValueError, problem, None))
    logger().error("unreadable", what=_Unreadable())
    python.error("unreadable %s", _Unreadable())
    out = capsys.readouterr().out
    _clean(out)
    said, *ours, unreadable, unreadable_too = (json.loads(line) for line in out.splitlines())
    assert [line["reason"] for line in (said, *ours)] == ["ValueError: cannot register [redacted]"] * 3 + ["ours"]
    assert said.keys() == {"timestamp", "level", "event", "message", "reason", "logger"}
    assert ours[0].keys() == {"timestamp", "level", "event", "reason", "number", "day"}
    assert (ours[0]["number"], ours[0]["day"]) == (1.5, TODAY.isoformat())
    assert [line["level"] for line in ours] == ["error", "error", "warning"]
    for line in (said, *ours):
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta()
        assert len(line["timestamp"]) == len("2026-11-24T07:00:00.123456+00:00")
    assert unreadable["event"] == unreadable_too["event"] == "log_unreadable"


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        # DETAIL quotes the failing row, or its key; the message itself a value.
        ("insert into event_access_logs (session_id, utm_source) values (:name, :email)", "violates check constraint"),
        (
            "insert into event_survey_campaigns (client_id, title) values (null, :name || :email)",
            "null value in column",
        ),
        ("select cast(:email as uuid), :name", "invalid input syntax for type uuid"),
    ],
)
def test_a_servers_error_carries_no_row(database: Database, command: str, kept: str) -> None:
    with connect(database.owner) as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(command), {"name": NAME, "email": EMAIL})
    chain: BaseException | None = refused.value
    while chain is not None:
        _clean(f"{chain} {chain!r} {chain.args}")
        chain = chain.__cause__ or chain.__context__
    assert kept in str(refused.value)


@pytest.fixture
def personal_facts(database: Database) -> Database:
    """Facts that hold personal data in every field they have."""
    database.insert("clients", [{"id": CLIENT, "name": "Acme Events"}])
    database.insert("event_survey_campaigns", [{"id": CAMPAIGN, "client_id": CLIENT, "title": f"{NAME} {EMAIL}"}])
    database.insert(
        "campaign_link_meta",
        [{"client_id": CLIENT, "name": f"{NAME} {PHONE}", "cid": "AAAA1111"}],
    )
    visits(
        database, 1, NOW, 20, session_id=EMAIL, cid=PHONE, referrer=f"https://a.example/{EMAIL}?p={PHONE}",
        user_agent=NAME, utm_term=EMAIL, utm_content=PHONE,
    )  # fmt: skip
    for number in range(6):
        entries(
            database, 1, NOW, 20, name=NAME, company=NAME, phone_norm=f"{PHONE}{number}",
            code6="98765432", survey_no=98765432,
            consent_data=json.dumps({"who": NAME}), utm_referrer=EMAIL, utm_term=EMAIL, utm_content=PHONE,
            session_id=EMAIL,
            registration_data=json.dumps({"cid": "AAAA1111", "name": NAME, "mail": EMAIL, "tel": PHONE}),
        )  # fmt: skip
    return database


def test_every_path_from_facts_to_people(
    personal_facts: Database, receiver: HttpReceiver, run_days: Callable[..., dg.ExecuteInProcessResult],
    instance: dg.DagsterInstance, databases: Databases, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    database = personal_facts
    day = today(database.settings.zone, NOW)
    days = {today(database.settings.zone, NOW - timedelta(minutes=25)), day}
    for one in sorted(days):
        assert run_days(one).success
    # ... and a run that fails while it holds such rows.
    database.execute("alter table stats.session_days add constraint refuse check (session_id is null) not valid")
    visits(database, 2, NOW, 20, session_id=NAME, utm_source="x")
    assert not run_days(day).success or len(days) > 1
    settings = database.settings.changed(alerts={"urls": SecretStr(receiver.url)})
    notify(database.pipeline, settings, poll(database.pipeline, settings, NOW), NOW)
    assert receiver.messages, "the deficit is told"
    _clean(json.dumps(receiver.messages))
    _clean(json.dumps(database.rows("select * from stats.incident"), default=str))
    _clean(repr(examine(settings, now=NOW)))
    _clean(json.dumps(explain(database.pipeline, settings, str(CLIENT), day).as_json(), default=str))
    with connect(database.owner) as connection:
        buckets = connection.execute(
            text("select b::text from stats.bucket_daily b union all select l::text from stats.day_ledger l")
        )
        _clean(" ".join(buckets.scalars()))
    records = [record for run in instance.get_runs() for record in instance.get_records_for_run(run.run_id).records]
    events = [repr(record.event_log_entry) for record in records]
    assert len(events) > 20
    _clean(" ".join(events))
    out = capsys.readouterr()
    lines = [json.loads(line) for line in out.out.splitlines()]
    assert all({"timestamp", "level", "event"} <= line.keys() for line in lines), "one JSON object a line, nothing else"
    failures = [line for line in lines if line["event"] == "step_failure"]
    assert all({"reason", "run_id", "partition", "job", "step"} <= line.keys() for line in failures)
    assert failures or len(days) > 1
    _clean(out.out + out.err)


def test_what_a_check_shows() -> None:
    """Differences name members, and a member may hold what it should not."""
    result = DayResult(
        [
            {"grain": "utm", "utm_source": EMAIL, "raw": 1, "bucket": 2},
            {"grain": "utm", "utm_source": PHONE, "raw": 1, "bucket": 0},
        ]
    )
    _clean(result.description + repr(result.metadata()))
    assert "grain utm, utm_source [redacted], raw 1, bucket 2 and 1 more" in result.description


def test_redaction_leaves_the_rest_alone() -> None:
    for harmless in (
        "2026-11-24T07:00:00.123456+00:00", "550e8400-e29b-41d4-a716-446655440000", "run 1234567890", "10 against 546",
        "2026-11-01..2026-11-03", "v20261124000035", "postgresql at 127.0.0.1:5432", "2026-11-24 07:00:00+09",
    ):  # fmt: skip
        assert redact(harmless) == harmless
        assert not looks_personal(harmless)
    assert redact(f"{EMAIL}, {PHONE} or +82-10-1234-5678!") == "[redacted], [redacted] or [redacted]!"


def test_clients_may_be_named(database: Database) -> None:
    clients(database)
    entries(database, 9, NOW, 20)
    found = poll(database.pipeline, database.settings, NOW)["deficit"]
    assert "Acme Events" in found[0].summary
