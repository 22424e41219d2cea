"""Replacing one business day in one transaction: session-days, buckets, hour buckets and the state of the day."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, text

from eventflow_pipeline.domain.changes import (
    UNMARKED,
    Cause,
    DayInput,
    DayLosses,
    Hold,
    Verdict,
    cause_of_change,
    judge_day,
)
from eventflow_pipeline.domain.days import day_window
from eventflow_pipeline.domain.holds import parts_held_with
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import (
    hold_day,
    hold_parameters,
    mark_of,
    marked_parts,
    stale_with,
)
from eventflow_pipeline.warehouse.changes.guard import (
    DayHeld,
    day_losses,
    follow_lost_facts,
    hold_of_missing_rows,
    limits,
    moved_parts,
    newest_published,
)
from eventflow_pipeline.warehouse.days import delta
from eventflow_pipeline.warehouse.days.delta_comparison import DeltaComparison
from eventflow_pipeline.warehouse.db.engine import connect, day_transaction
from eventflow_pipeline.warehouse.db.locks import chunks_lock, day_lock, no_histogram_step
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.engines.day_engine import ComputedDay, DayWork, EngineError, day_engine
from eventflow_pipeline.warehouse.engines.postgres import PostgresDay
from eventflow_pipeline.warehouse.fact_days import execute_folded
from eventflow_pipeline.warehouse.ranges.pruning import require_session_days
from eventflow_pipeline.warehouse.registry import (
    DEFINITION_VERSION,
    current_definition,
    engine_of,
    hourly_lists,
    published_grains,
    without_engine,
)


class ParityError(Exception):
    """A day's staged rows do not add up to its facts (E3); the day was rolled back."""


@dataclass(frozen=True, slots=True)
class DayTotals:
    """What a replaced day holds: measures over everything (M1-M3), exclusions (E3), buckets, hour buckets (B1).

    ``held``: why clients kept what was published of them; None when nobody did. ``computed_by``: the engine that
    computed it, as it says.
    """

    day: date
    session_days: int
    hits: int
    visits: int
    sessionless_hits: int
    conversions: int
    unknown_link_hits: int
    unresolved_link_hits: int
    unknown_client_hits: int
    excluded_hits: int
    excluded_conversions: int
    watermark: datetime | None
    buckets: Mapping[str, int]
    campaign_hours: int
    held: str | None = None
    computed_by: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """On whose behalf days are replaced, for the ledger, and whether the guard against mass loss watches.

    ``accepted``: somebody named takes responsibility for what the guard against mass loss would hold.
    ``from_scratch`` writes every row anew instead of only what differs: for repair, where what is stored may be
    damaged in ways facts cannot cause, such as a row twice.
    """

    run_id: str | None = None
    reason: str = "backfill"
    author: str = "eventflow_pipeline"
    accepted: bool = False
    from_scratch: bool = False


def replace_day(engine: Engine, day: date, settings: Settings, request: Request | None = None) -> DayTotals:
    """Compute ``day`` from its facts and replace what is stored, whole, also by nothing (mistake 4).

    Clients the guard holds keep what is published of them: their session-days take the place of those their facts
    would give, and everything is counted from these (E3).

    Its return histograms are left pending for ``histograms.merge_pending``; ranges that contain the day are
    answered from session-days until then. The day's lock is held from before the snapshot until after the commit;
    readers see the old day or the new. The day's fingerprint and its rows in the ledger are of the same snapshot.
    ``engine`` must be the pipeline's. Raises ParityError when the result does not account for every fact, DayHeld
    when the guard keeps all old buckets (the day is marked), EngineError when the engine gave nothing that can be
    published, UserError when pruned session-days no longer reach it.
    """
    request = request or Request()
    everywhere = settings.changes.deltas == "everywhere" and not (request.accepted or request.from_scratch)
    if everywhere and delta.update_day(engine, day, settings, _behalf(request)) is None:
        with connect(engine) as connection:
            if published := totals_as_stored(connection, [day]):
                return published[0]
    try:
        return _replace_day(engine, day, settings, request)
    except DayHeld as held:
        hold_day(engine, settings, held)
        raise


