"""Comparing aggregates with the facts they come from, at zero tolerance: for checks, the command line and repair.

Every comparison reads facts, buckets and state in one snapshot, so a day replaced meanwhile is never half seen.
Nothing is written but scratch tables.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, text

from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.domain.differences import Comparison, Difference, HeldDifference, Part
from eventflow_pipeline.domain.grains import GRAINS, KEY_COLUMNS
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.changes.detection import Clients, differing_days
from eventflow_pipeline.warehouse.db.at_once import at_once
from eventflow_pipeline.warehouse.db.engine import connect, day_transaction, grouping_by_hash, joining_by_hash
from eventflow_pipeline.warehouse.db.scratch import create_scratch
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.fact_days import day_bounds
from eventflow_pipeline.warehouse.registry import current_definition, hourly_lists

#: Lengths, in days, of the windows every day is the last of.
WINDOWS = (7, 30)
#: Days compared in one snapshot: bounds the scratch tables, not the answer.
_DAYS_AT_ONCE = 5
_WINDOW_ENDS_AT_ONCE = 31


def compare_days(engine: Engine, settings: Settings, days: DayRange, client_id: UUID | None = None) -> Comparison:
    """Buckets of every grain, hour buckets, session-days and state of ``days`` against their facts (M1-M3, M5, B1, E3).

    With ``client_id`` only that client's members, and no state. Parts of days that are held are compared as published.
    Long ranges in parts, EVENTFLOW_RUNS_PARALLEL_DAYS at once.
    """
    found = Comparison()
    with at_once(engine, settings.runs.parallel_days) as begin:
        parts = [
            begin(partial(_compare_days, engine, settings, part, client_id)) for part in days.chunks(_DAYS_AT_ONCE)
        ]
        for part in parts:
            found += part.result()
    return found


def _compare_days(engine: Engine, settings: Settings, days: DayRange, client_id: UUID | None) -> Comparison:
    with _snapshot(engine) as connection:
        held_parts = _held_parts(connection, days)
        _stage(connection, settings, days, held_parts)
        _stage_members(connection, client_id)
        parameters = {**day_bounds(days, settings.zone), **_range(days), **held_parts, "client_id": client_id}
        differences = [
            *_differences(connection, Part.BUCKET, "bucket", parameters),
            *_differences(connection, Part.HOUR, "hour", {**parameters, **hourly_lists(connection)}),
        ]
        with grouping_by_hash(connection):
            differences += _differences(connection, Part.SESSION_DAYS, "session_days", parameters)
        if client_id is None:
            differences += _differences(connection, Part.STATE, "state", parameters)
        held = _held_differences(connection, parameters)
        # Where all that is published is what the facts say, no day is late, whatever was done to its facts meanwhile.
        differing: Mapping[date, Clients] = _differing(connection, settings, days, held_parts) if differences else {}
        kept = _kept(connection, settings, days) if differences else {}
        computed = _computed(connection, days)
    return replace(_only_checked(computed, differing, kept, differences), held=held)


def held_differences(engine: Engine, settings: Settings, days: DayRange) -> tuple[HeldDifference, ...]:
    """What the clients that are held on ``days`` would count now minus what is published of them (E3)."""
    found: tuple[HeldDifference, ...] = ()
    for part in days.chunks(_DAYS_AT_ONCE):
        with _snapshot(engine) as connection:
            held_parts = _held_parts(connection, part)
            if held_parts["held_days"]:
                _stage(connection, settings, part, held_parts)
                found += _held_differences(connection, {**held_parts, "client_id": None})
    return found


def compare_histograms(engine: Engine, days: DayRange, client_id: UUID | None = None) -> Comparison:
    """Return histograms of ``days`` against session-days (M6), both as they were when the days were last merged.

    And what is stored of their months against what is stored of days.
    """
    with _snapshot(engine) as connection:
        computed = _computed(connection, days)
        bounds = {**_range(days), "from_day": days.first, "current_first": None, "current_last": None}
        with joining_by_hash(connection):
            differences = _differences(connection, Part.HISTOGRAM, "histogram", {**bounds, "client_id": client_id})
        differences += _differences(connection, Part.HISTOGRAM, "month", {**_range(days), "client_id": client_id})
    # Whether facts moved does not matter here: session-days are what histograms are counted from.
    checked = tuple(day for day, there in computed.items() if there)
    missing = tuple(day for day, there in computed.items() if not there)
    return Comparison(checked=checked, missing=missing, differences=tuple(differences))


def compare_windows(
    engine: Engine,
    settings: Settings,
    ends: DayRange,
    client_id: UUID | None = None,
    lengths: Sequence[int] = WINDOWS,
    *,
    tiled: bool = False,
) -> Comparison:
    """Range answers of every grain for the windows of ``lengths`` days that end on ``ends``, against the facts (M6).

    ``tiled``: only as many windows of each length as cover all days once, for long ranges.

    A window that would begin before the first partition begins there. One with a missing day cannot be answered and
    one with a stale day is late: the day it ends on is reported as such and its windows are left out. Lengths that a
    pruned session-days do not allow are not asked for.
    """
    found = Comparison()
    for part in ends.chunks(_WINDOW_ENDS_AT_ONCE):
        span = DayRange(max(part.first - timedelta(days=max(lengths) - 1), settings.start_date), part.last)
        with _snapshot(engine) as connection:
            held_parts = _held_parts(connection, span)
            computed = _computed(connection, span)
            differing = _differing(connection, settings, span, held_parts)
            kept = _kept(connection, settings, span)
            longest = connection.execute(text("select longest_range_days from stats.build_settings")).scalar()
            windows = {
                DayRange(max(end - timedelta(days=length - 1), settings.start_date), end)
                for end in part
                for length in lengths
                if (longest is None or length <= longest) and not (tiled and (ends.last - end).days % length)
            }
            late = {w for w in windows if any(day in differing for day in w)}
            unanswerable = {w for w in windows if not all(computed[day] for day in w)}
            checked = sorted(windows - late - unanswerable)
            differences: list[Difference] = []
            if checked:
                _stage(connection, settings, DayRange(checked[0].first, part.last), held_parts)
                _stage_members(connection, client_id)
                differences = _differences(
                    connection,
                    Part.WINDOW,
                    "window",
                    {
                        "first_days": [w.first for w in checked],
                        "last_days": [w.last for w in checked],
                        "client_id": client_id,
                    },
                )
        missing = {w.last for w in unanswerable}
        stale = {w.last for w in late if any(day in differing and day not in kept for day in w)} - missing
        not_exact = {
            w.last: f"ranges that end here contain {max(day for day in w if day in kept)}, a day that is kept as it is"
            for w in late
            if w.last not in missing | stale
        }
        found += Comparison(
            tuple(sorted({w.last for w in checked} - missing - stale - not_exact.keys())),
            tuple(sorted(stale)),
            tuple(sorted(missing)),
            tuple(differences),
            not_exact,
        )
    return found


def compare_everything(engine: Engine, settings: Settings, days: DayRange, client_id: UUID | None = None) -> Comparison:
    """All of the above for ``days``; each day is listed as checked, stale or missing by its own facts."""
    found = compare_days(engine, settings, days, client_id)
    ranges = compare_windows(engine, settings, days, client_id)
    histograms = compare_histograms(engine, days, client_id)
    return replace(found, differences=found.differences + ranges.differences + histograms.differences)


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    with connect(engine) as connection:
        create_scratch(connection, "parity/create_stage", "parity/create_members", "storage/changes/create_day_counts")
        with day_transaction(connection):
            yield connection


def _range(days: DayRange) -> dict[str, date]:
    return {"first_day": days.first, "last_day": days.last}


def _held_parts(connection: Connection, days: DayRange) -> dict[str, list[Any]]:
    """The parts of ``days`` that are held, as parameters."""
    rows = connection.execute(statement("parity/held_parts"), _range(days)).all()
    return {"held_days": [row.bucket_date for row in rows], "held_clients": [row.client_id for row in rows]}


def _held_differences(connection: Connection, parameters: Mapping[str, object]) -> tuple[HeldDifference, ...]:
    if not parameters["held_days"]:
        return ()
    rows = connection.execute(statement("parity/held_differences"), parameters)
    return tuple(
        HeldDifference(row.bucket_date, row.client_id, row.client_name, int(row.hits), int(row.conversions))
        for row in rows
    )


def _computed(connection: Connection, days: DayRange) -> dict[date, bool]:
    """Which of the days are computed at all."""
    return {row.bucket_date: row.computed for row in connection.execute(statement("parity/days"), _range(days))}


def _differing(
    connection: Connection, settings: Settings, days: DayRange, held_parts: Mapping[str, list[Any]]
) -> Mapping[date, Clients]:
    """The days that are stale, and of each the clients whose facts moved, but those that are held.

    Judged by the facts of this very snapshot, not by the last detection pass.
    """
    held: dict[date, set[UUID | None]] = defaultdict(set)
    for day, client in zip(held_parts["held_days"], held_parts["held_clients"], strict=True):
        held[day].add(client)
    return differing_days(connection, settings, days, held)


def _kept(connection: Connection, settings: Settings, days: DayRange) -> dict[date, str]:
    """The days that are kept with the facts of this snapshot, as ``_differing`` counted them; who, why, by how much."""
    parameters = {**_range(days), "definition": current_definition(connection, settings)}
    return {
        row.bucket_date: f"kept as it is by {row.author}: {row.reason}; published are {row.hits} hits and "
        f"{row.conversions} conversions, its facts give {row.hits_now} and {row.conversions_now}"
        for row in connection.execute(statement("parity/kept_days"), parameters)
    }


def _stage(connection: Connection, settings: Settings, days: DayRange, held_parts: Mapping[str, list[Any]]) -> None:
    """Stage the facts of ``days``, and of its parts that are held what is published."""
    staged = [n for n, day in enumerate(held_parts["held_days"]) if day in days]
    held = {name: [values[n] for n in staged] for name, values in held_parts.items()}
    with grouping_by_hash(connection):
        connection.execute(statement("parity/insert_stage"), {**day_bounds(days, settings.zone), **held})
    connection.execute(text("analyze raw_cell"))


def _stage_members(connection: Connection, client_id: UUID | None) -> None:
    """Stage the members of all grains, or of those within a client, that the staged facts have."""
    connection.execute(statement("parity/insert_members"), {"client_id": client_id})
    connection.execute(text("analyze raw_member"))


def _differences(connection: Connection, part: Part, name: str, parameters: Mapping[str, object]) -> list[Difference]:
    rows = connection.execute(statement(f"parity/{name}_differences"), parameters).mappings()
    return [_difference(part, row) for row in rows]


def _difference(part: Part, row: RowMapping) -> Difference:
    return Difference(
        part=part,
        day=row["bucket_date"],
        first=row.get("first_day") or row["bucket_date"],
        grain=row["grain"],
        member={key: str(row[key]) for key in (*KEY_COLUMNS, "bucket_hour") if row.get(key) is not None},
        measure=row["measure"],
        raw=None if row["raw"] is None else int(row["raw"]),
        stored=None if row["stored"] is None else int(row["stored"]),
    )


def _only_checked(
    computed: Mapping[date, bool],
    differing: Mapping[date, Clients],
    kept: Mapping[date, str],
    differences: list[Difference],
) -> Comparison:
    """Differences of days that are not stale, and of stale ones those of the clients whose facts did not move."""

    def is_wrong(found: Difference) -> bool:
        if found.day in checked or found.day not in differing:
            return found.day in checked
        moved, client = differing[found.day], found.member.get("client_id")
        of_a_client = found.part is not Part.STATE and found.grain in by_client
        return moved is not None and of_a_client and (UUID(client) if client else None) not in moved

    by_client = {grain.name for grain in GRAINS if "client_id" in grain.keys} | {"session_days", "campaign_hourly"}
    checked = {day for day, there in computed.items() if there and day not in differing}
    return Comparison(
        tuple(sorted(checked)),
        tuple(day for day, there in computed.items() if there and day in differing and day not in kept),
        tuple(day for day, there in computed.items() if not there and day not in kept),
        tuple(d for d in differences if is_wrong(d)),
        kept,
    )


def days_to_rebuild(comparison: Comparison) -> list[DayRange]:
    """The fewest ranges of days that hold everything found different."""
    return contiguous(day for d in comparison.differences for day in d.rebuilds)
