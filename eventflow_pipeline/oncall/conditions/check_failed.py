"""Asset checks that fail, from the evaluations noted in ``stats.failed_check``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.checks import CHECKS, Check
from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous, today
from eventflow_pipeline.oncall.messages import in_words
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts.failed_checks import FailedCheck, failing, told_live
from eventflow_pipeline.warehouse.answers.client_names import client_names

#: A condition of its own (``heal_held``) notifies of what this check shows.
_NOTIFIED_ELSEWHERE = "held"
#: Checks that conditions of their own notify of within the minute, as long as their day lasts.
_LIVE = frozenset({"deficit", "silence"})
#: Checks of facts whose client nobody knows: `eventflow explain` has them under that name.
_OF_THE_UNKNOWN = frozenset({"unknown_client", "unknown_entity", "members"})


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``check_failed`` per check and client (subject: both): every day it fails for now is one of its own.

    A day that is over, of a check that nobody can put right any more, is final; one that was told while it lasted is
    not told again.
    """
    newest = today(settings.zone, now)
    told = told_live(engine, now)
    by_subject: dict[tuple[str, str], list[FailedCheck]] = defaultdict(list)
    for failure in failing(engine):
        live = failure.check_name in _LIVE
        if failure.check_name == _NOTIFIED_ELSEWHERE or (live and failure.day == newest):
            continue
        if live and any(failure.day in days for days in told.get(failure.client, ()) if failure.day):
            continue
        by_subject[failure.check_name, failure.client].append(failure)
    names = client_names(engine)
    return [_failing_check(failures, names, newest) for failures in by_subject.values()]


def _failing_check(failures: Sequence[FailedCheck], names: Mapping[str, str], newest_day: date) -> Condition:
    first = failures[0]
    check = CHECKS.get(first.check_name) or Check(first.check_name, "", "See the check in Dagster.")
    own = frozenset(failure.day for failure in failures if failure.day)
    ranges = contiguous(own)
    days = DayRange(ranges[0].first, ranges[-1].last) if ranges else None
    assets = sorted({failure.asset for failure in failures})
    worst = Severity.ERROR if any(f.severity is Severity.ERROR for f in failures) else Severity.WARN
    shown = max(failures, key=lambda failure: (failure.severity is worst, failure.partition))
    who = f"client {names.get(first.client, first.client)}: " if first.client else ""
    about = f" for {in_words(ranges)}" if ranges else ""
    where = "" if first.client else f" of {assets[0]}" + (f" and {len(assets) - 1} more" if len(assets) > 1 else "")
    return Condition(
        name="check_failed",
        subject=f"{first.check_name}/{first.client}" if first.client else first.check_name,
        client_id=first.client_id,
        severity=worst,
        since=min(failure.failed_at for failure in failures),
        summary=f"{who}check {first.check_name} fails{about}{where}" + (f": {shown.detail}" if shown.detail else ""),
        runbook=check.runbook,
        command=_command(check, first.client, shown, days),
        fix=check.fix,
        owner=check.owner,
        days=days,
        own_days=own,
        narrowed=lambda some: _failing_check([f for f in failures if f.day in some], names, newest_day),
        final=check.lost_for_good and bool(own) and max(own) < newest_day,
        numbers={"days": len(own), "assets": len(assets)},
        page=f"assets/{shown.asset}?view=checks&checkDetail={first.check_name}",
    )


def _command(check: Check, client: str, shown: FailedCheck, days: DayRange | None) -> str:
    who = client or ("unknown" if check.name in _OF_THE_UNKNOWN else "")
    if days is None or ("{client}" in check.command and not who):
        # What is told once is over when it was told.
        return f"eventflow alerts list --check {check.name} --ended 7"
    return check.command.format(client=who, day=shown.partition or days.last, first=days.first, last=days.last)
