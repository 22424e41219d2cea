"""Conditions somebody must be notified of: what a sensor finds wrong, until it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    ``runbook`` is an anchor of docs/runbook.md, ``command`` what to run, ``fix`` what puts it right, in one sentence.
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
