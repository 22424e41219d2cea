"""Traps in the existing five-minute concurrency buckets (W1, W2)."""

from uuid import UUID

from eventflow_pipeline.dev.sample.audience import add_sample
from eventflow_pipeline.dev.sample.rows import ConcurrencyBucket
from eventflow_pipeline.dev.sample.traps.world import World, trap


def _buckets(world: World, webinar: int) -> list[ConcurrencyBucket]:
    """Buckets of live webinar number ``webinar`` in order of time; 0 and 1 are always over."""
    webinar_id = world.rows.webinars[webinar].id
    return sorted(
        (row for row in world.audience.buckets if row.webinar_id == webinar_id),
        key=lambda row: row.time_bucket,
    )


@trap("the job stood still for ten minutes: two buckets are missing between these two rows (W2)")
def missing_buckets(world: World) -> list[UUID]:
    rows = _buckets(world, 0)
    middle = len(rows) // 2
    for row in rows[middle : middle + 2]:
        world.audience.buckets.remove(row)
    return [rows[middle - 1].id, rows[middle + 2].id]


@trap("the job missed two of five minutes: a bucket of three samples (W2)")
def short_bucket(world: World) -> list[UUID]:
    row = _buckets(world, 0)[3]
    row.sample_count = 3
    row.sum_participants = row.min_participants + row.max_participants + row.last_participants
    return [row.id]


@trap("the job was retried: a bucket of eight samples in five minutes (W1, W2)")
def retried_bucket(world: World) -> list[UUID]:
    row = _buckets(world, 1)[4]
    for _ in range(3):
        add_sample(row, row.last_sample_at, row.last_participants)
    return [row.id]


@trap("minutes without viewers left no zero sample, so no bucket has a minimum of 0 (W1)")
def no_zero_samples(world: World) -> list[UUID]:
    return [row.id for row in world.audience.buckets]


@trap("presence is one row per viewer without client or agency: client only through the webinar (W1)")
def presence_without_client(world: World) -> list[UUID]:
    return [row.user_id for row in world.audience.presence if row.client_id is None]
