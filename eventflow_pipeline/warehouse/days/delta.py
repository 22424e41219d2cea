"""Bringing a published day up to date by the facts that were added to it, in one transaction, if nothing else changed.

What is added is counted as the whole day is (``numbers/cells``, ``numbers/buckets``), over all of the sessions that the
facts are of, as they were and as they are: a distinct number is never added to another but of other sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, text

from eventflow_pipeline.domain.changes import Cause
from eventflow_pipeline.domain.days import DayRange, DayWindow, day_window
from eventflow_pipeline.domain.deltas import ANY_TIME, MOST, OVERLAP, Refusal, hours_of, hours_window, windows_of
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.chunks import renew_chunks
from eventflow_pipeline.warehouse.db.engine import connect, day_transaction
from eventflow_pipeline.warehouse.db.locks import try_chunks, try_day
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.engines.day_engine import DayWork
from eventflow_pipeline.warehouse.engines.postgres import PostgresDay
from eventflow_pipeline.warehouse.fact_days import execute_folded
from eventflow_pipeline.warehouse.registry import current_definition, hourly_lists, published_grains

#: What a connection that computes days has to create.
SCRATCH = (
    "storage/days/create_session_days_stage",
    "storage/days/create_cells",
    "storage/days/create_buckets_stage",
    "storage/changes/create_day_counts",
    "storage/deltas/create_added",
    "storage/deltas/create_bucket_changes",
)


@dataclass(frozen=True, slots=True)
class Behalf:
    """On whose behalf a day is brought up to date, for the ledger."""

    run_id: str | None = None
    reason: str = "facts were added"
    author: str = "eventflow_pipeline"


@dataclass(frozen=True, slots=True)
class Added:
    """Facts that were added to a day: ids, times, and when the newest was recorded."""

    ids: Sequence[UUID]
    occurred_at: Sequence[datetime]
    watermark: datetime | None


def update_day(engine: Engine, day: date, settings: Settings, behalf: Behalf | None = None) -> Refusal | None:
    """Add to what is published of ``day`` what was added to its facts; waits for nobody.

    Returns why not, where the day has to be computed whole: whatever is not proven in the snapshot, under the day's
    lock. Its return histograms are left pending for ``histograms.merge_pending``. ``engine`` must be the pipeline's.
    """
    with connect(engine) as connection:
        create_scratch(connection, *SCRATCH)
        with try_day(connection, day) as free, try_chunks(connection) as alone:
            if not (free and alone):
                return Refusal.IN_WORK
            with day_transaction(connection):
                return add_facts(connection, day, settings, behalf or Behalf())


def clear_scratch(connection: Connection) -> None:
    """Empty them."""
    tables = "stage_session_days, stage_cells, stage_buckets, stage_added, stage_bucket_changes"
    connection.execute(text(f"truncate {tables}"))


def deltas_of(connection: Connection, day: date) -> int:
    """How many deltas of ``day`` were published since it was computed whole."""
    row = connection.execute(statement("storage/deltas/select_delta_day"), {"bucket_date": day}).first()
    return int(row.deltas) if row else 0


def add_facts(
    connection: Connection, day: date, settings: Settings, behalf: Behalf, *, before_whole: bool = False
) -> Refusal | None:
    """``update_day`` within a transaction, under ``try_chunks`` and the day's lock.

    ``before_whole``: it is computed whole afterwards and compared; so it may be over, or due, and its numbers wrong.
    """
    window = day_window(day, settings.zone)
    stored = connection.execute(statement("storage/deltas/select_delta_day"), {"bucket_date": day}).first()
    if stored is None:
        return Refusal.NOT_PUBLISHED
    definition = current_definition(connection, settings)
    if (refusal := _in_the_way(stored, settings, definition, before_whole=before_whole)) is not None:
        return refusal
    bounds = {"bucket_date": day, "window_start": window.start, "window_end": window.end}
    added = _facts(connection, "added", {**bounds, "since": stored.facts_at - _overlap(settings)})
    if len(added.ids) > MOST:
        return Refusal.TOO_MANY
    renew_chunks(connection, settings, DayRange(day, day))
    stage(connection, window, added)
    proof = connection.execute(statement("storage/deltas/select_proof"), bounds).one()
    if not (proof.is_all and (proof.adds_up or before_whole)):
        return Refusal.NOT_PROVEN
    publish(connection, day, settings, added, behalf)
    _remember(connection, day, settings, _now(connection), deltas=1)
    return None


def _in_the_way(stored: Row[Any], settings: Settings, definition: str, *, before_whole: bool) -> Refusal | None:
    """Why a day cannot be brought up to date, whatever was added to it."""
    reasons = {
        Refusal.SWITCHED_OFF: settings.changes.deltas == "never",
        Refusal.OTHER_ENGINE: settings.engine != "postgres",
        Refusal.OVER: stored.is_over and settings.changes.deltas != "everywhere" and not before_whole,
        Refusal.HOURLY: stored.ran and not before_whole,
        Refusal.DEFINITION: stored.definition != definition,
        Refusal.MARKED: stored.stale_cause not in (None, Cause.FACTS_ADDED),
        Refusal.HELD: stored.is_held or not stored.are_as_one,
        Refusal.KEPT: stored.is_kept,
        Refusal.DIFFERED: stored.differing > 0,
        Refusal.CLOCK: stored.lies_ahead,
    }
    return next((refusal for refusal, holds in reasons.items() if holds), None)


def random_part(connection: Connection, day: date, window: DayWindow) -> Added:
    """Some of the day's facts, for ``EVENTFLOW_CHANGES_DELTAS=everywhere``."""
    return _facts(connection, "random", {"bucket_date": day, "window_start": window.start, "window_end": window.end})


