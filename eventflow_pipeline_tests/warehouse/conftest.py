"""What tests of the warehouse share."""

from collections.abc import Iterator

import pytest

from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.small_world import Mirror


@pytest.fixture
def mirror(database: Database) -> Iterator[Mirror]:
    """A small world of facts without any, in the database and beside it."""
    made = Mirror(database)
    made.clear()
    yield made
    made.close()
