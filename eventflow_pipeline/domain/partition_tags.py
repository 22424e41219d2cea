"""The tags by which Dagster says which partitions a run is about: one, or an inclusive range."""

from collections.abc import Mapping
from datetime import date

from eventflow_pipeline.domain.days import DayRange

PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def tagged_days(tags: Mapping[str, str]) -> DayRange | None:
    """Days a run is about, from its partition or range tags; None when it has none that are dates."""
    first, last = tags.get(RANGE_START) or tags.get(PARTITION), tags.get(RANGE_END) or tags.get(PARTITION)
    try:
        return DayRange(date.fromisoformat(first), date.fromisoformat(last)) if first and last else None
    except ValueError:
        return None
