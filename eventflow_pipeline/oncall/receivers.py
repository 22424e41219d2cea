"""Who is notified of what: the routes of EVENTFLOW_ALERTS_URLS, and sending through Apprise.

Written as addresses separated by blanks, each with an optional route before it:
``slack://… error=pagerduty://… team:growth=mailto://… team:growth+error=opsgenie://…``. A receiver without a severity
gets both; one with an owner gets that owner's conditions, which then do not go to the receivers without an owner. What
fits nobody goes to the receiver whose route has ``default``, else to the first, and says so. One with ``escalation``
gets errors that nobody has answered in time, and nothing else. ``pagerduty://KEY``,
``opsgenie://KEY`` and ``alertmanager://HOST:PORT`` are ours (oncall/incident_receivers.py), the others Apprise's.
Addresses hold secrets: they are shown by their scheme and never in full.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_exponential

from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.incidents import Incident, Message
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.incident_receivers import ALERTMANAGERS, PAGERS, send_to_pager, usable
from eventflow_pipeline.settings import Settings

_ENTRY = re.compile(r"(?:(?P<route>[A-Za-z0-9:_@.+-]+)=)?(?P<url>[A-Za-z][A-Za-z0-9+.-]*://\S+)")
_ATTEMPTS = 3
#: Apprise reports what it could not send as plain text and by address; our own line says it without.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Receiver:
    """One address with its route: ``severity`` None is both, ``owner`` None whoever has no route of their own."""

    url: str = field(repr=False)
    severity: Severity | None = None
    owner: str | None = None
    default: bool = False
    escalation: bool = False

    @property
    def scheme(self) -> str:
        """Kind of receiver, such as ``slack``: all of the address that is ever shown."""
        return self.url.partition("://")[0]

    @property
    def is_pager(self) -> bool:
        """Whether it keeps incidents, each told on its own."""
        return self.scheme in PAGERS

    @property
    def is_alertmanager(self) -> bool:
        """Whether it is sent in every pass what is open."""
        return self.scheme in ALERTMANAGERS

    @property
    def digest(self) -> str:
        """What the receiver is remembered by: neither the address nor a way to it."""
        return f"{self.scheme}:{sha256(self.url.encode()).hexdigest()[:12]}"

    def __str__(self) -> str:
        return self.digest


def configured_receivers(settings: Settings) -> tuple[Receiver, ...]:
    """Receivers of EVENTFLOW_ALERTS_URLS that can be used; none when unset."""
    return tuple(entry for entry in _entries(settings) if isinstance(entry, Receiver))


def address_problems(settings: Settings) -> tuple[str, ...]:
    """What is wrong with entries of EVENTFLOW_ALERTS_URLS, each by its position and without its address."""
    return tuple(entry for entry in _entries(settings) if isinstance(entry, str))


def require_addresses(settings: Settings) -> None:
    """Raise UserError naming the first entry of EVENTFLOW_ALERTS_URLS that cannot be used."""
    for problem in address_problems(settings):
        raise UserError(problem)


def _entries(settings: Settings) -> Iterator[Receiver | str]:
    if settings.alerts.urls is not None:
        for position, entry in enumerate(settings.alerts.urls.get_secret_value().split(), start=1):
            yield _receiver(entry, position)


def _receiver(entry: str, position: int) -> Receiver | str:
    match = _ENTRY.fullmatch(entry)
    kind = match["url"].partition("://")[0] if match else ""
    ours = kind in (*PAGERS, *ALERTMANAGERS)
    if not match or not (usable(match["url"]) if ours else _apprise_takes(match["url"])):
        return (
            f"EVENTFLOW_ALERTS_URLS cannot be used: entry {position} is no Apprise address; write scheme://…, with a "
            "route before it if need be (error=, warn=, team:name=), separated by blanks."
        )
    severity, owner, default, escalation = None, None, False, False
    for word in (match["route"] or "").split("+") if match["route"] else ():
        if word in tuple(Severity):
            severity = Severity(word)
        elif ":" in word or "@" in word:
            owner = word
        elif word == "default":
            default = True
        elif word == "escalation":
            escalation = True
        else:
            return (
                f"EVENTFLOW_ALERTS_URLS has an unknown route in entry {position}: use warn=, error=, default=, "
                "escalation=, an owner such as team:growth=, or several joined by +."
            )
    return Receiver(match["url"], severity, owner, default, escalation)


def _apprise_takes(url: str) -> bool:
    # Imported where an address is used: every process of Dagster loads this module, and few have one.
    import apprise

    return bool(apprise.Apprise().add(url))


def receivers_of(receivers: Sequence[Receiver], severity: Severity, owner: str) -> tuple[Receiver, ...]:
    """Who is notified of a condition: its owner's receivers, else those without an owner; both by severity.

    Empty where that is nobody; then it is for ``default_receiver``.
    """
    fitting = [r for r in receivers if r.severity in (None, severity) and not r.escalation]
    own = tuple(r for r in fitting if r.owner == owner)
    return own or tuple(r for r in fitting if r.owner is None)


def default_receiver(receivers: Sequence[Receiver]) -> tuple[Receiver, ...]:
    """Who gets what fits nobody, so that nothing is swallowed: the one that says ``default``, else the first."""
    ordinary = [r for r in receivers if not r.escalation]
    return tuple([*(r for r in ordinary if r.default), *ordinary, *receivers][:1])


def escalation_receivers(receivers: Sequence[Receiver], owner: str) -> tuple[Receiver, ...]:
    """Who is notified of an error that nobody answered: those for its owner, else those for nobody in particular.

    Else all, so that it is not swallowed; empty where nothing is escalated.
    """
    escalating = tuple(r for r in receivers if r.escalation)
    own = tuple(r for r in escalating if r.owner == owner)
    return own or tuple(r for r in escalating if r.owner is None) or escalating


class Sender:
    """Sends messages during one pass; a receiver that is down is tried thrice, then left alone until the next pass."""

    def __init__(self, wait_seconds: float = 0.3) -> None:
        self._down: set[str] = set()
        self._wait = wait_seconds

    def send_incidents(
        self, receiver: Receiver, message: Message, incidents: Sequence[Incident], settings: Settings, now: datetime
    ) -> bool:
        """True when a pager took the message about each of the incidents, which it keeps by their keys."""
        taken = receiver.digest not in self._down and all(
            send_to_pager(receiver.url, message, incident, settings, now) for incident in incidents
        )
        if not taken:
            self._down.add(receiver.digest)
        return taken

    def send(self, receiver: Receiver, title: str, body: str, severity: Severity | None) -> bool:
        """True when the receiver took the message. ``severity`` None: something ended."""
        if receiver.digest in self._down:
            return False
        import apprise

        kinds = {Severity.ERROR: apprise.NotifyType.FAILURE, Severity.WARN: apprise.NotifyType.WARNING}
        channel = apprise.Apprise()
        channel.add(receiver.url)
        attempts = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(self._wait, max=2),
            retry=retry_if_result(lambda taken: not taken),
        )
        try:
            # Names of tenants are in it: text, which Apprise escapes for receivers that take markup.
            attempts(
                channel.notify,
                body=body,
                title=title,
                notify_type=kinds[severity] if severity else apprise.NotifyType.SUCCESS,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except RetryError:
            self._down.add(receiver.digest)
            return False
        return True
