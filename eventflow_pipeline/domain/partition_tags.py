"""The tags by which Dagster says which partitions a run is about: one, or an inclusive range."""

PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
