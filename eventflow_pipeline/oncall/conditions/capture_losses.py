"""What capture's processes say of themselves: events lost or refused, calls limited, a database that takes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.oncall.capture_processes import CaptureProcess, capture_processes
from eventflow_pipeline.settings import Settings

#: A restart of the database is over by then.
_AWAY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class _Wrong:
    what: str
    severity: Severity
    said: str
    remedy: str


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:  # noqa: ARG001
    """``capture_losses`` of every process that EVENTFLOW_CAPTURE_PROCESSES names, by what is wrong with it."""
    return losses(settings, now)


def losses(settings: Settings, now: datetime) -> list[Condition]:
    """The same for who has no database to ask."""
    return [
        Condition(
            name="capture_losses",
            subject=f"{wrong.what} at {process.url}",
            severity=wrong.severity,
            since=now,
            summary=f"capture at {process.url} {wrong.said}",
            runbook="capture-losses",
            command="eventflow probe" if wrong.severity is Severity.ERROR else "eventflow doctor",
            fix=wrong.remedy,
            numbers={"lost": process.lost, "limited": process.limited, "held": process.held},
        )
        for process in capture_processes(settings)
        for wrong in _wrong(process, settings.capture.limited_calls)
    ]


def _wrong(process: CaptureProcess, limited_calls: int) -> Iterator[_Wrong]:
    if process.silent:
        yield _Wrong(
            "silent", Severity.ERROR, f"does not answer ({process.silent})",
            "Start the process, or put its address in EVENTFLOW_CAPTURE_PROCESSES right.",
        )  # fmt: skip
    if process.refusing:
        yield _Wrong(
            "refusing", Severity.ERROR, f"refuses events: its queue is full with {process.held}",
            "Bring the database back and leave the process running: what it holds is stored then.",
        )  # fmt: skip
    if process.away_seconds > _AWAY_SECONDS:
        yield _Wrong(
            "away", Severity.ERROR,
            f"holds {process.held} events in memory: the database has taken none for {process.away_seconds:.0f} s",
            "Bring the database back and leave the process running: what it holds is stored then.",
        )  # fmt: skip
    if process.lost:
        yield _Wrong(
            "lost", Severity.ERROR, f"lost {process.lost} events in the last hour",
            "Read its log lines capture_lost: each has the reason; tell the clients from when to when.",
        )  # fmt: skip
    if process.failed:
        yield _Wrong(
            "failed", Severity.ERROR, f"failed to answer {process.failed} requests in the last hour",
            "A defect: its log lines capture_failed have the kind of error and the route.",
        )  # fmt: skip
    if process.limited > limited_calls:
        yield _Wrong(
            "limited", Severity.WARN, f"refused {process.limited} calls in the last hour for their rate",
            "See who calls; raise EVENTFLOW_CAPTURE_RATE where they are visitors, name the proxy where they are one.",
        )  # fmt: skip
