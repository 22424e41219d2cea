"""Viewers of live webinars: the presence snapshot and the existing job's five-minute buckets (W1, W2)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from eventflow_pipeline.dev.sample.dimensions import Dimensions
from eventflow_pipeline.dev.sample.names import random_uuid, stream
from eventflow_pipeline.dev.sample.options import SampleOptions, Timeline
from eventflow_pipeline.dev.sample.rows import ConcurrencyBucket, Presence, Webinar

_MINUTE = timedelta(minutes=1)
_BUCKET_SECONDS = 300
_LENGTH_MINUTES = 75
#: A viewer is active until this long after the last ping.
_ACTIVE = timedelta(seconds=180)


@dataclass(frozen=True, slots=True)
class Audience:
    """Presence rows and concurrency buckets of all live webinars."""

    presence: list[Presence]
    buckets: list[ConcurrencyBucket]


def build_audience(options: SampleOptions, timeline: Timeline, rows: Dimensions) -> Audience:
    """The audience of every live webinar that began before the end of the facts."""
    rng = stream(options.seed, "audience")
    audience = Audience([], [])
    for webinar in rows.webinars:
        if webinar.type == "live" and webinar.webinar_start_time < timeline.limit:
            viewers = _viewers(rng, webinar, 30 + min(options.visits_per_day // 12, 400), timeline.limit)
            audience.presence.extend(viewers)
            audience.buckets.extend(_buckets(rng, webinar, viewers, timeline.limit))
    return audience


def _viewers(rng: Random, webinar: Webinar, count: int, limit: datetime) -> list[Presence]:
    """People who come around the start and leave towards the end; last seen at their last ping."""
    viewers: list[Presence] = []
    for number in range(count):
        joined = webinar.webinar_start_time + timedelta(seconds=rng.triangular(-900, 2400, 0))
        left = webinar.webinar_start_time + timedelta(minutes=_LENGTH_MINUTES, seconds=rng.gauss(0, 300))
        if rng.random() < 0.25:
            left = joined + (left - joined) * rng.random()
        left = min(max(left, joined), limit)
        if joined >= limit:
            continue
        seen = max(joined, left - timedelta(seconds=rng.uniform(0, 120)))
        viewers.append(
            Presence(
                webinar_id=webinar.id,
                user_id=random_uuid(rng),
                joined_at=joined,
                last_seen_at=seen,
                agency_id=None,
                client_id=webinar.client_id if number % 3 == 0 else None,
                created_at=joined,
                updated_at=seen,
            )
        )
    return viewers


def _buckets(rng: Random, webinar: Webinar, viewers: list[Presence], limit: datetime) -> list[ConcurrencyBucket]:
    """One sample a minute while somebody is active, put together by UTC floor of 300 seconds."""
    buckets: dict[datetime, ConcurrencyBucket] = {}
    minute = (min(viewer.joined_at for viewer in viewers)).replace(second=0, microsecond=0) + _MINUTE
    last = min(limit, max(viewer.last_seen_at for viewer in viewers) + _ACTIVE)
    while minute <= last:
        active = sum(viewer.joined_at <= minute <= viewer.last_seen_at + _ACTIVE for viewer in viewers)
        if active:
            seconds = int(minute.timestamp())
            start = datetime.fromtimestamp(seconds - seconds % _BUCKET_SECONDS, tz=UTC)
            if start not in buckets:
                buckets[start] = ConcurrencyBucket(
                    random_uuid(rng), webinar.id, start, 0, 0, active, active, active, *(minute,) * 4
                )
            add_sample(buckets[start], minute, active)
        minute += _MINUTE
    return list(buckets.values())


def add_sample(bucket: ConcurrencyBucket, at: datetime, active: int) -> None:
    """Add a sample as the existing writer does: every call counts, a retry as well."""
    bucket.sample_count += 1
    bucket.sum_participants += active
    bucket.min_participants = min(bucket.min_participants, active)
    bucket.max_participants = max(bucket.max_participants, active)
    bucket.last_participants = active
    bucket.last_sample_at = bucket.updated_at = at
