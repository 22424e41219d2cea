"""Results of checks by day, recorded so that single days, ranges and backfills all show each day as it is, and the
check as its worst day is.

Dagster paints a check by whether any partition fails, and by the severity of whatever it evaluated last. So the last
thing every run records of a check is how the check stands over all days, without a partition.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import dagster as dg

from eventflow_pipeline.defs.dagster_internals.private import (
    CheckContext,
    Evaluation,
    FailingPartition,
    failing_partitions,
    forget_planned_checks,
    latest_materializations,
    log_check,
    output_of,
    store_checks,
)
from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.days import DayRange, contiguous, today
from eventflow_pipeline.domain.partition_tags import RANGE_END, RANGE_START
from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.domain.quality import standing_severity
from eventflow_pipeline.settings import Settings

#: What a step found: for each check, each of the run's days.
Results = Mapping[dg.AssetCheckKey, Mapping[date, "DayResult"]]

_MOST_ROWS = 20
_SEVERITY = {Severity.WARN: dg.AssetCheckSeverity.WARN, Severity.ERROR: dg.AssetCheckSeverity.ERROR}


@dataclass(frozen=True, slots=True)
class DayResult:
    """Outcome of one check on one day: what is wrong (flat rows, none when it passes) and how bad .

    ``note`` explains a day that was not judged, such as a stale one. ``numbers`` are plotted.
    """

    wrong: Sequence[Mapping[str, Any]] = ()
    severity: Severity = Severity.ERROR
    note: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The first rows of what is wrong; a member that looks like personal data is not shown (S7)."""
        return [
            {key: redact(value) if isinstance(value, str) else value for key, value in row.items()}
            for row in self.wrong[:_MOST_ROWS]
        ]

    @property
    def description(self) -> str:
        """One line: the note, or what is wrong first."""
        if self.passed:
            return self.note or "passes"
        worst = self.shown[0]
        if "said" in worst:
            first = f"{worst['client']}: {worst['said']}"
        else:
            first = ", ".join(f"{key} {value}" for key, value in worst.items() if value not in (None, ""))
        more = f" and {len(self.wrong) - 1} more" if len(self.wrong) > 1 else ""
        return f"{self.note + ': ' if self.note else ''}{first}{more}"

    def metadata(self) -> dict[str, Any]:
        """What the user interface shows: counts, numbers, and at most 20 rows of what is wrong."""
        shown: dict[str, Any] = {"wrong": len(self.wrong), **{k: float(v) for k, v in self.numbers.items()}}
        if self.note:
            shown["note"] = self.note
        if self.wrong:
            shown["first"] = _table(self.shown)
        return shown


def run_days(context: CheckContext, settings: Settings) -> list[date]:
    """Business days of the run, oldest first.

    Dagster's *Execute all* asks for no partition: then they are today and the look-back days, and the run is tagged
    with them, so that whoever looks at it, re-executes it or is notified of its failure knows which days it is about.
    """
    if context.has_partition_key or context.has_partition_key_range:
        return [date.fromisoformat(key) for key in sorted(context.partition_keys)]
    days = DayRange(max(settings.start_date, _recent_from(settings)), today(settings.zone))
    tags = {RANGE_START: days.first.isoformat(), RANGE_END: days.last.isoformat()}
    context.instance.add_run_tags(context.run.run_id, tags)
    return list(days)