def _facts(connection: Connection, which: str, parameters: dict[str, Any]) -> Added:
    wanted = statement(f"storage/deltas/select_{which}_facts")
    named = {name: parameters[name] for name in wanted.compile().params if name in parameters}
    rows = connection.execute(wanted, {**named, "most": MOST + (which == "added")}).all()
    watermark = max((row.recorded_at for row in rows), default=None)
    return Added([row.id for row in rows], [row.occurred_at for row in rows], watermark)


def stage(connection: Connection, window: DayWindow, added: Added) -> None:
    """Stage the attributed facts that were added."""
    for part in windows_of(added.occurred_at, window):
        bounds = {"window_start": part.start, "window_end": part.end}
        execute_folded(connection, "storage/deltas/insert_added", {**bounds, "ids": added.ids, "are_these": True})
    connection.execute(text("analyze stage_added"))


def publish(connection: Connection, day: date, settings: Settings, added: Added, behalf: Behalf) -> None:
    """Add what is staged to everything that is published of the day, which is its facts without what is staged."""
    window = day_window(day, settings.zone)
    work = DayWork(day, window.start, window.end, published_grains(connection), **hourly_lists(connection))
    the_day = {"bucket_date": day}
    counting = PostgresDay(connection, work)
    connection.execute(text("truncate stage_session_days, stage_cells, stage_buckets"))
    connection.execute(statement("storage/deltas/insert_touched"), the_day)
    connection.execute(text("analyze stage_session_days"))
    counting.stage_buckets()
    connection.execute(statement("storage/deltas/negate_buckets"))
    connection.execute(statement("storage/deltas/delete_touched"), the_day)
    connection.execute(statement("storage/deltas/insert_merged"))
    if connection.execute(statement("storage/days/select_histogram_included"), the_day).scalar():
        connection.execute(statement("storage/deltas/insert_appeared"), the_day)
    appeared = connection.execute(statement("storage/deltas/select_appeared")).scalar_one()
    connection.execute(statement("storage/deltas/delete_unmerged"))
    connection.execute(statement("storage/days/insert_all_session_days"), the_day)
    connection.execute(text("truncate stage_cells"))
    counting.stage_buckets()
    connection.execute(statement("storage/deltas/insert_bucket_changes"))
    connection.execute(text("truncate stage_buckets"))
    connection.execute(
        statement("storage/deltas/insert_ledger"),
        {
            **the_day,
            "run_id": behalf.run_id,
            "cause": Cause.FACTS_ADDED if added.ids else "unchanged",
            "reason": behalf.reason,
            "author": behalf.author,
        },
    )
    connection.execute(statement("storage/deltas/insert_changed_buckets"), the_day)
    connection.execute(statement("storage/deltas/delete_changed_buckets"), the_day)
    connection.execute(statement("storage/days/insert_all_buckets"), the_day)
    if work.clients or work.campaigns:
        for first, last in hours_of(added.occurred_at):
            hours = {**the_day, "first_hour": first, "last_hour": last}
            connection.execute(statement("storage/deltas/delete_changed_hours"), hours)
            part = hours_window(first, last, window)
            of_hours = replace(work, window_start=part.start, window_end=part.end)
            PostgresDay(connection, of_hours).insert_campaign_hours(day, [])
    connection.execute(
        statement("storage/deltas/update_settled_client_days"),
        {**the_day, "window_start": window.start, "window_end": window.end, "ids": added.ids},
    )
    connection.execute(statement("storage/deltas/insert_client_days"), the_day)
    connection.execute(
        statement("storage/deltas/update_partition_state"),
        {**the_day, "run_id": behalf.run_id, "session_days": appeared, "watermark": added.watermark},
    )


def _overlap(settings: Settings) -> timedelta:
    return ANY_TIME if settings.changes.deltas == "everywhere" else OVERLAP


def remember_whole(connection: Connection, day: date, settings: Settings) -> None:
    """Remember what the next delta of a day that was computed whole has to know, if it may have one; else forget it."""
    window, now = day_window(day, settings.zone), _now(connection)
    days = settings.changes.deltas
    if days == "everywhere" or (days == "today" and window.start <= now < window.end):
        _remember(connection, day, settings, now, deltas=None)
    else:
        connection.execute(statement("storage/deltas/delete_delta_day"), {"bucket_date": day})


def _remember(connection: Connection, day: date, settings: Settings, now: datetime, deltas: int | None) -> None:
    """Remember what the next delta of the day has to know; ``deltas`` None: the day was computed whole."""
    window = day_window(day, settings.zone)
    connection.execute(
        statement("storage/deltas/upsert_delta_day"),
        {
            "bucket_date": day,
            "window_start": window.start,
            "window_end": window.end,
            "since": now - _overlap(settings),
            "deltas": deltas,
        },
    )


def _now(connection: Connection) -> datetime:
    now: datetime = connection.execute(text("select transaction_timestamp()")).scalar_one()
    return now
