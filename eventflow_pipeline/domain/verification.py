"""Which days the nightly verification covers."""

from datetime import date, timedelta

from eventflow_pipeline.domain.days import DayRange


def nightly_ranges(first: date, today: date, size: int) -> list[DayRange]:
    """The ``size`` days before ``today``, and as many older ones, another part each night, until all had their turn.

    ``first`` is the first partition. Old days change rarely and are read for nothing else: so all of history is
    verified every ``ceil(older days / size)`` nights, at the price of two recent windows a night.
    """
    recent = DayRange(max(first, today - timedelta(days=size)), today - timedelta(days=1)) if first < today else None
    if recent is None:
        return []
    if recent.first == first:
        return [recent]
    parts = list(DayRange(first, recent.first - timedelta(days=1)).chunks(size))
    return [recent, parts[today.toordinal() % len(parts)]]
