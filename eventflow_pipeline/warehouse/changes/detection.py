"""Change detection: compares what days were computed from with what is there now, and marks the days that differ."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, text

from eventflow_pipeline.domain.changes import (
    LOSSES,
    UNMARKED,
    Cause,
    DayInput,
    DayLosses,
    Hold,
    Verdict,
    hold_old_days,
    judge_day,
    released,
)
from eventflow_pipeline.domain.days import DayRange, contiguous, day_start, today
from eventflow_pipeline.domain.holds import Part, parts_held_with
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.chunks import days_due, forget_other_chunks, update_chunks
from eventflow_pipeline.warehouse.changes.guard import (
    DayHeld,
    day_losses,
    follow_lost_facts,
    limits,
    moved_parts,
    newest_published,
)
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read, server_time
from eventflow_pipeline.warehouse.db.locks import quality_lock, try_chunks, try_day
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.fact_days import day_bounds, execute_folded
from eventflow_pipeline.warehouse.ranges.pruning import oldest_replaceable
from eventflow_pipeline.warehouse.registry import DEFINITION_VERSION, current_definition

#: Days compared from one snapshot, so that no statement holds one for long.
_DAYS_AT_ONCE = 31
#: How long a pass waits in all for days that are being replaced while it wants to mark them.
_PATIENCE_SECONDS = 20.0


class Scope(StrEnum):
    """Which days a pass compares."""

    #: What is due of the look-back days and of those that newly recorded facts name, by chunk: every tick.
    LOOKBACK = "lookback"
    #: EVENTFLOW_CHANGES_SWEEP_DAYS back: hourly.
    SWEEP = "sweep"
    #: All days: nightly, and what `eventflow heal` does.
    ALL = "all"
    #: Days the caller names.
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class StaleDay:
    """A day whose stored buckets no longer stand for its facts (or that was never computed, with facts)."""

    day: date
    cause: Cause
    stale_since: datetime
    held_since: datetime | None = None
    held_reason: str | None = None
    #: The clients whose parts are held, with their names; none where the whole day is.
    held_names: Mapping[UUID | None, str] = field(default_factory=dict, compare=False)
    #: It can no longer be computed: somebody must keep it as it is.
    pruned: bool = False
    #: Those of them that would lose too much; the others are held with them.
    losing: frozenset[UUID | None] = frozenset()
    #: Something of it is not held, and waits to be computed.
    due: bool = False
    #: Why, of each of those that would lose too much.
    reasons: Mapping[UUID | None, str] = field(default_factory=dict, compare=False)

    def reason_of(self, client: UUID | None) -> str | None:
        """Why it is held as far as the client is concerned: its own loss, else the day's reason."""
        return self.reasons.get(client, self.held_reason)


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """Facts before the first partition or after the current day (T4)."""

    hits: int
    conversions: int


@dataclass(frozen=True, slots=True)
class Detection:
    """What a pass found.

    ``changed``: the days in scope of which something differs that may be computed again. ``held``: those of which the
    guard keeps something, and all it kept before; a day may be both. ``pruned``: all that differ and can no longer be
    computed. ``in_work``: days that differ but were being replaced all the while, and were not marked.
    ``out_of_range`` is counted by passes over all days.
    """

    scope: Scope
    started_at: datetime
    checked: int
    changed: tuple[StaleDay, ...]
    held: tuple[StaleDay, ...]
    in_work: tuple[date, ...] = ()
    out_of_range: OutOfRange | None = None
    pruned: tuple[StaleDay, ...] = ()

    @property
    def days(self) -> tuple[date, ...]:
        """The changed days of which something may be computed, oldest first."""
        return tuple(stale.day for stale in self.changed)


Clients = frozenset[UUID | None] | None


