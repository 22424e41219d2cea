"""Statements by mail: of closed months alone, to each recipient once, over a real mail server."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import openpyxl
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from eventflow_pipeline.cli import app
from eventflow_pipeline.domain.months import Month
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.reports.mailing import Mailing, Outcome, is_due, mail_statements
from eventflow_pipeline.settings import Settings, load_settings
from eventflow_pipeline.warehouse.closing.closings import close, examine, reopen
from eventflow_pipeline.warehouse.closing.mailings import closings_in_force
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database, Databases, settings_for
from eventflow_pipeline_tests.oncall.receiver import MailReceiver

CLIENT, OTHER, CAMPAIGN = UUID(int=0xA1), UUID(int=0xA2), UUID(int=0xC1)
FEBRUARY = Month(date(2024, 2, 1))
ANN, KIM = "ann@customer.example", "kim@customer.example"
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def month(databases: Databases, _template: str) -> Iterator[Database]:
    """February 2024 of a client with two recipients, and of one without; computed."""
    name = databases.create(_template)
    database = Database(settings_for(databases.url(name)))
    facts.clients(database, {CLIENT: (CAMPAIGN,), OTHER: ()}, names={CLIENT: "꽃집\r\nBcc: eve", OTHER: "other"})
    facts.visits(database, datetime(2024, 2, 3, 3, tzinfo=UTC), campaign_id=CAMPAIGN)
    database.replace(*FEBRUARY.days)
    database.merge_pending()
    yield database
    database.close()
    databases.drop(name)


@pytest.fixture
def server() -> Iterator[MailReceiver]:
    receiver = MailReceiver()
    yield receiver
    receiver.down()


@pytest.fixture
def settings(month: Database, server: MailReceiver) -> Settings:
    """Of a month that is closed for both, once."""
    month.execute("truncate stats.mailing")
    if [closing.version for closing in closings_in_force(month.pipeline)] != [1, 1]:
        month.execute("truncate stats.closing, stats.closing_figure, stats.closing_day, stats.closing_comparison")
        _close(month)
    mail = {
        "server": SecretStr(f"smtp://127.0.0.1:{server.port}"),
        "sender": "Numbers <billing@numbers.example>",
        "recipients": SecretStr(json.dumps({str(CLIENT): [ANN, KIM]})),
    }
    return month.settings.changed(mail=mail)


def _close(database: Database, *clients: str) -> None:
    found = examine(database.pipeline, database.settings, FEBRUARY, clients)
    close(database.pipeline, database.settings, FEBRUARY, found, "ann", None)


def _mailings(database: Database, settings: Settings, *, again: bool = False) -> list[Mailing]:
    return mail_statements(database.pipeline, settings, closings_in_force(database.pipeline), again=again)


def _mail(database: Database, settings: Settings, *, again: bool = False) -> list[Outcome]:
    return [mailing.outcome for mailing in _mailings(database, settings, again=again)]


def test_a_statement_is_mailed_to_each_once(month: Database, settings: Settings, server: MailReceiver) -> None:
    assert is_due(month.pipeline, settings, LONG_AGO)
    assert _mail(month, settings) == [Outcome.SENT, Outcome.SENT]
    assert _mail(month, settings, again=True) == [Outcome.ALREADY, Outcome.ALREADY]
    assert not is_due(month.pipeline, settings, LONG_AGO)
    assert [mail["To"] for mail in server.mails] == [ANN, KIM]
    mail = server.mails[0]
    assert mail["From"] == "Numbers <billing@numbers.example>"
    assert mail["Subject"] == "Statement 2024-02: 꽃집 Bcc: eve"
    assert mail["Bcc"] is None
    (row,) = month.rows("select hash from stats.closing where client_id = :client", client=CLIENT)
    closed = row["hash"]
    body = mail.get_body(("plain",))
    assert body
    assert f"Hash of the closing: {closed}" in body.get_content()
    assert "visits       1" in body.get_content()
    page, workbook = mail.iter_attachments()
    assert (page.get_filename(), workbook.get_filename()) == ("statement-2024-02.html", "statement-2024-02.xlsx")
    assert str(closed) in page.get_content()
    summary = openpyxl.load_workbook(io.BytesIO(workbook.get_content()))["Summary"]
    assert ("closing_hash", closed) in {tuple(cell.value for cell in row) for row in summary.iter_rows()}
    kept = str(month.rows("select * from stats.mailing"))
    assert not [part for part in (ANN, KIM, "customer") if part in kept], "addresses stay where they are set"


def test_nothing_is_mailed_of_a_month_that_is_open(month: Database, settings: Settings, server: MailReceiver) -> None:
    reopen(month.pipeline, month.settings, FEBRUARY, str(CLIENT), "ann", "a mistake")
    assert _mail(month, settings) == []
    assert not is_due(month.pipeline, settings, LONG_AGO)
    _close(month, str(CLIENT))
    assert _mail(month, settings) == [Outcome.SENT, Outcome.SENT]
    assert [mail["Subject"].partition(":")[0] for mail in server.mails] == ["Statement 2024-02, version 2"] * 2
    assert not is_due(month.pipeline, settings, datetime.now(UTC)), "what was closed before is asked for by command"


def test_who_is_refused_is_tried_again_and_costs_nobody_else(
    month: Database, settings: Settings, server: MailReceiver
) -> None:
    server.refused = {ANN}
    (ann, kim) = _mailings(month, settings)
    assert (ann.outcome, kim.outcome) == (Outcome.REFUSED, Outcome.SENT)
    assert str(ann) == "2024-02 of 꽃집 Bcc: eve to recipient 1: refused: the mail server refused the recipient (550)"
    assert is_due(month.pipeline, settings, LONG_AGO)
    server.refused = set()
    assert _mail(month, settings) == [Outcome.SENT, Outcome.ALREADY]
    assert [mail["To"] for mail in server.mails] == [KIM, ANN]


def test_a_server_that_is_away_is_tried_again(month: Database, settings: Settings, server: MailReceiver) -> None:
    away = settings.changed(mail={"server": SecretStr("smtp://127.0.0.1:9")})
    assert _mail(month, away) == [Outcome.REFUSED, Outcome.REFUSED]
    assert _mail(month, settings) == [Outcome.SENT, Outcome.SENT]


def test_what_may_have_been_taken_is_not_sent_again_unless_asked_for(
    month: Database, settings: Settings, server: MailReceiver
) -> None:
    server.cut = True
    assert _mail(month, settings) == [Outcome.UNSURE, Outcome.UNSURE]
    server.cut = False
    assert _mail(month, settings) == [Outcome.UNSURE, Outcome.UNSURE]
    assert is_due(month.pipeline, settings, LONG_AGO), "it is told until somebody decides"
    assert len(server.mails) == 2
    assert _mail(month, settings, again=True) == [Outcome.SENT, Outcome.SENT]
    ids = [mail["Message-ID"] for mail in server.mails]
    assert ids[:2] == ids[2:], "programs see that it is the same mail"


def test_a_server_elsewhere_is_spoken_to_encrypted_or_not_at_all(
    month: Database, settings: Settings, server: MailReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventflow_pipeline.reports.mailing.is_loopback", lambda _: False)
    (ann, _) = _mailings(month, settings)
    assert (ann.outcome, ann.reason) == (
        Outcome.REFUSED, "the mail server does not let us in (SMTPNotSupportedError)"
    )  # fmt: skip
    assert server.mails == []


def test_by_command(month: Database, settings: Settings, server: MailReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "EVENTFLOW_DATABASE_URL": month.url,
        "EVENTFLOW_START_DATE": month.settings.start_date.isoformat(),
    }.items():
        monkeypatch.setenv(name, value)

    def run(*more: str) -> Any:
        return CliRunner().invoke(app, ["mail", "--month", "2024-02", *more])

    assert "EVENTFLOW_MAIL_SERVER is unset" in str(run().exception)
    for name in ("server", "sender", "recipients"):
        value = getattr(settings.mail, name)
        monkeypatch.setenv(f"EVENTFLOW_MAIL_{name.upper()}", value if name == "sender" else value.get_secret_value())
    server.refused = {ANN}
    done = run("--json")
    assert done.exit_code == 1
    said = json.loads(done.output)
    assert [mailing["outcome"] for mailing in said["mailings"]] == ["refused", "sent"]
    assert said["without_recipients"] == ["other"]
    assert "@" not in done.output
    server.refused = set()
    done = run("--client", str(CLIENT))
    assert (done.exit_code, "recipient 1: sent." in done.output) == (0, True)
    reopen(month.pipeline, month.settings, FEBRUARY, str(CLIENT), "ann", "a mistake")
    assert "2024-02 is closed for nobody asked for" in str(run("--client", str(CLIENT)).exception)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SERVER", "mail.secret.example", "write smtp://user:password@host:587"),
        ("SERVER", "smtp://secret:pass@host:port", "write smtp://user:password@host:587"),
        ("SENDER", "nobody", "EVENTFLOW_MAIL_SENDER is no mail address"),
        ("RECIPIENTS", '{"secret": ["a@b.example"]}', "write JSON of clients' ids"),
        ("RECIPIENTS", f'{{"{CLIENT}": "secret@b.example"}}', "write JSON of clients' ids"),
        ("RECIPIENTS", f'{{"{CLIENT}": ["secret@b.example\\nBcc: x@y.example"]}}', "write JSON of clients' ids"),
        ("RECIPIENTS", "secret", "write JSON of clients' ids"),
    ],
)
def test_what_cannot_be_mailed_to_is_refused_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("EVENTFLOW_MAIL_SERVER", "smtp://127.0.0.1:25")
    monkeypatch.setenv("EVENTFLOW_MAIL_SENDER", "Numbers <billing@numbers.example>")
    load_settings()
    monkeypatch.setenv(f"EVENTFLOW_MAIL_{name}", value)
    with pytest.raises(UserError) as refused:
        load_settings()
    assert f"EVENTFLOW_MAIL_{name}" in str(refused.value)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
