"""Measuring data-quality indicators (Q1-Q7) into stats.quality_daily, and judging them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Engine

from eventflow_pipeline.domain.days import DayRange, contiguous, day_start, today
from eventflow_pipeline.domain.foreign_text import plain
from eventflow_pipeline.domain.quality import Finding, Indicators, Judge
from eventflow_pipeline.logs import logger
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import (
    again_when_lost,
    connect,
    day_transaction,
    grouping_by_hash,
    joining_by_hash,
    reason,
)
from eventflow_pipeline.warehouse.db.locks import quality_lock
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.fact_days import day_bounds, execute_folded
from eventflow_pipeline.warehouse.quality.deficit import Span, visits_and_entries
from eventflow_pipeline.warehouse.quality.silence import quiet_streams
from eventflow_pipeline.warehouse.quality.thresholds import judge
from eventflow_pipeline.warehouse.registry import current_definition, definitions_in_force

#: Days measured from one snapshot.
_DAYS_AT_ONCE = 10
_SILENCE_DAYS = 7
#: How much of a value that somebody invented is shown.
_EXAMPLE = 60


def measure(engine: Engine, settings: Settings, days: DayRange) -> dict[date, Exception]:
    """Measure the indicators of ``days`` from their facts and replace what is stored; returns the days that could not
    be measured, and why: they keep what they had, which says of which facts it is (``derived_from``).

    Linkage (Q2), which depends on visits of other days, is measured only where what it depends on has changed; so is
    that of the measured days around, whose look-back holds one of ``days``. One worker at a time.
    """
    failed = _measure_each(engine, settings, days)
    try:
        measure_linkage(engine, settings, around=days)
    except Exception as problem:
        # It stays stale, and is asked for again by itself: no day of the run waits for its neighbours.
        logger().warning("linkage_not_measured", days=str(days), reason=reason(problem))
    return failed


def _measure_each(engine: Engine, settings: Settings, days: DayRange) -> dict[date, Exception]:
    failed: dict[date, Exception] = {}
    for part in days.chunks(_DAYS_AT_ONCE):
        try:
            again_when_lost(partial(_measure, engine, settings, part))
        except Exception as problem:
            if len(part) == 1:
                failed[part.first] = problem
                continue
            # Which of them it was nobody knows: each by itself, so that a day costs itself and not its neighbours.
            for day in part:
                failed |= _measure_each(engine, settings, DayRange(day, day))
    return failed


def _measure(engine: Engine, settings: Settings, days: DayRange) -> None:
    bounds, window = day_bounds(days, settings.zone), days.window(settings.zone)
    newest = max(today(settings.zone), days.last)
    with connect(engine) as connection, quality_lock(connection):
        create_scratch(connection, "storage/changes/create_day_counts")
        with day_transaction(connection):
            execute_folded(
                connection,
                "storage/changes/insert_day_counts",
                {
                    "dates": bounds["days"],
                    "starts": bounds["starts"],
                    "window_start": window.start,
                    "window_end": window.end,
                },
            )
            indicators_of = {
                **bounds,
                "definition": current_definition(connection, settings),
                "first_instant": day_start(settings.start_date, settings.zone),
                "last_instant": day_start(newest + timedelta(days=1), settings.zone),
                "clone_entries": settings.quality.clone_entries,
                "clone_share": settings.quality.clone_share,
            }
            with grouping_by_hash(connection):
                connection.execute(statement("storage/quality/upsert_indicators"), indicators_of)
            connection.execute(statement("storage/quality/delete_missing_indicators"), {"days": list(days)})
            _measure_linkage(connection, settings, days)


def measure_linkage(engine: Engine, settings: Settings, around: DayRange | None = None) -> int:
    """Measure linkage (Q2) anew of every measured day whose input changed, such as its look-back; returns the days.

    ``around``: only of those that look back to one of these days, or one day ahead to the first.
    """
    with connect(engine) as connection:
        measured = connection.execute(statement("storage/quality/select_measured_range")).one()
        days_before = definitions_in_force(connection).linkage_days_before
    first, last = measured.first_day, measured.last_day
    if around and first:
        first = max(first, around.first - timedelta(days=1))
        last = min(last, around.last + timedelta(days=days_before + 1))
    done = 0
    for part in DayRange(first, last).chunks(_DAYS_AT_ONCE) if first and first <= last else ():
        with connect(engine) as connection, quality_lock(connection), day_transaction(connection):
            done += _measure_linkage(connection, settings, part)
    return done


def _measure_linkage(connection: Connection, settings: Settings, days: DayRange) -> int:
    now = definitions_in_force(connection)
    due: dict[date, str] = {
        row.bucket_date: row.input
        for row in connection.execute(
            statement("storage/quality/select_linkage_inputs"), day_bounds(days, settings.zone)
        )
    }
    for part in contiguous(due):
        window = part.window(settings.zone)
        around = {
            **day_bounds(part, settings.zone),
            "days_before": now.linkage_days_before,
            "minutes_after": now.linkage_minutes_after,
            "inputs": [due[day] for day in part],
            "look_back_start": window.start - timedelta(days=now.linkage_days_before),
            "look_back_end": window.end + timedelta(minutes=now.linkage_minutes_after, microseconds=1),
        }
        with joining_by_hash(connection):
            connection.execute(statement("storage/quality/update_linkage"), around)
    return len(due)


def indicators(engine: Engine, settings: Settings, days: DayRange) -> Sequence[Indicators]:
    """Stored indicators of ``days``, per client and for everything, with the medians they are judged against."""
    asked = {"first_day": days.first, "last_day": days.last, "minimum_volume": settings.quality.minimum_volume}
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/quality/select_indicators"), asked)
        return [dict(row) for row in rows.mappings()]


def findings(engine: Engine, settings: Settings, days: DayRange, now: datetime | None = None) -> list[Finding]:
    """Everything past a threshold on ``days``, by the stored indicators; of today also by the trailing hour (Q6)."""
    now = now or datetime.now(UTC)
    judged = judge(engine, settings)
    found = judged.findings(indicators(engine, settings, days))
    found += _campaign_rates(engine, settings, judged, days)
    found += _many_members(engine, judged, days)
    newest = today(settings.zone, now)
    found += _silences(engine, settings, judged, days, now)
    if newest in days:
        found += _trailing_deficits(engine, settings, judged, newest, now)
    return found


def _campaign_rates(engine: Engine, settings: Settings, judged: Judge, days: DayRange) -> Iterable[Finding]:
    with connect(engine) as connection:
        rows = connection.execute(
            statement("storage/quality/select_campaign_rates"),
            {"first_day": days.first, "last_day": days.last, "minimum_volume": settings.quality.minimum_volume},
        ).all()
    for row in rows:
        what = f"{row.entity_type} {row.entity_id}: {row.conversions} conversions of {row.visits} visits"
        yield from judged.judged("cvr", row.bucket_date, row.client_id, what, row.conversions / row.visits, row.visits)


def _many_members(engine: Engine, judged: Judge, days: DayRange) -> Iterable[Finding]:
    """Client-days whose members of a grain are too many, each field once, by the smallest grain that shows it."""
    asked = {"first_day": days.first, "last_day": days.last, "least": judged.least_members()}
    told = set()
    with connect(engine) as connection:
        rows = connection.execute(statement("storage/quality/select_many_members"), asked).all()
        # The least grain that has many values of a field comes first; of equal ones the first that is registered.
        for row in sorted(rows, key=lambda row: (row.bucket_date, str(row.client_id), row.members)):
            if not judged.members(row.bucket_date, row.client_id, "", row.members, row.median_members):
                continue
            member = {"bucket_date": row.bucket_date, "client_id": row.client_id, "grain": row.grain}
            most = connection.execute(statement("storage/quality/select_member_examples"), member).first()
            field = most.field if most else "what has a row"
            if (row.bucket_date, row.client_id, field) in told:
                continue
            told.add((row.bucket_date, row.client_id, field))
            what = f"{'unknown client, ' if row.client_id is None else ''}{row.members:,} members of {row.grain}"
            if most:
                shown = ", ".join(repr(plain(value)[:_EXAMPLE]) for value in most.examples)
                what += f", {most.members:,} by {field} such as {shown}"
            yield from judged.members(row.bucket_date, row.client_id, what, row.members, row.median_members)


def _trailing_deficits(
    engine: Engine, settings: Settings, judged: Judge, day: date, now: datetime
) -> Iterable[Finding]:
    when = f"in the last {settings.quality.deficit_window_minutes} minutes"
    for row in visits_and_entries(engine, settings, now):
        if row.span is Span.WINDOW:
            yield from judged.deficit(day, row.client_id, row.visits, row.entries, when)


def _silences(engine: Engine, settings: Settings, judged: Judge, days: DayRange, now: datetime) -> Iterable[Finding]:
    """Streams that were silent when a day ended, or are now; of long ranges the newest days only: it is for on-call."""
    for day in list(days)[-_SILENCE_DAYS:]:
        at = min(now, day_start(day + timedelta(days=1), settings.zone))
        for quiet in quiet_streams(engine, settings, at):
            what = f"{quiet.stream} quiet for {quiet.quiet_seconds / 60:.0f} minutes"
            yield from judged.judged("silence", day, quiet.client_id, what, quiet.excess, 0)
