"""Statements of closed months, mailed to whom they are for: each to each recipient once (docs/closing.md)."""

import smtplib
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Engine

from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.domain.hosts import is_loopback
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.extras import require_extras
from eventflow_pipeline.reports.settlement import UnreadableReport, write_report
from eventflow_pipeline.settings import MailSettings, Settings
from eventflow_pipeline.warehouse.answers.settlement import Settlement, settle_client
from eventflow_pipeline.warehouse.closing.adjustments import record_adjustments
from eventflow_pipeline.warehouse.closing.mailings import ClosedMonth, claim, closings_in_force, finish, mailed

_SECONDS = 30
_FORMS = {".html": ("text", "html"), ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")}


class Outcome(StrEnum):
    """What became of a statement for one recipient."""

    SENT = "sent"
    ALREADY = "already sent"
    #: Not taken; it is tried again.
    REFUSED = "refused"
    #: It was handed over, and whether it was taken is not known: it is not sent again unless somebody says so.
    UNSURE = "not known"


@dataclass(frozen=True, slots=True)
class Mailing:
    """A statement, for the client's recipient number ``place`` (from 1), and what became of it; no address."""

    closing: ClosedMonth
    place: int
    outcome: Outcome
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether the recipient was not sent it, or nobody knows."""
        return self.outcome in (Outcome.REFUSED, Outcome.UNSURE)

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"{self.closing.month} of {plain(self.closing.client)} to recipient {self.place}: {self.outcome}{why}"


class _Refused(Exception):
    """Not taken: one clause why, without an address."""


def require_mail(settings: Settings) -> None:
    """Raise UserError when nothing could be mailed: without a mail server, or what statements are written with."""
    require_extras("report")
    if settings.mail.server is None:
        raise UserError(
            "EVENTFLOW_MAIL_SERVER is unset, so nothing is mailed: set it to smtp://user:password@host:587."
        )


def is_due(engine: Engine, settings: Settings, since: datetime) -> bool:
    """Whether a month closed since then has a recipient who was not sent its statement, and was not given up on."""
    return any(
        waiting for _closing, _addresses, waiting in _waiting(engine, settings, closings_in_force(engine, since=since))
    )


def mail_statements(
    engine: Engine, settings: Settings, closings: Sequence[ClosedMonth], *, again: bool = False
) -> list[Mailing]:
    """Mail the statements of closings in force.

    To each recipient once: what is sent is not sent again, and neither is, unless ``again``, what was interrupted
    while it was handed over. A failure costs its own recipient alone. Raises UserError without a mail server.
    """
    require_mail(settings)
    record_adjustments(engine, settings)
    done: list[Mailing] = []
    for closing, addresses, waiting in _waiting(engine, settings, closings):
        written = _written(engine, settings, closing) if waiting else None
        for place, address in enumerate(addresses, start=1):
            if address not in waiting:
                outcome, why = Outcome.ALREADY, ""
            elif isinstance(written, str):
                outcome, why = Outcome.REFUSED, written
            else:
                assert written
                outcome, why = _sent_once(engine, settings.mail, closing, written, address, again=again)
            done.append(Mailing(closing, place, outcome, why))
    return done


def _waiting(
    engine: Engine, settings: Settings, closings: Sequence[ClosedMonth]
) -> list[tuple[ClosedMonth, tuple[str, ...], list[str]]]:
    """Closings of clients with recipients, each with these and with those who were not sent its statement."""
    by_client = settings.mail.by_client()
    addressed = [(closing, addresses) for closing in closings if (addresses := by_client.get(closing.client_id))]
    states = mailed(engine, [closing for closing, _ in addressed])
    return [
        (closing, addresses, [a for a in addresses if states.get((closing.hash, _digest(a))) != "sent"])
        for closing, addresses in addressed
    ]


def _digest(address: str) -> str:
    """What a recipient is remembered by: not the address."""
    return sha256(address.lower().encode()).hexdigest()


def _written(engine: Engine, settings: Settings, closing: ClosedMonth) -> EmailMessage | str:
    """The mail without a recipient; or why there is none, as a clause."""
    try:
        settled = settle_client(engine, str(closing.client_id), closing.month.days)
        if settled.closing is None or settled.closing["hash"] != closing.hash:
            return "the month was opened again meanwhile"
        return _message(settings, closing, settled)
    except (UserError, UnreadableReport) as problem:
        return f"its statement cannot be written ({plain(str(problem)).rstrip('.')})"


def _message(settings: Settings, closing: ClosedMonth, settled: Settlement) -> EmailMessage:
    message = EmailMessage()
    name = " ".join(plain(closing.client).split())
    again = f", version {closing.version}" if closing.version > 1 else ""
    message["Subject"] = f"Statement {closing.month}{again}: {name}"
    message["From"] = settings.mail.sender
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-generated"
    changed = len({row["entry_no"] for row in settled.adjustments})
    figures = "\n".join(f"  {measure:12} {settled.totals[measure]:,}" for measure in ("visits", "conversions", "hits"))
    message.set_content(
        f"{name}, {closing.month}, as closed{again}:\n\n{figures}\n\n"
        + (f"{changed} adjustments since; they are on the statement.\n" if changed else "")
        + f"The statement is attached, as a page and as a workbook.\nHash of the closing: {closing.hash}\n"
    )
    with tempfile.TemporaryDirectory(prefix="eventflow-statement-") as folder:
        for suffix, (maintype, subtype) in _FORMS.items():
            file = Path(folder, f"statement-{closing.month}{suffix}")
            write_report(settled, file, settings.zone)
            message.add_attachment(file.read_bytes(), maintype=maintype, subtype=subtype, filename=file.name)
    return message


def _sent_once(
    engine: Engine, mail: MailSettings, closing: ClosedMonth, message: EmailMessage, address: str, *, again: bool
) -> tuple[Outcome, str]:
    recipient = _digest(address)
    if not claim(engine, closing, recipient, again=again):
        if mailed(engine, [closing]).get((closing.hash, recipient)) == "sent":
            return Outcome.ALREADY, ""
        return Outcome.UNSURE, "it was being sent when that was interrupted, or is being sent at this moment"
    for name in ("To", "Message-ID"):
        del message[name]
    message["To"] = address
    # The same whenever it is sent: where a mail came twice after all, programs see that it is one.
    message["Message-ID"] = f"<{closing.hash[:32]}.{recipient[:16]}@{parseaddr(mail.sender)[1].partition('@')[2]}>"
    try:
        _send(mail, message)
    except _Refused as problem:
        finish(engine, closing, recipient, "refused", str(problem))
        return Outcome.REFUSED, str(problem)
    except (OSError, smtplib.SMTPException) as problem:
        return Outcome.UNSURE, f"the connection broke while it was handed over ({type(problem).__name__})"
    finish(engine, closing, recipient, "sent")
    return Outcome.SENT, ""


def _send(mail: MailSettings, message: EmailMessage) -> None:
    """Hand it over. Raises _Refused where it was surely not taken, OSError or SMTPException where that is not known."""
    with _connected(mail) as server:
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as problem:
            raise _Refused(f"the mail server refused the recipient ({_codes(problem)})") from None
        except smtplib.SMTPResponseException as problem:
            # Of what it said only the number is told: addresses stand in the rest.
            raise _Refused(f"the mail server refused it ({problem.smtp_code})") from None
        except smtplib.SMTPNotSupportedError:
            raise _Refused("the mail server cannot take such an address") from None


@contextmanager
def _connected(mail: MailSettings) -> Iterator[smtplib.SMTP]:
    assert mail.server
    address = urlsplit(mail.server.get_secret_value())
    host = address.hostname or ""
    try:
        if address.scheme == "smtps":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, address.port or 465, timeout=_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, address.port or 587, timeout=_SECONDS)
    except (OSError, smtplib.SMTPException) as problem:
        raise _Refused(f"the mail server cannot be reached ({type(problem).__name__})") from None
    try:
        try:
            if address.scheme == "smtp" and not is_loopback(host):
                server.starttls(context=ssl.create_default_context())
            if address.username:
                server.login(unquote(address.username), unquote(address.password or ""))
        except (OSError, smtplib.SMTPException) as problem:
            raise _Refused(f"the mail server does not let us in ({type(problem).__name__})") from None
        yield server
        # It is taken, whatever the server says to the end.
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()


def _codes(problem: smtplib.SMTPRecipientsRefused) -> str:
    return ", ".join(sorted({str(code) for code, _ in problem.recipients.values()}))