def _replace_day(engine: Engine, day: date, settings: Settings, request: Request) -> DayTotals:
    window = day_window(day, settings.zone)
    bounds = {"window_start": window.start, "window_end": window.end}
    the_day = {"bucket_date": day}
    with connect(engine) as connection:
        create_scratch(connection, *delta.SCRATCH)
        with (
            no_histogram_step(connection),
            day_lock(connection, day),
            # Without them passes count all facts: only who needs them takes them.
            chunks_lock(connection) if (deltas := delta.deltas_of(connection, day)) else nullcontext(),
            day_transaction(connection),
            _computing(connection, day, settings) as computed,
        ):
            require_session_days(connection, day)
            if was_delta := deltas > 0 and not request.from_scratch:
                # What was added since: then it is what is computed now, or deltas were wrong.
                delta.add_facts(connection, day, settings, delta.Behalf(), before_whole=True)
                delta.clear_scratch(connection)
            computed.stage_session_days()
            totals = _totals(connection, {**the_day, **bounds, "held_clients": []})
            _require_parity(day, totals)
            definition = current_definition(connection, settings)
            parameters = {**the_day, **bounds, "definition": definition}
            decided = _decide(connection, totals, parameters, settings, request)
            stored, verdict, cause, hold, held_clients, totals = decided
            held = {**the_day, "held_clients": held_clients}
            is_same = not held_clients and stored == _input(totals, definition)
            comparison = DeltaComparison(connection, day) if was_delta and is_same else None
            added = None if hold else _left_out(connection, day, settings)
            everything, totals = totals, _totals(connection, {**held, **bounds}) if added else totals
            if connection.execute(statement("storage/days/select_histogram_included"), the_day).scalar():
                connection.execute(statement("storage/days/insert_session_day_changes"), the_day)
            _replace(connection, "session_days", day, from_scratch=request.from_scratch)
            # What is published of clients that are held no other engine has seen.
            buckets_of = PostgresDay(connection, computed.work) if held_clients else computed
            buckets_of.stage_buckets()
            if comparison and added is None:
                comparison.buckets()
            if not request.from_scratch and added is None:
                _require_equal_buckets(connection, day, stored, _input(totals, definition))
            connection.execute(
                statement("storage/days/insert_replacement"),
                {
                    **the_day,
                    "run_id": request.run_id,
                    "cause": cause.value if cause else "unchanged",
                    "reason": request.reason,
                    "author": request.author,
                },
            )
            _replace(connection, "buckets", day, from_scratch=request.from_scratch)
            buckets = connection.execute(statement("storage/days/select_bucket_counts")).all()
            connection.execute(statement("storage/days/delete_campaign_hours"), {**held, **hourly_lists(connection)})
            computed.insert_campaign_hours(day, held_clients)
            campaign_hours: int = connection.execute(
                statement("storage/days/select_campaign_hour_count"), the_day
            ).scalar_one()
            connection.execute(statement("storage/days/delete_client_days"), held)
            connection.execute(statement("storage/days/insert_client_days"), the_day)
            _record_state(connection, {**the_day, **bounds}, totals, definition, verdict, hold, request)
            if added is not None:
                delta.stage(connection, window, added)
                delta.publish(connection, day, settings, added, _behalf(request))
                _require_all_added(connection, day, everything)
            if comparison:
                comparison.rest()
            delta.remember_whole(connection, day, settings)
            if added is not None and (published := totals_as_stored(connection, [day])):
                return published[0]
    measured = {f.name: totals[f.name] for f in fields(DayTotals) if f.name in totals}
    return DayTotals(
        day=day,
        buckets={b.grain: b.buckets for b in buckets},
        campaign_hours=campaign_hours,
        computed_by=computed.by,
        held=hold.reason if hold and verdict.cause is not Cause.DIMENSIONS_MISSING else None,
        **measured,
    )


def _decide(
    connection: Connection,
    totals: RowMapping,
    parameters: Mapping[str, Any],
    settings: Settings,
    request: Request,
) -> tuple[DayInput | None, Verdict, Cause | None, Hold | None, list[UUID | None], RowMapping]:
    """What the stored day was computed from, the verdict on it, why it changes, its hold, who is held, what to publish.

    ``totals``: as staged. Clients that are held get what is published of them into the stage. Raises DayHeld.
    """
    day, definition = parameters["bucket_date"], parameters["definition"]
    stored, mark = _stored(connection, day)
    verdict = _judge(connection, day, stored, totals, definition, mark, settings)
    cause, hold = verdict.cause, None if request.accepted else verdict.hold
    if cause and hold and not hold.covers:
        raise DayHeld(day, cause, hold)
    held_clients = sorted(hold.covers, key=str) if hold else []
    if hold:
        totals = _keep_published(connection, {**parameters, "held_clients": held_clients})
        cause = cause_of_change(stored, _input(totals, definition))
    elif not request.accepted and (hold := hold_of_missing_rows(connection, day)):
        verdict = Verdict(Cause.DIMENSIONS_MISSING, hold)
    return stored, verdict, cause, hold, held_clients, totals


