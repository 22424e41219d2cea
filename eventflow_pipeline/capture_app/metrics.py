"""What a process of capture counts of itself, as Prometheus reads it, on a port that is not public."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from fastapi import FastAPI

from eventflow_pipeline.capture_app.event_queue import EventQueue
from eventflow_pipeline.capture_app.log_lines import LogLines
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

_NAME = "eventflow_capture"


@contextmanager
def shown_metrics(app: FastAPI, where: str) -> Iterator[str | None]:
    """Shows the metrics of ``app`` at ``where`` (EVENTFLOW_CAPTURE_METRICS) within the block; yields their address.

    Served by a thread, so that they are there also while the event loop is stuck. Raises UserError when they cannot be.
    """
    if where.lower() == "off":
        yield None
        return
    from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(
            f"EVENTFLOW_CAPTURE_METRICS is {where!r}, which is no address and port: write it as 127.0.0.1:8601, or off."
        )
    registry = CollectorRegistry()
    registry.register(cast("Collector", _Counted(app.state.queue, app.state.log)))
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as problem:
        raise UserError(
            f"The metrics of capture cannot be shown at {where} ({type(problem).__name__}): set "
            "EVENTFLOW_CAPTURE_METRICS to an address and port that are free, one a process, or to off."
        ) from problem
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Counted:
    """Reads what is counted, whenever somebody asks."""

    def __init__(self, queue: EventQueue, log: LogLines) -> None:
        self._queue, self._log = queue, log

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        queue = self._queue
        answers = CounterMetricFamily(f"{_NAME}_answers", "Events the database answered to.", labels=["fact", "status"])
        for (fact, status), count in dict(queue.answered).items():
            answers.add_metric([fact, status], count)
        lines = CounterMetricFamily(
            f"{_NAME}_lines", "Log lines of level warning and error: what each means is in docs/capture.md.",
            labels=["event", "reason"],
        )  # fmt: skip
        for what, count in self._log.counts.total().items():
            lines.add_metric(list(what), count)
        lately = GaugeMetricFamily(
            f"{_NAME}_lines_last_hour", "The same, of the last sixty minutes.", labels=["event", "reason"]
        )
        for what, count in self._log.counts.last_hour().items():
            lately.add_metric(list(what), count)
        yield from (answers, lines, lately)
        away = queue.away_since
        for name, described, value in (
            ("queue_events", "Events held in memory.", len(queue)),
            ("queue_bytes", "Bytes of the events held in memory.", queue.size),
            ("refusing", "1 while events are refused because the queue is full.", int(queue.refusing)),
            (
                "database_away_seconds",
                "How long the database has not taken events; 0: it does.",
                0 if away is None else max(time.monotonic() - away, 0.001),
            ),
        ):
            yield GaugeMetricFamily(f"{_NAME}_{name}", described, value=value)
