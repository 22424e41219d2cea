"""Structured logs (P1, F1): one JSON object a line on stdout, of services and of Dagster's runs and ticks alike.

The fields are documented in docs/logs.md. Never an e-mail, a phone number, a name, a session id or a form value (S7):
fields that would hold one are redacted, and so is what looks like one in any text. Writing never raises (F2).
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from eventflow_pipeline.domain.partition_tags import PARTITION, RANGE_END, RANGE_START
from eventflow_pipeline.domain.personal_data import FORBIDDEN_FIELDS, REDACTED, redact

_answers_on_stdout = False


@contextmanager
def leaving_stdout_alone() -> Iterator[None]:
    """Meanwhile log to stderr, warnings and errors only: this process prints an answer on stdout (a command)."""
    global _answers_on_stdout  # noqa: PLW0603
    before, _answers_on_stdout = _answers_on_stdout, True
    try:
        yield
    finally:
        _answers_on_stdout = before


def _stream() -> TextIO:
    return sys.stderr if _answers_on_stdout else sys.stdout


def clean(value: Any) -> Any:
    """``value`` as JSON may hold it, without personal data: forbidden fields and personal-looking text are redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            str(key): REDACTED if str(key).lower() in FORBIDDEN_FIELDS and item is not None else clean(item)
            for key, item in value.items()
        }
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _write(line: str) -> None:
    with suppress(OSError, ValueError):  # a full disk or a closed pipe must not touch the main flow (F2)
        stream = _stream()
        stream.write(line + "\n")
        stream.flush()


class _Lines:
    """What structlog hands its finished lines to."""

    def msg(self, line: str) -> None:
        _write(line)

    debug = info = warning = error = critical = exception = log = msg


def _without_personal_data(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return dict(clean(event))


def _quiet_in_commands(_logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if _answers_on_stdout and method in ("debug", "info"):
        raise structlog.DropEvent
    return event


def logger(**bound: Any) -> structlog.typing.FilteringBoundLogger:
    """A logger whose every line carries ``bound``; ``logger().info("event_name", reason=..., client_id=...)``."""
    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        _Lines(),
        processors=[
            _quiet_in_commands,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_personal_data,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ],
    )
    return log.bind(**bound)


class JsonFormatter(logging.Formatter):
    """A record of Python's logging, Dagster's included, as one line of the same schema."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without the line break."""
        meta: Mapping[str, Any] = getattr(record, "dagster_meta", None) or {}
        tags: Mapping[str, str] = meta.get("job_tags") or {}
        happened = meta.get("dagster_event")
        fields = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": happened.event_type_value.lower() if happened else "log",
            "message": meta.get("orig_message") or record.getMessage(),
            "reason": _reason(record, happened),
            "partition": tags.get(PARTITION)
            or "..".join(filter(None, (tags.get(RANGE_START), tags.get(RANGE_END))))
            or None,
            "run_id": meta.get("run_id"),
            "job": meta.get("job_name"),
            "step": meta.get("step_key"),
            "logger": record.name,
        }
        return json.dumps(clean({key: value for key, value in fields.items() if value is not None}), ensure_ascii=False)


class JsonHandler(logging.Handler):
    """Writes records as JSON lines where this process logs; named in dagster.yaml for runs and ticks."""

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; in a command only warnings and errors."""
        if _answers_on_stdout and record.levelno < logging.WARNING:
            return
        try:
            _write(self.format(record))
        except Exception:  # F2: a record that cannot be rendered is worth a line, never a failed run
            _write(json.dumps({"level": "error", "event": "log_unreadable", "logger": record.name}))


def _reason(record: logging.LogRecord, happened: Any) -> str | None:
    """Type and first line of the error a record carries."""
    if record.exc_info and record.exc_info[1] is not None:
        problem = record.exc_info[1]
        lines = str(problem).strip().splitlines()
        return f"{type(problem).__name__}: {lines[0] if lines else ''}"
    error = getattr(getattr(happened, "event_specific_data", None), "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    lines = error.message.strip().splitlines() if error is not None else []
    return lines[0] if lines else None