@dataclass(frozen=True, slots=True)
class _ComparedDay:
    """A day as a pass saw it: the verdict on it, and the one it is marked with."""

    day: date
    computed_at: datetime | None
    marked: Verdict
    verdict: Verdict
    #: The clients it is marked stale for, and those whose part of it differs (None in it: the unknown one); None: all.
    marked_clients: Clients
    differing: Clients
    #: Somebody keeps it as it is, with the facts it has now.
    kept: bool = False
    #: Of whom another number is excluded than was: not held, whoever they are (E3).
    excluded: frozenset[UUID | None] = frozenset()
    marked_due: bool = False
    #: Whether others than those that would lose too much lose something, or links.
    others_lose: bool = False

    @property
    def holds_back(self) -> bool:
        """Whether something published of it is held; not where it only was counted without dimension rows."""
        return self.verdict.hold is not None and self.verdict.cause is not Cause.DIMENSIONS_MISSING

    @property
    def due(self) -> bool:
        """Whether something of it waits that is not held."""
        hold = self.verdict.hold
        if self.verdict.cause is None or hold is None:
            return self.verdict.cause is not None
        if not self.holds_back or not hold.covers:
            return False
        return self.differing is None or bool(self.differing - hold.covers) or bool(self.excluded & hold.covers)

    @property
    def stale_clients(self) -> Clients:
        """Whose numbers of the day are stale: those that differ, and those it is held for."""
        hold = self.verdict.hold
        if self.verdict.cause is None or self.differing is None or (hold and not hold.covers):
            return None
        return self.differing | stale_with(self.verdict)

    @property
    def is_marked(self) -> bool:
        """Whether its mark says already what was found."""
        marked = (self.marked, self.marked_clients, self.marked_due)
        return (self.verdict, self.stale_clients, self.due) == marked


def stale_with(verdict: Verdict) -> frozenset[UUID | None]:
    """Whose numbers of a day are stale because of what holds it; what a client misses the unknown one has too much."""
    if verdict.hold is None:
        return frozenset()
    return verdict.hold.covers | (frozenset({None}) if verdict.cause is Cause.DIMENSIONS_MISSING else frozenset())


def stale_days(engine: Engine) -> list[StaleDay]:
    """Days marked by earlier passes, held ones included, oldest first. Looks at no fact."""
    with connect(engine) as connection:
        return _marked_days(connection)


def _marked_days(connection: Connection) -> list[StaleDay]:
    rows = connection.execute(statement("storage/changes/select_marked_days")).all()
    names = _client_names(connection, (client for row in rows for client in row.held_clients or ()))
    oldest = oldest_replaceable(connection)
    return [
        StaleDay(
            day=row.bucket_date,
            cause=Cause(row.stale_cause),
            stale_since=row.stale_since,
            held_since=row.held_since,
            held_reason=row.held_reason,
            held_names={client: names[client] for client in row.held_clients or ()},
            pruned=row.bucket_date < oldest,
            losing=frozenset(row.losing_clients or ()),
            due=row.due,
            reasons=_reasons(row),
        )
        for row in rows
    ]


