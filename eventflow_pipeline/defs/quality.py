"""Checks of the daily buckets, per day: parity with the facts at zero tolerance, and quality of the facts.

Two steps, parity and quality, so that the facts are read once for all checks of a kind. What differs from the facts is
rebuilt once, and reported all the same.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date
from functools import partial

import dagster as dg
from sqlalchemy import Engine

from eventflow_pipeline.defs.catalog import CAMPAIGN_HOURS, QUALITY, SESSION_DAYS, bucket_key, stats_key
from eventflow_pipeline.defs.dagster_internals.check_results import DayResult, Results, record, report, run_days
from eventflow_pipeline.defs.dagster_internals.private import CheckContext, planned_in
from eventflow_pipeline.defs.partitions import DAILY
from eventflow_pipeline.defs.resources import Warehouse
from eventflow_pipeline.domain.checks import CHECKS as DEFINED
from eventflow_pipeline.domain.checks import QUALITY_CHECKS
from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.domain.differences import Comparison, Difference, HeldDifference, Part
from eventflow_pipeline.domain.grains import BY_NAME, GRAINS
from eventflow_pipeline.domain.quality import Finding
from eventflow_pipeline.logs import logger
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.answers.client_names import client_names
from eventflow_pipeline.warehouse.changes.detection import stale_days
from eventflow_pipeline.warehouse.changes.guard import accept_command
from eventflow_pipeline.warehouse.days.delta_comparison import differing_deltas, note_told
from eventflow_pipeline.warehouse.db.engine import again_when_lost, reason
from eventflow_pipeline.warehouse.parity.comparison import (
    compare_days,
    compare_histograms,
    compare_windows,
    held_differences,
)
from eventflow_pipeline.warehouse.parity.rebuild import repair
from eventflow_pipeline.warehouse.quality.accepted_checks import Accepted, accepted_checks
from eventflow_pipeline.warehouse.quality.day_checks import Checks, checkable, note_checked
from eventflow_pipeline.warehouse.quality.indicators import findings, measure

RAW_PARITY = "raw_parity"
#: Name of the checks of ranges, one for each grain.
RANGE_PARITY = "range_parity"

#: Differences written to the log, one line each; the check's metadata and `eventflow verify` have the rest.
_LOGGED = 50


def _spec(name: str, asset: dg.AssetKey, description: str, after: Iterable[dg.AssetKey] = ()) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name, asset=asset, description=description, additional_deps=list(after), partitions_def=DAILY
    )


_RAW_SPECS = [
    _spec(
        RAW_PARITY,
        SESSION_DAYS,
        "Session-days and state of the day equal the facts (E3, M6), counted by other statements. Tolerance zero.",
    ),
    *(
        _spec(
            RAW_PARITY,
            bucket_key(grain),
            "Every bucket of the day equals the facts (M1-M3, M5), COUNT(DISTINCT) straight from them. Tolerance zero.",
        )
        for grain in GRAINS
    ),
    _spec(
        RAW_PARITY,
        CAMPAIGN_HOURS,
        "Every hour bucket of the day equals the facts (B1, M1-M3), counted by other statements. Tolerance zero.",
    ),
]
#: Where differences of a grain are shown; those of session-days and state at session_days.
_ASSET_OF = {**{grain.name: bucket_key(grain) for grain in GRAINS}, "campaign_hourly": CAMPAIGN_HOURS}
_RANGE_SPECS = [
    _spec(
        RANGE_PARITY,
        bucket_key(grain),
        DEFINED[RANGE_PARITY].description,
    )
    for grain in GRAINS
]
_HELD_SPEC = _spec(
    "held",
    bucket_key(BY_NAME["client"]),
    DEFINED["held"].description,
)
HELD_KEY = _HELD_SPEC.key
_QUALITY_SPECS = [
    _spec(check.name, stats_key(check.table), check.description, [QUALITY])
    for check in QUALITY_CHECKS.values()
    if check.table
]


def parity(
    context: CheckContext, warehouse: Warehouse, days: Sequence[date], checks: Set[dg.AssetCheckKey]
) -> Iterator[Results]:
    """Compare the days with their facts, then the ranges that end on them; rebuild what differs.

    In this order, because a rebuilt day puts the ranges right that contain it.
    """
    span = DayRange(days[0], days[-1])
    engine, settings = warehouse.engine, warehouse.settings
    comparisons: Mapping[str, Callable[[], Comparison]] = {
        RAW_PARITY: lambda: compare_days(engine, settings, span),
        RANGE_PARITY: lambda: _compare_ranges(engine, settings, span),
    }
    for name, compare in comparisons.items():
        if asked := sorted(key for key in checks if key.name == name):
            as_compared = checkable(engine, days, Checks.PARITY)
            found = again_when_lost(compare)
            wrong_deltas = differing_deltas(engine, days) if name == RAW_PARITY else {}
            found += Comparison(differences=tuple(_of_deltas(day, rows) for day, rows in wrong_deltas.items()))
            if not found.differences:
                yield _results(found, days, asked)
            else:
                note = _repair(context, warehouse, found)
                as_compared = checkable(engine, days, Checks.PARITY)
                left = len(compare().differences)
                note += f"{left} differences LEFT" if left else "agrees now"
                context.log.error(f"{name}: {len(found.differences)} differences; {note}")
                yield _results(found, days, asked, note)
                note_told(engine, wrong_deltas)
            if set(asked) >= RAW_KEYS:
                compared = {day: as_compared[day] for day in found.checked if day in as_compared}
                again_when_lost(partial(note_checked, engine, compared, Checks.PARITY))
    if HELD_KEY in checks:
        yield {HELD_KEY: _held(engine, settings, days)}


def _of_deltas(day: date, rows: int) -> Difference:
    """What deltas had published of a day otherwise than its facts say, until it was computed whole."""
    measure_of = "rows that deltas had published, until it was computed whole"
    return Difference(Part.SESSION_DAYS, day, day, "session_days", {}, measure_of, raw=0, stored=rows)


def _held(engine: Engine, settings: Settings, days: Sequence[date]) -> dict[date, DayResult]:
    """Of each day the clients it is held for, what would change for them, why, and the command that accepts it."""
    held = {stale.day: stale for stale in stale_days(engine) if stale.held_since}
    differences = {
        (found.day, found.client_id): found
        for part in contiguous(day for day in days if day in held)
        for found in held_differences(engine, settings, part)
    }
    return {
        day: DayResult(
            [
                {
                    "client": name,
                    "hits": found.hits if found else None,
                    "entries": found.entries if found else None,
                    "reason": held[day].reason_of(client),
                    "command": accept_command(day, day),
                }
                for client, name in (held[day].held_names or {None: "(cannot be told)"}).items()
                for found in [differences.get((day, client))]
            ]
            if day in held
            else []
        )
        for day in days
    }


def quality(
    context: CheckContext, warehouse: Warehouse, days: Sequence[date], checks: Set[dg.AssetCheckKey]
) -> Iterator[Results]:
    """Judge the indicators of the days by the thresholds in force.

    They are measured first, unless the run does so anyway: materialized on their own, buckets leave them as they were.

    Raises:
        dg.Failure: some days could not be measured; after the others were judged.
    """
    span = DayRange(days[0], days[-1])
    materialized, _ = planned_in(context)
    failed: Mapping[date, Exception] = {}
    if QUALITY not in materialized:
        failed = measure(warehouse.engine, warehouse.settings, span)
    as_judged = checkable(warehouse.engine, days, Checks.QUALITY)
    found: dict[tuple[str, date], list[Finding]] = defaultdict(list)
    for finding in again_when_lost(partial(findings, warehouse.engine, warehouse.settings, span)):
        found[finding.check, finding.day].append(finding)
    clients, accepted = client_names(warehouse.engine), accepted_checks(warehouse.engine, span)
    yield {
        check: {
            day: _quality_result(check.name, day, found[check.name, day], clients, accepted, failed.get(day))
            for day in days
        }
        for check in sorted(checks)
    }
    if checks >= QUALITY_KEYS:
        again_when_lost(partial(note_checked, warehouse.engine, as_judged, Checks.QUALITY))
    if failed:
        names = ", ".join(map(str, sorted(failed)))
        problem = failed[min(failed)]
        raise dg.Failure(
            f"{len(failed)} of {len(days)} days could not be measured: {names}: {reason(problem)}"
        ) from problem


@dg.multi_asset_check(name="check_parity", specs=[*_RAW_SPECS, *_RANGE_SPECS, _HELD_SPEC], can_subset=True)
def parity_checks(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.Output[None]]:
    """See ``parity``; one step, so that the facts are read once."""
    days = run_days(context, warehouse.settings)
    for results in parity(context, warehouse, days, context.selected_asset_check_keys):
        yield from report(context, results, warehouse.settings)


@dg.multi_asset_check(name="check_quality", specs=_QUALITY_SPECS, can_subset=True)
def quality_checks(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.Output[None]]:
    """See ``quality``."""
    days = run_days(context, warehouse.settings)
    for results in quality(context, warehouse, days, context.selected_asset_check_keys):
        yield from report(context, results, warehouse.settings)


def evaluate(context: CheckContext, warehouse: Warehouse, days: Sequence[date], checks: Set[dg.AssetCheckKey]) -> None:
    """Evaluate for ``days``, oldest first, those of ``checks`` that later steps of the run were to: this one fails."""
    _, planned = planned_in(context)
    for results in parity(context, warehouse, days, planned & checks & PARITY_KEYS):
        record(context, results, warehouse.settings)
    if asked := planned & checks & QUALITY_KEYS:
        for results in quality(context, warehouse, days, asked):
            record(context, results, warehouse.settings)


def _quality_result(
    check: str,
    day: date,
    wrong: Sequence[Finding],
    names: Mapping[str, str],
    accepted: Accepted,
    not_measured: Exception | None,
) -> DayResult:
    if not_measured:
        return DayResult(note=f"not measured: {reason(not_measured)}")
    # What is wrong with a client makes everything wrong as well: with all of them accepted, so is that.
    everybody = accepted.get((check, day, None), "")
    known = {finding: accepted.get((check, day, finding.client_id), everybody) for finding in wrong}
    single = [note for finding, note in known.items() if finding.client_id]
    if single and all(single):
        known |= {finding: note or single[0] for finding, note in known.items()}
    note = "; ".join(dict.fromkeys(filter(None, known.values())))
    wrong = [finding for finding in wrong if not known[finding]]
    worst_first = sorted(wrong, key=lambda finding: finding.severity is not Severity.ERROR)
    severity = worst_first[0].severity if worst_first else Severity.ERROR
    return DayResult([f.row(names) for f in worst_first], severity, note)


def _compare_ranges(engine: Engine, settings: Settings, span: DayRange) -> Comparison:
    """Windows that end on every day; of a long backfill only as many as cover all days."""
    windows = compare_windows(engine, settings, span, tiled=len(span) > settings.checks.verify_days)
    histograms = compare_histograms(engine, span)
    return replace(windows, differences=windows.differences + histograms.differences)


def _repair(context: CheckContext, warehouse: Warehouse, found: Comparison) -> str:
    """Rebuild once what differs, log it, and say what was rebuilt."""
    done = repair(warehouse.engine, warehouse.settings, found, context.run.run_id)
    for difference in found.differences[:_LOGGED]:
        logger().error("parity_difference", run_id=context.run.run_id, **_log_fields(difference))
    return f"{done}, "


def _results(found: Comparison, days: Sequence[date], checks: Sequence[dg.AssetCheckKey], note: str = "") -> Results:
    """What was found at first, by check and day; ``note`` says what became of what differed."""
    wrong: dict[tuple[dg.AssetKey, date], list[Difference]] = defaultdict(list)
    for different in found.differences:
        wrong[_ASSET_OF.get(different.grain, SESSION_DAYS), different.day].append(different)
    notes = dict.fromkeys(days, "inside windows that end on other days")
    notes |= dict.fromkeys(found.checked, "")
    notes |= dict.fromkeys(found.stale, "stale: facts moved since they were computed")
    notes |= dict.fromkeys(found.missing, "not computed")
    notes |= found.kept
    held: dict[date, list[HeldDifference]] = defaultdict(list)
    for difference in found.held:
        held[difference.day].append(difference)
    notes |= {day: f"held, compared as published: {'; '.join(map(str, held[day]))}" for day in held if day in notes}
    return {
        check: {
            day: DayResult(
                [d.row() for d in wrong[check.asset_key, day]],
                note=note if wrong[check.asset_key, day] else notes[day],
            )
            for day in days
        }
        for check in checks
    }


def _log_fields(difference: Difference) -> dict[str, object]:
    fields: dict[str, object] = {**difference.row()}
    return {"partition": fields.pop("day"), "client_id": difference.member.get("client_id"), **fields}


CHECKS = [parity_checks, quality_checks]
RAW_KEYS = frozenset(spec.key for spec in _RAW_SPECS)
PARITY_KEYS = RAW_KEYS | {spec.key for spec in _RANGE_SPECS} | {HELD_KEY}
QUALITY_KEYS = frozenset(spec.key for spec in _QUALITY_SPECS)
