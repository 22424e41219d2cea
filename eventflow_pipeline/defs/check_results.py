"""Results of checks by day, recorded so that single days, ranges and backfills all show each day as it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg

from eventflow_pipeline.defs.dagster_private import latest_materializations, log_partition_check
from eventflow_pipeline.domain.personal_data import redact

_MOST_ROWS = 20
_SEVERITY = {"warn": dg.AssetCheckSeverity.WARN, "error": dg.AssetCheckSeverity.ERROR}


@dataclass(frozen=True, slots=True)
class DayResult:
    """Outcome of one check on one day: what is wrong (flat rows, none when it passes) and how bad (warn, error).

    ``note`` explains a day that was not judged, such as a stale one. ``numbers`` are plotted.
    """

    wrong: Sequence[Mapping[str, Any]] = ()
    severity: str = "error"
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
            return self.note
        first = ", ".join(f"{key} {value}" for key, value in self.shown[0].items() if value not in (None, ""))
        more = f" and {len(self.wrong) - 1} more" if len(self.wrong) > 1 else ""
        return f"{self.note + ': ' if self.note else ''}{first}{more}"

    def metadata(self) -> dict[str, Any]:
        """What the user interface shows: counts, numbers, and at most 20 rows of what is wrong."""
        shown: dict[str, Any] = {"wrong": len(self.wrong), **{k: float(v) for k, v in self.numbers.items()}}
        if self.note:
            shown["note"] = self.note
        if self.wrong:
            shown["first"] = dg.MetadataValue.table(
                [dg.TableRecord(row) for row in self.shown],
                dg.TableSchema([dg.TableColumn(name) for name in self.wrong[0]]),
            )
        return shown


def run_days(context: dg.AssetCheckExecutionContext) -> list[date]:
    """Business days of the run, oldest first."""
    return [date.fromisoformat(key) for key in sorted(context.partition_keys)]


def report(
    context: dg.AssetCheckExecutionContext,
    results: Mapping[dg.AssetCheckKey, Mapping[date, DayResult]],
    recorded_days: int,
) -> Iterator[dg.AssetCheckResult]:
    """Record every check's days and yield the results Dagster waits for.

    In a run of one partition the result is the day's. In a range run each day is recorded by itself: every failing
    one, and of the passing ones the newest ``recorded_days`` (an event each costs Dagster some 20 ms); the result
    without a partition sums up. A day never materialized has nothing a check of it could be shown at.
    """
    targets_of: dict[dg.AssetKey, Mapping[str, int]] = {}
    for check, days in results.items():
        if context.has_partition_key:
            (result,) = days.values()
            yield _result(check, result.passed, result.severity, result.description, result.metadata())
            continue
        if check.asset_key not in targets_of:
            keys = [day.isoformat() for day in days]
            targets_of[check.asset_key] = latest_materializations(context.instance, check.asset_key, keys)
        targets = targets_of[check.asset_key]
        newest = set(sorted(days)[-recorded_days:])
        failing = sorted(day for day, result in days.items() if not result.passed)
        for day, result in days.items():
            target = targets.get(day.isoformat())
            if target is not None and (not result.passed or day in newest):
                log_partition_check(
                    context,
                    check,
                    day.isoformat(),
                    target,
                    passed=result.passed,
                    severity=_SEVERITY[result.severity],
                    description=result.description,
                    metadata=result.metadata(),
                )
        worst = "error" if any(days[day].severity == "error" for day in failing) else "warn"
        yield _result(
            check,
            not failing,
            worst if failing else "error",
            f"{len(failing)} of {len(days)} days fail" if failing else f"{len(days)} days pass",
            {
                "days": len(days),
                "failing_days": len(failing),
                "first_failing": [day.isoformat() for day in failing[:_MOST_ROWS]],
                "not_judged": sum(bool(result.note) and result.passed for result in days.values()),
                "passing_recorded_one_by_one": len(newest - set(failing)),
            },
        )


def _result(
    check: dg.AssetCheckKey, passed: bool, severity: str, description: str, metadata: Mapping[str, Any]
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=passed,
        severity=_SEVERITY[severity],
        description=description or None,
        metadata=metadata,
    )
