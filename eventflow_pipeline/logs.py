"""Structured logs (P1, F1): one JSON object a line on stdout, of services and of Dagster's runs and ticks alike.

The fields are documented in docs/logs.md. Never an e-mail, a phone number, a name, a session id or a form value (S7):
fields that would hold one are redacted, and so is what looks like one in any text. Writing never raises (F2).
Our own lines (structlog) and those of Python's logging meet in one formatter. structlog is imported with the first
line: most commands write none, and it takes longer to import than all modules of the command line together.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from eventflow_pipeline.domain.partition_tags import PARTITION, RANGE_END, RANGE_START
from eventflow_pipeline.domain.personal_data import FORBIDDEN_FIELDS, REDACTED, redact

if TYPE_CHECKING:
    import structlog

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


def _described(_logger: Any, _method: str, event: "structlog.typing.EventDict") -> "structlog.typing.EventDict":
    """A record of Python's logging, Dagster's included, in the fields of our own lines."""
    record: logging.LogRecord = event["_record"]
    meta: Mapping[str, Any] = getattr(record, "dagster_meta", None) or {}
    tags: Mapping[str, str] = meta.get("job_tags") or {}
    happened = meta.get("dagster_event")
    fields = {
        "event": happened.event_type_value.lower() if happened else "log",
        "message": meta.get("orig_message") or event["event"],
        "reason": _reason(record.exc_info[1] if record.exc_info else None, happened),
        "partition": tags.get(PARTITION)
        or "..".join(filter(None, (tags.get(RANGE_START), tags.get(RANGE_END))))
        or None,
        "run_id": meta.get("run_id"),
        "job": meta.get("job_name"),
        "step": meta.get("step_key"),
        "logger": record.name,
    }
    known = {key: value for key, value in fields.items() if value is not None}
    return {**known, "_record": record, "_from_structlog": False}


def _reason(problem: BaseException | None, happened: Any = None) -> str | None:
    """Type and first line of an error, or the first line of the one a Dagster event carries."""
    if problem is not None:
        lines = str(problem).strip().splitlines()
        return f"{type(problem).__name__}: {lines[0] if lines else ''}"
    error = getattr(getattr(happened, "event_specific_data", None), "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    lines = error.message.strip().splitlines() if error is not None else []
    return lines[0] if lines else None


def _explained(_logger: Any, _method: str, event: "structlog.typing.EventDict") -> "structlog.typing.EventDict":
    """An error handed over as ``exc_info`` becomes the reason: a traceback quotes what nobody may read."""
    given = event.pop("exc_info", None)
    if given:
        problem = given if isinstance(given, BaseException) else (given if given is not True else sys.exc_info())[1]
        event.setdefault("reason", _reason(problem))
    return event


def _finished(_logger: Any, _method: str, event: "structlog.typing.EventDict") -> "structlog.typing.EventDict":
    """When it was said, how loudly, and nothing personal."""
    record: logging.LogRecord = event.pop("_record")
    del event["_from_structlog"]
    said = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
    return {"timestamp": said, **clean(event), "level": record.levelname.lower()}


@cache
def formatter() -> logging.Formatter:
    """Every line of this project, whoever said it, comes out of here: one schema, one redaction."""
    import structlog

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_described],
        processors=[_finished, structlog.processors.JSONRenderer(default=str, ensure_ascii=False)],
    )


class JsonHandler(logging.Handler):
    """Writes records as JSON lines where this process logs; named in dagster.yaml for runs and ticks."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON object."""
        return formatter().format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; in a command only warnings and errors."""
        if _answers_on_stdout and record.levelno < logging.WARNING:
            return
        try:
            line = self.format(record)
        except Exception:  # F2: a record that cannot be rendered is worth a line, never a failed run
            line = json.dumps({"level": "error", "event": "log_unreadable", "logger": record.name})
        with suppress(OSError, ValueError):  # a full disk or a closed pipe must not touch the main flow (F2)
            stream = _stream()
            stream.write(line + "\n")
            stream.flush()


#: Not one of logging's own tree: nobody's logging configuration reaches it.
_LINES = logging.Logger("eventflow")
_LINES.addHandler(JsonHandler())


def logger(lines: logging.Logger = _LINES, /, **bound: Any) -> "structlog.typing.FilteringBoundLogger":
    """A logger whose every line carries ``bound``; ``logger().info("event_name", reason=..., client_id=...)``.

    ``lines`` takes them to a ``JsonHandler`` by another way than at once.
    """
    import structlog

    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        lines,
        processors=[
            structlog.contextvars.merge_contextvars,
            _explained,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
    )
    return log.bind(**bound)