def _client_names(connection: Connection, clients: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Names of clients (None: the unknown one); the id of one without a row."""
    wanted = set(clients)
    known = {client: str(client) if client else "unknown" for client in wanted}
    if ids := [client for client in wanted if client]:
        known |= {
            row.id: row.name for row in connection.execute(statement("storage/changes/select_names"), {"clients": ids})
        }
    return known


def _would_be_marked(connection: Connection, judged: list[_ComparedDay], found_at: datetime) -> list[StaleDay]:
    """The marks there would be once the days were marked as judged; times of those that stay are kept."""
    days = {stale.day: stale for stale in _marked_days(connection)}
    names = _client_names(connection, (c for day in judged if day.verdict.hold for c in day.verdict.hold.covers))
    oldest = oldest_replaceable(connection)
    for compared in judged:
        verdict, was = compared.verdict, days.pop(compared.day, None)
        if verdict.cause is not None:
            days[compared.day] = StaleDay(
                day=compared.day,
                cause=verdict.cause,
                stale_since=was.stale_since if was else found_at,
                held_since=((was and was.held_since) or found_at) if verdict.hold else None,
                held_reason=verdict.hold.reason if verdict.hold else None,
                held_names={c: names[c] for c in sorted(verdict.hold.covers, key=str)} if verdict.hold else {},
                pruned=compared.day < oldest,
                losing=verdict.hold.clients if verdict.hold else frozenset(),
                due=compared.due,
                reasons=verdict.hold.reasons if verdict.hold else {},
            )
    return [days[day] for day in sorted(days)]


def newest_detection(engine: Engine) -> tuple[datetime | None, datetime]:
    """When change detection last finished a pass (None: never), and since when there are build settings at all."""
    with connect(engine) as connection:
        row = connection.execute(statement("storage/changes/select_newest_detection")).one()
    return row.finished_at, row.migrated_since


def detect_changes(
    engine: Engine,
    settings: Settings,
    scope: Scope = Scope.LOOKBACK,
    named: Iterable[date] = (),
    *,
    dry_run: bool = False,
) -> Detection:
    """Compare the days in ``scope`` with what is stored, mark those that differ, and record the pass.

    ``dry_run``: say what a pass would find and write nothing, no mark and no pass.

    Only windows of the facts are read, through their time indexes; by a look-back pass the rows' versions, and of the
    facts those chunks that moved. A day that was never computed counts as changed
    only when it has facts; a marked day that is again what was computed loses its mark. What the guard holds stays
    held until it is accepted, or is again what it was. Days that somebody keeps as they are stay unmarked while their
    facts are those they were accepted with. ``engine`` must be the pipeline's.
    """
    with connect(engine) as connection:
        started_at = server_time(connection)
        due, others = _days_in_scope(connection, settings, scope, named)
        parts = _compare(connection, settings, due, others, by_chunk=scope is Scope.LOOKBACK and not dry_run)
        days = sorted(day for part in parts for day in part.days)
        compared = [day for part in parts for day in part.differing]
        recent = _recent_days(settings)
        judged = _hold_together(connection, settings, compared, recent.first, checked=set(days))
        if not dry_run:
            _note_agreeing(connection, parts, judged)
        in_work = () if dry_run else _mark(connection, settings, judged, started_at)
        out_of_range = count_out_of_range(connection, settings) if scope is Scope.ALL else None
        marked = _would_be_marked(connection, judged, started_at) if dry_run else _marked_days(connection)
        seen = {day.day for day in compared}
        if not dry_run:
            differing = {day.day for day in compared if day.kept or day.verdict.cause}
            connection.execute(
                statement("storage/changes/delete_ended_keeps"),
                {"days": [day for day in days if day not in differing], "found_at": started_at},
            )
            # Of the current day alone, which is compared all the time, not each time.
            for together in _together(days if scope is not Scope.LOOKBACK or recent.first in days else ()):
                _forget_linkage(connection, settings, together)
            if scope is Scope.ALL:
                forget_other_chunks(connection, ())
        found = Detection(
            scope=scope,
            started_at=started_at,
            checked=len(days),
            changed=tuple(stale for stale in marked if stale.day in seen and stale.due and not stale.pruned),
            held=tuple(stale for stale in marked if stale.held_since),
            in_work=in_work,
            out_of_range=out_of_range,
            pruned=tuple(stale for stale in marked if stale.pruned),
        )
        if dry_run:
            return found
        connection.execute(
            statement("storage/changes/insert_pass"),
            {
                "started_at": started_at,
                "scope": scope.value,
                "days_checked": found.checked,
                "days_changed": len(found.changed),
                "days_held": len(found.held),
                "compared_from": next((part.first for part in contiguous(days) if recent.last in part), None),
                "recent_from": recent.first,
                "out_of_range_hits": out_of_range.hits if out_of_range else None,
                "out_of_range_conversions": out_of_range.conversions if out_of_range else None,
            },
        )
    return found


def _forget_linkage(connection: Connection, settings: Settings, days: DayRange) -> None:
    """Have linkage (Q2) of ``days`` be stale where visits name other entries of them than when it was measured."""
    remarked, bounds = statement("storage/changes/select_remarked_days"), day_bounds(days, settings.zone)
    if connection.execute(remarked, bounds).first():
        with quality_lock(connection), repeatable_read(connection):
            found = list(connection.execute(remarked, bounds).scalars())
            connection.execute(statement("storage/changes/update_remarked_days"), {"days": found})


def compare_first(engine: Engine, settings: Settings, days: Iterable[date]) -> None:
    """Decide what is held before somebody's own backfill publishes the first of ``days``.

    Compares those that are computed, and the look-back; those never computed as well where something is held: facts of
    a held day may have come to them.
    """
    days = set(days)
    everything = days | {*_recent_days(settings)}
    with connect(engine) as connection:
        span = {"first_day": min(everything), "last_day": max(everything)}
        stored = {row.bucket_date for row in connection.execute(statement("storage/days/select_computed_days"), span)}
    near = everything & stored
    if near and detect_changes(engine, settings, Scope.NAMED, near).held:
        detect_changes(engine, settings, Scope.NAMED, days | near)


def count_out_of_range(connection: Connection, settings: Settings) -> OutOfRange:
    """Facts that belong to no day yet (T4)."""
    bounds = _bounds(_all_days(settings), settings)
    row = connection.execute(statement("numbers/out_of_range"), _window(bounds)).one()
    return OutOfRange(row.hits, row.conversions)


def days_of_campaign(engine: Engine, settings: Settings, campaign_id: Any) -> list[date]:
    """Days that hold facts of a campaign, oldest first."""
    bounds = _bounds(_all_days(settings), settings)
    with connect(engine) as connection:
        found = connection.execute(
            statement("storage/changes/select_days_of_campaign"), {**bounds, "campaign_id": campaign_id}
        )
        return sorted(found.scalars())


def _all_days(settings: Settings) -> DayRange:
    newest = today(settings.zone)
    return DayRange(min(settings.start_date, newest), newest)


def _recent_days(settings: Settings) -> DayRange:
    """The look-back days, the current one among them."""
    newest = today(settings.zone)
    oldest = newest - timedelta(days=settings.changes.lookback_days)
    return DayRange(max(oldest, _all_days(settings).first), newest)


def _together(days: Iterable[date]) -> Iterator[DayRange]:
    """``days`` as ranges, each of as many as are compared from one snapshot."""
    return (part for together in contiguous(days) for part in together.chunks(_DAYS_AT_ONCE))


def _bounds(days: DayRange, settings: Settings) -> dict[str, Any]:
    """Parameters that name contiguous days: their dates, first instants and whole window."""
    dates = list(days)
    window = days.window(settings.zone)
    return {
        "dates": dates,
        "starts": [day_start(day, settings.zone) for day in dates],
        "window_start": window.start,
        "window_end": window.end,
    }


def _window(bounds: dict[str, Any]) -> dict[str, Any]:
    return {name: bounds[name] for name in ("window_start", "window_end")}


def _days_in_scope(
    connection: Connection, settings: Settings, scope: Scope, named: Iterable[date]
) -> tuple[list[date], list[date]]:
    """The days to compare, and those to compare as well if any of them differs."""
    everything = _all_days(settings)
    if scope is Scope.NAMED:
        return sorted(day for day in set(named) if day in everything), []
    if scope is Scope.ALL:
        return list(everything), []
    if scope is Scope.SWEEP:
        back = everything.last - timedelta(days=settings.changes.sweep_days)
        return list(DayRange(max(everything.first, back), everything.last)), []
    overlap = timedelta(minutes=settings.changes.overlap_minutes)
    last = connection.execute(statement("storage/changes/select_last_pass")).scalar()
    # Without an earlier pass there is nothing to catch up with: the first sweep compares everything.
    since = (last or server_time(connection)) - overlap
    by_facts = connection.execute(
        statement("storage/changes/select_named_days"), {**_bounds(everything, settings), "since": since}
    )
    late = set(by_facts.scalars())
    days = sorted(late | {*_recent_days(settings)})
    forget_other_chunks(connection, days)
    due = days_due(connection, settings, days, late)
    return due, [day for day in days if day not in due]


@dataclass(frozen=True, slots=True)
class _Part:
    """Days compared from one snapshot, when, which computations it saw, and those that differ or are marked."""

    days: DayRange
    compared_at: datetime
    computed_at: Mapping[date, datetime]
    definition: str
    rows: Sequence[Row[Any]]
    losses: Mapping[date, DayLosses]
    differing: Sequence[_ComparedDay] = ()


def _compare(
    connection: Connection, settings: Settings, days: Sequence[date], others: Sequence[date], *, by_chunk: bool
) -> list[_Part]:
    """The days, and which of them differ from what is stored; each part from one snapshot.

    All are compared before the first is judged, and where one differs the ``others``, too: facts gone from one may have
    turned up on another.
    """
    create_scratch(connection, "storage/changes/create_day_counts")
    parts = [_compare_part(connection, settings, part, by_chunk) for part in _together(days)]
    if any(part.rows for part in parts):
        parts += [_compare_part(connection, settings, part, by_chunk) for part in _together(others)]
    differing = [row.bucket_date for part in parts for row in part.rows if not row.kept]
    losses = {day: loss for part in parts for day, loss in part.losses.items()}
    losses = follow_lost_facts(connection, settings, losses, differing)
    return [
        replace(
            part,
            differing=[
                _judged(row, part.definition, losses.get(row.bucket_date, DayLosses()), settings) for row in part.rows
            ],
        )
        for part in parts
    ]


def _compare_part(connection: Connection, settings: Settings, days: DayRange, by_chunk: bool) -> _Part:
    bounds = _bounds(days, settings)
    # Beside another pass that is at work on chunks all is counted from the facts, which says the same.
    with try_chunks(connection) if by_chunk else nullcontext(False) as free, repeatable_read(connection):
        compared_at = connection.execute(text("select transaction_timestamp()")).scalar_one()
        seen = connection.execute(
            statement("storage/days/select_computed_days"), {"first_day": days.first, "last_day": days.last}
        )
        computed_at = {row.bucket_date: row.computed_at for row in seen}
        definition = current_definition(connection, settings)
        counted = list(days)
        if free:
            counted = update_chunks(connection, settings, days)
        else:
            execute_folded(connection, "storage/changes/insert_day_counts", bounds)
        rows = connection.execute(
            statement("storage/changes/select_day_differences"), {"dates": counted, "definition": definition}
        ).all()
        losses = day_losses(connection, [row.bucket_date for row in rows if row.computed_at and not row.kept])
    return _Part(days, compared_at, computed_at, definition, rows, losses)


def _note_agreeing(connection: Connection, parts: Iterable[_Part], judged: Iterable[_ComparedDay]) -> None:
    """Note when days were found to agree (``as_of``), also those of which only held parts differ.

    After the snapshots' transactions: two passes that note the same day in one of their own would fail each other.
    """
    differing = {
        day.day
        for day in judged
        if day.kept or (day.verdict.cause and (day.due or not day.holds_back or not day.differing))
    }
    for part in parts:
        agreed = [day for day in part.days if day not in differing]
        connection.execute(
            statement("storage/changes/upsert_day_comparisons"),
            {
                "days": agreed,
                "computed_at": [part.computed_at.get(day) for day in agreed],
                "compared_at": part.compared_at,
            },
        )


def differing_days(
    connection: Connection, settings: Settings, days: DayRange, held: Mapping[date, Collection[UUID | None]]
) -> dict[date, Clients]:
    """Computed days whose facts, dimensions or definition are no longer what they were computed from.

    Each with the clients whose part of it differs (None: all), but for those that are ``held``, unless another number
    of theirs is excluded; days on which nobody else differs are left out. As seen by the transaction in progress on
    ``connection``; nothing is marked.
    """
    bounds = _bounds(days, settings)
    execute_folded(connection, "storage/changes/insert_day_counts", bounds)
    rows = connection.execute(
        statement("storage/changes/select_day_differences"),
        {"dates": bounds["dates"], "definition": current_definition(connection, settings)},
    )
    found: dict[date, Clients] = {}
    for row in rows:
        if not row.computed_at:
            continue
        differing, kept = _clients(row.differing_clients), frozenset(held.get(row.bucket_date, ()))
        if differing is not None and kept:
            differing = (differing - kept) | (frozenset(row.excluded_clients) & kept)
        if differing is None or differing:
            found[row.bucket_date] = differing
    return found


def _judged(row: Row[Any], definition: str, losses: DayLosses, settings: Settings) -> _ComparedDay:
    now = DayInput(
        row.facts, row.owned_facts, row.excluded_facts, row.folded_facts, row.fingerprint,
        row.attribution_fingerprint, definition,
    )  # fmt: skip
    stored = None
    if row.computed_at and row.was_fingerprint is not None:
        stored = DayInput(
            row.was_facts, row.was_owned_facts, row.was_excluded_facts, row.was_folded_facts, row.was_fingerprint,
            row.was_attribution_fingerprint, row.was_definition,
        )  # fmt: skip
    mark = mark_of(row)
    verdict = UNMARKED if row.kept else judge_day(stored, now, losses, limits(settings), mark)
    losing = {loss.client_id for loss in losses.clients}
    return _ComparedDay(
        day=row.bucket_date,
        computed_at=row.computed_at,
        marked=mark,
        verdict=verdict,
        marked_clients=_clients(row.stale_clients),
        differing=_clients(row.differing_clients),
        kept=row.kept,
        excluded=frozenset(row.excluded_clients),
        marked_due=bool(row.due),
        others_lose=losses.unlinked_facts > 0 or not losing <= (verdict.hold.clients if verdict.hold else set()),
    )


def _clients(ids: Iterable[UUID | None] | None) -> Clients:
    return None if ids is None else frozenset(ids)


def mark_of(row: Any) -> Verdict:
    """The verdict a day is marked with, of a row of ``stats.partition_state``."""
    losing = frozenset(row.losing_clients or ())
    with_them = frozenset(row.held_clients or ()) - losing
    hold = Hold(row.held_reason, losing, with_them, _reasons(row)) if row.held_reason else None
    return Verdict(Cause(row.stale_cause) if row.stale_cause else None, hold)


def _reasons(row: Any) -> dict[UUID | None, str]:
    """Why each client that would lose is held; nothing of marks that were made without."""
    return dict(zip(row.losing_clients or (), row.losing_reasons or (), strict=False))


def _hold_together(
    connection: Connection,
    settings: Settings,
    compared: list[_ComparedDay],
    old_before: date,
    checked: set[date],
) -> list[_ComparedDay]:
    """The days, and those marked before, after what holds of some mean for others.

    All old days that lost something are held when they are too many. Parts of days between which and held ones facts
    went, or may have, are held with them, so that no fact is published twice. A mark that has to do with other days
    ends with their holds. What can no longer be computed loses nothing and is not held: it waits for somebody to keep
    it as it is.
    """
    oldest = oldest_replaceable(connection)
    marked = connection.execute(statement("storage/changes/select_marked_days")).all()
    earlier = [
        _ComparedDay(
            day=row.bucket_date,
            computed_at=row.computed_at,
            marked=mark_of(row),
            verdict=mark_of(row),
            marked_clients=_clients(row.stale_clients),
            differing=_clients(row.stale_clients),
            marked_due=row.due,
        )
        for row in marked
        if row.bucket_date not in checked
    ]
    everything = [replace(d, verdict=Verdict(d.verdict.cause)) if d.day < oldest else d for d in (*compared, *earlier)]
    lost = {d.day for d in everything if d.verdict.cause in LOSSES and d.computed_at and oldest <= d.day < old_before}
    if hold := hold_old_days(len(lost), limits(settings)):
        everything = [
            replace(d, verdict=replace(d.verdict, hold=hold))
            if d.day in lost and (d.verdict.hold is None or (d.verdict.hold.covers and d.others_lose))
            else d
            for d in everything
        ]
    everything = [
        *_hold_what_moved(connection, settings, [d for d in everything if d.day >= oldest], checked),
        *(d for d in everything if d.day < oldest),
    ]
    holds = [d.verdict.cause for d in everything if d.verdict.hold]
    return [replace(d, verdict=released(d.verdict, holds)) for d in everything]


def _hold_what_moved(
    connection: Connection, settings: Settings, days: list[_ComparedDay], checked: set[date]
) -> list[_ComparedDay]:
    """The days with the parts held that facts of held ones went to or came from, or may have (E3).

    ``checked``: those compared now. The others, marked before, are read only if facts may have gone between days.
    """
    seeds = held_parts((d.day, d.verdict.own) for d in days)
    whole = {d.day for d in days if d.holds_back and d.verdict.hold and not d.verdict.hold.covers}
    if not seeds and not whole:
        return days
    newest = newest_published(connection, [*seeds, *((day, None) for day in whole)])
    near = {d.day for d in days if d.day in checked and d.verdict.cause}
    far = {d.day for d in days if d.day not in checked}
    with repeatable_read(connection):
        moved = moved_parts(connection, settings, near, newest)
        open_days = {day for day in near if sum(n for (of_day, _), n in moved.items() if of_day == day)}
        follows = any(d.verdict.cause is Cause.FACTS_REDATED_HERE for d in days if d.day in far)
        if far and (open_days or follows):
            moved |= moved_parts(connection, settings, far, newest)
            near |= far
    found = parts_held_with(seeds, moved, whole)
    return [
        replace(d, verdict=d.verdict.own.held_with(frozenset(c for day, c in found if day == d.day)))
        if d.day in near
        else d
        for d in days
    ]


def held_parts(verdicts: Iterable[tuple[date, Verdict]]) -> set[Part]:
    """The parts that verdicts of days hold, but of days counted without dimension rows, which hold nothing back."""
    return {
        (day, client)
        for day, verdict in verdicts
        if verdict.hold and verdict.cause is not Cause.DIMENSIONS_MISSING
        for client in verdict.hold.covers
    }


def _mark(connection: Connection, settings: Settings, days: list[_ComparedDay], found_at: datetime) -> tuple[date, ...]:
    """Write the marks that changed; returns the days that were being replaced all the while."""
    waiting = [day for day in days if not day.is_marked]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while waiting:
        waiting = [day for day in waiting if not _mark_day(connection, settings, day, found_at)]
        if waiting and time.monotonic() > deadline:
            break
        if waiting:
            time.sleep(0.2)
    return tuple(sorted(day.day for day in waiting))


def _mark_day(connection: Connection, settings: Settings, compared: _ComparedDay, found_at: datetime) -> bool:
    """Write one day's mark unless somebody is replacing it: the mark would make that transaction fail."""
    day, verdict = compared.day, compared.verdict
    with try_day(connection, day) as free:
        if free and verdict.cause is None and compared.computed_at is None:
            connection.execute(statement("storage/changes/delete_mark"), {"bucket_date": day})
        elif free:
            window = DayRange(day, day).window(settings.zone)
            connection.execute(
                statement("storage/changes/upsert_mark"),
                {
                    "bucket_date": day,
                    "window_start": window.start,
                    "window_end": window.end,
                    "definition_version": DEFINITION_VERSION,
                    "computed_at": compared.computed_at,
                    "found_at": found_at,
                    "stale_cause": verdict.cause,
                    "stale_clients": None if (stale := compared.stale_clients) is None else sorted(stale, key=str),
                    "due": compared.due,
                    **hold_parameters(verdict.hold),
                },
            )
        return free


def hold_parameters(hold: Hold | None) -> dict[str, Any]:
    """A hold as parameters of statements; none: all NULL."""
    return {
        "held_reason": hold.reason if hold else None,
        "held_clients": sorted(hold.covers, key=str) if hold else None,
        "losing_clients": (losing := sorted(hold.clients, key=str)) if hold else None,
        "losing_reasons": [hold.reason_of(client) for client in losing] if hold else None,
    }


def marked_parts(connection: Connection, but: date) -> set[Part]:
    """The parts of days that are marked as held because they would lose too much, but of the day ``but``."""
    rows = connection.execute(statement("storage/changes/select_marked_days")).all()
    return held_parts((row.bucket_date, mark_of(row).own) for row in rows if row.bucket_date != but)


def hold_day(engine: Engine, settings: Settings, held: DayHeld) -> None:
    """Mark a day whose replacement met a mass loss that no pass had seen. The day's lock must be free again."""
    with connect(engine) as connection:
        row = connection.execute(
            statement("storage/days/select_computed_days"), {"first_day": held.day, "last_day": held.day}
        ).first()
        seen_at = row.computed_at if row else None
        # Which clients' parts differ the next pass tells.
        day = _ComparedDay(held.day, seen_at, Verdict(None), Verdict(held.cause, held.hold), None, None)
        _mark(connection, settings, [day], server_time(connection))
