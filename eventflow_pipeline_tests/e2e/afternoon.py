"""A business zone in which tests of the running stack are far from midnight."""

from datetime import UTC, datetime


def zone_where_it_is_afternoon() -> str:
    """So that an hour under test and the hours before it lie in one business day whenever the test runs."""
    east = (14 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}" if east else "UTC"
