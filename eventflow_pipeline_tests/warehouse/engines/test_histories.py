"""Random histories with either engine at each replacement: every answer is that of a clean load after every commit."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from eventflow_pipeline.settings import Settings
from eventflow_pipeline_tests.warehouse.ranges import test_ranges as ranges
from eventflow_pipeline_tests.worlds import small_world as small

pytest.importorskip("pysail", reason="the extra spark is not installed (make engines)")
pytest.importorskip("pyspark", reason="the extra spark is not installed (make engines)")

#: What a history is drawn from, beside its steps.
DRAWN: dict[str, Any] = {
    "visits": ranges.VISITS,
    "entries": ranges.ENTRIES,
    "folds": st.lists(st.sampled_from(small.FOLDS), unique=True, max_size=8),
    "backfilled": st.permutations(ranges.DAYS),
    "engines": st.lists(st.booleans(), min_size=5, max_size=5),
}


@pytest.mark.slow
@pytest.mark.parametrize("_round", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 20))])
@limits(**{**ranges.FIXED, "max_examples": 2}, phases=ranges.PHASES)  # type: ignore[arg-type]
@given(**DRAWN, history=ranges.HISTORY)
def test_every_answer_is_that_of_a_clean_load_whoever_computed(
    engineer: ranges.Engineer, by_spark: Settings, engines: list[bool], _round: int, **drawn: Any
) -> None:
    live_through(engineer, by_spark, engines, **drawn)


def live_through(engineer: ranges.Engineer, by_spark: Settings, engines: list[bool], **drawn: Any) -> None:
    """One of them, in which ``engines`` says again and again whether it is the second one's turn."""
    choice = itertools.cycle([True, *engines])
    engineer.settings = lambda: by_spark if next(choice) else engineer.database.settings
    ranges.live_through(engineer, **drawn)