def _behalf(request: Request) -> delta.Behalf:
    return delta.Behalf(request.run_id, request.reason, request.author)


def _record_state(
    connection: Connection,
    the_day: Mapping[str, Any],
    totals: RowMapping,
    definition: str,
    verdict: Verdict,
    hold: Hold | None,
    request: Request,
) -> None:
    """The row of the day's state, with the mark that stays: what is held, or counted without dimension rows."""
    connection.execute(
        statement("storage/days/upsert_partition_state"),
        {
            **{name: value for name, value in totals.items() if not name.startswith("raw_")},
            **the_day,
            "definition_version": DEFINITION_VERSION,
            "definition": definition,
            "stale_cause": verdict.cause if hold else None,
            "stale_clients": sorted(stale_with(verdict), key=str) if hold else None,
            **hold_parameters(hold),
            "run_id": request.run_id,
        },
    )


def _left_out(connection: Connection, day: date, settings: Settings) -> delta.Added | None:
    """Where every day takes deltas (for tests): a random part of the day's facts, and the others staged alone."""
    if settings.changes.deltas != "everywhere" or settings.engine != "postgres":
        return None
    window = day_window(day, settings.zone)
    added = delta.random_part(connection, day, window)
    connection.execute(text("truncate stage_session_days"))
    bounds = {"window_start": window.start, "window_end": window.end}
    execute_folded(connection, "storage/deltas/insert_others", {**bounds, "ids": added.ids, "are_these": False})
    return added


def _require_all_added(connection: Connection, day: date, everything: RowMapping) -> None:
    """A day that was published without some facts, which then were added, has the totals of all its facts."""
    found = connection.execute(statement("storage/deltas/select_totals"), {"bucket_date": day}).mappings().one()
    if wrong := [name for name in found if found[name] != everything[name]]:
        raise ParityError(f"{day}: {', '.join(wrong)} are others after facts were added than of all facts at once.")


def totals_as_stored(connection: Connection, days: Iterable[date]) -> list[DayTotals]:
    """What the computed ones of ``days`` hold, but stale ones, as ``replace_day`` said it when it computed them."""
    rows = connection.execute(statement("storage/computed/select_stored_totals"), {"days": list(days)}).mappings()
    return [DayTotals(**row) for row in rows]


def _computing(connection: Connection, day: date, settings: Settings) -> AbstractContextManager[ComputedDay]:
    """The day as ``EVENTFLOW_ENGINE`` computes it from the transaction's snapshot."""
    window = day_window(day, settings.zone)
    work = DayWork(day, window.start, window.end, published_grains(connection), **hourly_lists(connection))
    return day_engine(settings).computing(connection, work)


def _require_equal_buckets(connection: Connection, day: date, stored: DayInput | None, now: DayInput) -> None:
    """Another engine gives the same buckets for the same facts, dimensions and definitions, or nothing is published."""
    if stored is None or stored.definition == now.definition:
        return
    if replace(stored, definition="") != replace(now, definition="") or (
        without_engine(stored.definition) != without_engine(now.definition)
    ):
        return
    if differing := connection.execute(
        statement("storage/days/select_differing_buckets"), {"bucket_date": day}
    ).scalar_one():
        raise EngineError(
            f"{day}: computed by {engine_of(now.definition)}, {differing} buckets are not what "
            f"{engine_of(stored.definition)} made of the same facts; nothing of the day was published. Set "
            f"EVENTFLOW_ENGINE={engine_of(stored.definition)} and report it."
        )


def _totals(connection: Connection, parameters: Mapping[str, Any]) -> RowMapping:
    return connection.execute(statement("storage/days/select_day_totals"), parameters).mappings().one()


