"""Structured logs (P1, F1): one JSON object a line on stdout.

Every line has ``timestamp`` (UTC), ``level``, ``event`` and, where they apply, ``reason``, ``client_id``, ``partition``
and ``run_id``. Never an e-mail, a phone number, a name, a session id or a form value (S7).
"""

import sys
from typing import Any

import structlog


def logger(**bound: Any) -> structlog.typing.FilteringBoundLogger:
    """A logger whose every line carries ``bound``; ``logger().info("event_name", reason=..., client_id=...)``."""
    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    return log.bind(**bound)
