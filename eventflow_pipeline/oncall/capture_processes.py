"""Processes of capture, asked over HTTP for what they count of themselves: their metrics, and nothing else."""

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException

from eventflow_pipeline.settings import Settings

_SECONDS = 3
_MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class CaptureProcess:
    """What one process says; ``silent``: why it does not. Counts are of the last hour."""

    url: str
    silent: str | None = None
    lost: int = 0
    limited: int = 0
    failed: int = 0
    refusing: bool = False
    held: int = 0
    away_seconds: float = 0


#: Lines of a process's log by what they count as.
_COUNTS_AS = {
    ("capture_lost", None): "lost",
    ("presence_lost", None): "lost",
    ("capture_failed", None): "failed",
    ("call_refused", "too many calls"): "limited",
    ("short_link_unresolved", "asked too often"): "limited",
}


def capture_processes(settings: Settings) -> Iterator[CaptureProcess]:
    """Ask every process of EVENTFLOW_CAPTURE_PROCESSES. Never raises: one that does not answer is ``silent``."""
    for url in filter(None, map(str.strip, settings.capture.processes.split(","))):
        try:
            yield _read(url, _text(url))
        except (OSError, ValueError, HTTPException) as problem:
            yield CaptureProcess(url, silent=type(problem).__name__)


def _text(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("no address")
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310
        text: bytes = answer.read(_MOST_BYTES)
    return text.decode()


def _read(url: str, text: str) -> CaptureProcess:
    from prometheus_client.parser import text_string_to_metric_families

    counts = dict.fromkeys(("lost", "limited", "failed"), 0)
    gauges: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "eventflow_capture_lines_last_hour":
                event, reason = sample.labels["event"], sample.labels["reason"]
                what = _COUNTS_AS.get((event, reason)) or _COUNTS_AS.get((event, None))
                if what:
                    counts[what] += round(sample.value)
            else:
                gauges[sample.name] = sample.value
    if "eventflow_capture_queue_events" not in gauges:
        raise ValueError("these are no metrics of capture")
    return CaptureProcess(
        url,
        lost=counts["lost"],
        limited=counts["limited"],
        failed=counts["failed"],
        refusing=gauges["eventflow_capture_refusing"] > 0,
        held=round(gauges["eventflow_capture_queue_events"]),
        away_seconds=gauges["eventflow_capture_database_away_seconds"],
    )