def _input(totals: RowMapping, definition: str) -> DayInput:
    """What a day is computed from, of its staged totals."""
    return DayInput(
        excluded_facts=totals["excluded_hits"] + totals["excluded_conversions"],
        definition=definition,
        **{f.name: totals[f.name] for f in fields(DayInput) if f.name in totals},
    )


def _stored(connection: Connection, day: date) -> tuple[DayInput | None, Verdict]:
    """What the stored day was computed from (None: never), and its mark where that keeps something as it is."""
    row = connection.execute(statement("storage/days/select_stored_input"), {"bucket_date": day}).first()
    mark = mark_of(row) if row else UNMARKED
    stored = DayInput(**{f.name: getattr(row, f.name) for f in fields(DayInput)}) if row and row.computed_at else None
    return stored, UNMARKED if mark.cause is Cause.DIMENSIONS_MISSING else mark


def _judge(
    connection: Connection,
    day: date,
    stored: DayInput | None,
    totals: RowMapping,
    definition: str,
    mark: Verdict,
    settings: Settings,
) -> Verdict:
    """The verdict on the stored day, given what is staged now; losses are counted only where something differs.

    Held with clients that would lose too much are those that facts went to or came from within the day, as this
    transaction sees it, and whom the pass held that compared all days, as long as their facts are not the same again.
    """
    now, losses = _input(totals, definition), DayLosses()
    if stored and stored != now:
        if totals["folded_facts"]:
            # What folded entities were before (A6) staged rows do not say, and the guard must know.
            window = day_window(day, settings.zone)
            bounds = {"window_start": window.start, "window_end": window.end}
            named = {"dates": [day], "starts": [window.start]}
            execute_folded(connection, "storage/changes/insert_day_counts", {**bounds, **named})
        else:
            connection.execute(statement("storage/changes/insert_staged_day_counts"), {"bucket_date": day})
        losses = follow_lost_facts(connection, settings, day_losses(connection, [day]), [day])[day]
    verdict = judge_day(stored, now, losses, limits(settings), mark)
    own = verdict.hold.clients if verdict.hold else frozenset()
    followed = mark.hold.with_them if mark.hold else frozenset()
    if verdict.cause is None or not (own or followed):
        return verdict
    parts = {(day, client) for client in own}
    newest = newest_published(connection, parts | marked_parts(connection, but=day))
    moved = moved_parts(connection, settings, [day], newest)
    found = parts_held_with(parts, moved) | {(day, client) for client in followed if (day, client) in moved}
    return verdict.held_with(frozenset(client for _, client in found))


def _keep_published(connection: Connection, parameters: Mapping[str, Any]) -> RowMapping:
    """Stage what is published of the clients that are held instead of what they would count now; returns the totals."""
    differences = connection.execute(statement("storage/days/select_held_differences"), parameters).mappings().all()
    for step in (
        "delete_held_stage",
        "update_held_stage",
        "insert_held_stage",
        "insert_held_client_days",
        "update_held_client_days",
    ):
        connection.execute(statement(f"storage/days/{step}"), parameters)
    totals = _totals(connection, parameters)
    _require_parity(parameters["bucket_date"], totals, differences)
    return totals


def _replace(connection: Connection, table: str, day: date, *, from_scratch: bool) -> None:
    """Make the day's stored rows equal to the staged ones, writing only what differs, or everything."""
    if from_scratch:
        connection.execute(statement(f"storage/days/delete_all_{table}"), {"bucket_date": day})
    stored = connection.execute(statement(f"storage/days/select_any_{table}"), {"bucket_date": day}).scalar_one()
    for step in ("delete_missing", "insert_new") if stored else ("insert_all",):
        connection.execute(statement(f"storage/days/{step}_{table}"), {"bucket_date": day})


def _require_parity(day: date, totals: RowMapping, held_differences: Sequence[RowMapping] = ()) -> None:
    """Σ buckets + excluded + Σ held differences = raw, for hits and conversions of the day's window (E3)."""
    for measure in ("hits", "conversions"):
        counted, raw = totals[measure] + totals[f"excluded_{measure}"], totals[f"raw_{measure}"]
        counted += sum(difference[measure] for difference in held_differences)
        if counted != raw:
            raise ParityError(
                f"{day}: {counted} {measure} were attributed or excluded but the facts hold {raw}; the day was left as "
                "it was (a dimension row that matches a fact twice would do this)."
            )
