"""Receivers of alerts."""

from collections.abc import Callable, Iterator

import pytest

from eventflow_pipeline_tests.oncall.receiver import HttpReceiver


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