def record(context: CheckContext, results: Results, settings: Settings) -> None:
    """Record every check's days, and last how each check stands over all days.

    Failing days are events of Dagster's; days that pass are its rows alone.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        forget_planned_checks(context)
    aged = _aged(results, settings)
    standings = _standings(context, aged, settings)
    keys = {day.isoformat() for days in results.values() for day in days}
    # All reads come before the first event: a read has to wait until Dagster's storage has written what is logged.
    assets = {check.asset_key for check in results}
    materialized = latest_materializations(context.instance, assets, keys)
    passing = []
    for check, days in aged.items():
        alike: dict[tuple[str, ...], dict[str, int | None]] = defaultdict(dict)
        first: dict[tuple[str, ...], DayResult] = {}
        for day, result in days.items():
            materialization = materialized[check.asset_key].by_partition.get(day.isoformat())
            if result.passed:
                said = (result.note, *(f"{name} {number}" for name, number in result.numbers.items()))
                alike[said][day.isoformat()] = materialization
                first.setdefault(said, result)
            else:
                log_check(context, check, day.isoformat(), materialization, _evaluation(result, day))
        passing += [(check, _evaluation(first[said]), partitions) for said, partitions in alike.items()]
    store_checks(context, passing)
    for check, standing in standings.items():
        evaluation = Evaluation(
            standing.passed, _SEVERITY[standing.severity], standing.description, standing.metadata()
        )
        log_check(context, check, None, materialized[check.asset_key].newest, evaluation)


def _evaluation(result: DayResult, day: date | None = None) -> Evaluation:
    """What Dagster is told of a day; with ``day`` in the text where it is an event of a run, whose page shows none."""
    return Evaluation(
        result.passed,
        _SEVERITY[result.severity],
        f"{day}: {result.description}" if day else result.description,
        {"day": day.isoformat(), **result.metadata()} if day else result.metadata(),
    )


def report(context: dg.AssetCheckExecutionContext, results: Results, settings: Settings) -> Iterator[dg.Output[None]]:
    """Record the results, and yield what Dagster waits for in a step of checks.

    Not an AssetCheckResult: that has the partition of a run of one, and none in a run of more; and in a run without
    partitions Dagster cannot tell which materialization it is about, and fails.
    """
    record(context, results, settings)
    for check in results:
        yield dg.Output(None, output_name=output_of(context, check))


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a check stands over all days: those the run evaluated, and those that fail by what earlier runs recorded."""

    looked_at: Sequence[date]
    not_judged: int
    #: Severity and what is wrong, of every day that fails.
    failing: Mapping[date, tuple[Severity, str]]

    @property
    def passed(self) -> bool:
        return not self.failing

    @property
    def severity(self) -> Severity:
        found = {severity for severity, _ in self.failing.values()}
        return Severity.WARN if found == {Severity.WARN} else Severity.ERROR

    @property
    def description(self) -> str:
        now = sum(day in self.failing for day in self.looked_at)
        others = len(self.failing) - now
        of = f"{len(self.looked_at)} day{'s' if len(self.looked_at) > 1 else ''}"
        if now:
            return f"fails on {now} of {of}" + (f" and on {others} others" if others else "")
        return f"passes on {of}" + (f", fails on {others} others" if others else "")

    def metadata(self) -> dict[str, Any]:
        # As text: Dagster would draw numbers that depend on what was asked for as if they were measured.
        shown: dict[str, Any] = {"looked_at": ", ".join(map(str, contiguous(self.looked_at)))}
        if self.not_judged:
            shown["not_judged"] = f"{self.not_judged} days"
        if self.failing:
            newest = sorted(self.failing, reverse=True)[:_MOST_ROWS]
            rest = len(self.failing) - len(newest)
            shown["fails"] = f"{len(self.failing)} days" + (f", the newest {_MOST_ROWS} are listed" if rest else "")
            shown["failing_days"] = _table(
                [
                    {"day": day.isoformat(), "severity": s.value, "what": w}
                    for day in newest
                    for s, w in [self.failing[day]]
                ]
            )
        return shown


def _aged(results: Results, settings: Settings) -> Results:
    """The results as red or amber as they still are: what can no longer be put right is a warning."""
    recent_from = _recent_from(settings)
    return {
        check: {
            day: replace(result, severity=standing_severity(check.name, result.severity, day, recent_from))
            for day, result in days.items()
        }
        for check, days in results.items()
    }


def _recent_from(settings: Settings) -> date:
    return today(settings.zone) - timedelta(days=settings.changes.lookback_days)


def _standings(context: CheckContext, results: Results, settings: Settings) -> dict[dg.AssetCheckKey, _Standing]:
    recent_from = _recent_from(settings)
    recorded: dict[dg.AssetCheckKey, dict[date, FailingPartition]] = {check: {} for check in results}
    for failing in failing_partitions(context.instance):
        if failing.check in recorded and (day := date.fromisoformat(failing.partition)) >= settings.start_date:
            recorded[failing.check][day] = failing
    standings = {}
    for check, days in results.items():
        before = recorded[check]
        failing_now = {day: (r.severity, r.description) for day, r in days.items() if not r.passed}
        elsewhere = {
            day: (
                standing_severity(check.name, Severity(failing.severity.value.lower()), day, recent_from),
                failing.description.removeprefix(f"{day}: "),
            )
            for day, failing in before.items()
            if day not in days
        }
        standings[check] = _Standing(
            looked_at=sorted(days),
            not_judged=sum(bool(r.note) and r.passed for r in days.values()),
            failing={**elsewhere, **failing_now},
        )
    return standings


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows], dg.TableSchema([dg.TableColumn(name) for name in rows[0]])
    )
