"""Conditions somebody must be notified of: what a sensor finds wrong, until it ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from eventflow_pipeline.domain.days import DayRange


class Severity(StrEnum):
    """How urgent a condition is: a ``WARN`` is looked at the same day, an ``ERROR`` pages somebody."""

    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is wrong now. Equal ``(name, subject)`` is the same condition, seen again.

    ``subject`` says whom or what it is about (a client id, a webinar id, a stream; "" for the whole); ``client_id``
    names the one client that is concerned, None everybody. ``numbers`` are what was measured; no personal data.
    ``runbook`` is an anchor of docs/runbook.md, ``command`` what to run, ``fix`` what puts it right, in one sentence,
    ``page`` a path of Dagster's user interface. ``own_days``: days each of which is something new when it comes,
    though others go on; ``narrowed`` says the same of some of them. ``final``: it can never become right, so people
    are told once.
    """

    name: str
    subject: str
    severity: Severity
    since: datetime
    summary: str
    runbook: str
    command: str
    days: DayRange | None = None
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)
    owner: str = "team:eventflow"
    client_id: UUID | None = None
    fix: str = "See the runbook."
    page: str = ""
    own_days: frozenset[date] = frozenset()
    narrowed: "Callable[[frozenset[date]], Condition] | None" = field(default=None, compare=False, repr=False)
    final: bool = False

    def for_days(self, days: frozenset[date]) -> "Condition":
        """The same, said of these of its own days alone."""
        if days == self.own_days:
            return self
        return self.narrowed(days) if self.narrowed else replace(self, own_days=days)
