"""The same test over many values: some on every change, all before a release."""

from collections.abc import Iterable
from typing import Any

import pytest


def some(values: Iterable[Any], always: int) -> list[Any]:
    """Parameters of a test: the first ``always`` as they are, the others for `make test-long`."""
    return [value if n < always else pytest.param(value, marks=pytest.mark.long) for n, value in enumerate(values)]
