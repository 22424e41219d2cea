"""Receivers of alerts, and runs in this process on a real Dagster instance."""

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg
import pytest

from eventflow_pipeline_tests.defs.conftest import defs, instance, postgres_instance
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver

__all__ = ["defs", "instance", "postgres_instance"]


@pytest.fixture
def new_receiver() -> Iterator[Callable[[], HttpReceiver]]:
    """Makes receivers, each up on a port of its own."""
    made: list[HttpReceiver] = []

    def make() -> HttpReceiver:
        made.append(HttpReceiver())
        return made[-1]

    yield make
    for receiver in made:
        receiver.down()


@pytest.fixture
def receiver(new_receiver: Callable[[], HttpReceiver]) -> HttpReceiver:
    """One receiver."""
    return new_receiver()


@pytest.fixture
def run_days(instance: dg.DagsterInstance, defs: dg.Definitions) -> Callable[..., dg.ExecuteInProcessResult]:
    """Materialize an inclusive range of days as one run in this process."""
    job = defs.resolve_job_def("daily_buckets_job")

    def execute(first: date, last: date | None = None) -> dg.ExecuteInProcessResult:
        tags = {
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": (last or first).isoformat(),
        }
        return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)

    return execute
