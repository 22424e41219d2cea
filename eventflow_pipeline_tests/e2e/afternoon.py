"""What tests of the running stack are told: a business zone far from midnight, and to leave healing to people."""

from datetime import UTC, datetime


def zone_where_it_is_afternoon() -> str:
    """So that an hour under test and the hours before it lie in one business day whenever the test runs."""
    east = (14 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}" if east else "UTC"


def quiet_afternoon() -> dict[str, str]:
    """Settings of a stack in such a zone, in which nothing is healed but by whoever asks."""
    return {
        "EVENTFLOW_TIMEZONE": zone_where_it_is_afternoon(),
        "DAGSTER_GRPC_TIMEOUT_SECONDS": "300",
        "EVENTFLOW_CHANGES_INTERVAL_SECONDS": "3600",
    }
