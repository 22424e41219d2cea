"""What Prometheus reads of the pipeline: how old its knowledge is, which days wait, what is wrong.

Names no client, no day and no person: whose it is, is for ``eventflow doctor`` and the alerts to say.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.oncall.doctor import examine
from eventflow_pipeline.oncall.probe import probe
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import stale_days
from eventflow_pipeline.warehouse.db.engine import pipeline

_NAME = "eventflow"


def pipeline_metrics(settings: Settings) -> CollectorRegistry:
    """A registry that looks at both databases whenever it is read."""
    registry = CollectorRegistry()
    registry.register(_Pipeline(settings))
    return registry


class _Pipeline(Collector):
    """Never raises for what is broken: a number that cannot be known is left out, and ``eventflow_healthy`` is 0."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def describe(self) -> list[Metric]:
        """Nothing is asked when it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, asked now; ages in seconds."""
        now = datetime.now(UTC)
        seen = probe(self._settings, now)
        yield GaugeMetricFamily(f"{_NAME}_healthy", "1 when eventflow probe finds nothing wrong.", int(seen.healthy))
        for name, described, age in (
            ("change_detection_age_seconds", "Since change detection last finished a pass.", seen.newest_detection_age),
            ("newest_tick_age_seconds", "Since a sensor or schedule last ticked.", seen.newest_tick_age),
        ):
            if age is not None:
                yield GaugeMetricFamily(f"{_NAME}_{name}", described, age)
        beats = GaugeMetricFamily(
            f"{_NAME}_daemon_heartbeat_age_seconds", "Since each of Dagster's daemons gave a sign.", labels=["daemon"]
        )
        for daemon, age in seen.daemon_heartbeat_ages.items():
            if age is not None:
                beats.add_metric([daemon], age)
        yield beats
        yield from self._days(now)
        wrong = GaugeMetricFamily(
            f"{_NAME}_findings", "What eventflow doctor finds wrong now.", labels=["finding", "severity"]
        )
        for (finding, severity), count in Counter(
            (f.name, f.severity.value) for f in examine(self._settings, now=now, probed=seen)
        ).items():
            wrong.add_metric([finding, severity], count)
        yield wrong

    def _days(self, now: datetime) -> Iterator[Metric]:
        try:
            with pipeline(self._settings) as engine:
                stale = stale_days(engine)
        except (UserError, SQLAlchemyError):
            return
        waiting = [now - day.stale_since for day in stale if day.due]
        yield GaugeMetricFamily(f"{_NAME}_stale_days", "Days that wait to be computed again.", len(waiting))
        yield GaugeMetricFamily(
            f"{_NAME}_held_days", "Days of which the guard keeps something until somebody decides.",
            sum(day.held_since is not None for day in stale),
        )  # fmt: skip
        yield GaugeMetricFamily(
            f"{_NAME}_oldest_stale_day_age_seconds", "How long the longest of them has waited; 0: none waits.",
            max(waiting).total_seconds() if waiting else 0,
        )  # fmt: skip
