"""Asset checks that fail, from the evaluations noted in ``stats.failed_check``."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from eventflow_pipeline.domain.conditions import Condition, Severity
from eventflow_pipeline.domain.days import DayRange, contiguous
from eventflow_pipeline.oncall.messages import in_words
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.alerts.failed_checks import FailedCheck, failing

#: Where the runbook explains a check that fails; the rest dispute a number.
RUNBOOK = {
    "linkage": "linkage-drop",
    "sessionless": "linkage-drop",
    "utm_fill": "utm-lost",
    "unknown_utm": "utm-lost",
    "unknown_link": "utm-lost",
    "unresolved_link": "utm-lost",
    "cid_hygiene": "utm-lost",
    "deficit": "visits-zero-or-low",
    "silence": "visits-zero-or-low",
    "unknown_client": "visits-zero-or-low",
    "unknown_entity": "visits-zero-or-low",
    "members": "members-explode",
    "crowded_session": "crowded-session",
    "chain": "closings-altered",
}
_FIX = "Compare with the facts; days that differ are rebuilt by themselves, once."
#: What puts a failing check right, by the section of the runbook it points to; for the rest ``_FIX``.
_FIXES = {
    "linkage-drop": "Find the pages or routes that store entries without the session of their visit.",
    "utm-lost": "Find where UTM, cid or link get lost: the entry page, a redirect, or a missing link row.",
    "closings-altered": "Put back what was changed in stats.closing and the tables beside it; the check names the "
    "entries, the statement of the month has the hash.",
    "crowded-session": "See whether a cache keeps pages that set the session cookie; keep robots out.",
    "visits-zero-or-low": "Find out why visits or their campaign rows are missing; what was not stored cannot be "
    "recomputed, what a missing row hides is recomputed once it is back.",
    "members-explode": "Fold what somebody invents into one member (`eventflow fold add`): every number stays exact, "
    "and removing the rule restores everything.",
}
_CLIENT = re.compile(r"client_id ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
#: A condition of its own (``heal_held``) notifies of what this check shows.
_NOTIFIED_ELSEWHERE = "held"
#: Checks of today that conditions of their own notify of within the minute.
_LIVE = frozenset({"deficit", "silence"})


def conditions(engine: Engine, settings: Settings, now: datetime) -> list[Condition]:
    """``check_failed`` per check: everything it fails for now as one condition that names the range."""
    today = now.astimezone(settings.zone).date().isoformat()
    by_check: dict[str, list[FailedCheck]] = defaultdict(list)
    for failure in failing(engine):
        if failure.check_name == _NOTIFIED_ELSEWHERE or (failure.check_name in _LIVE and failure.partition == today):
            continue
        by_check[failure.check_name].append(failure)
    return [_failing_check(check, failures) for check, failures in by_check.items()]


def _failing_check(check: str, failures: Sequence[FailedCheck]) -> Condition:
    ranges = contiguous(failure.day for failure in failures if failure.day)
    assets = sorted({failure.asset for failure in failures})
    days = DayRange(ranges[0].first, ranges[-1].last) if ranges else None
    worst = Severity.ERROR if any(f.severity is Severity.ERROR for f in failures) else Severity.WARN
    newest = max(failures, key=lambda failure: (failure.severity is worst, failure.partition))
    where = assets[0] if len(assets) == 1 else f"{assets[0]} and {len(assets) - 1} more assets"
    runbook = RUNBOOK.get(check, "number-disputed")
    return Condition(
        name="check_failed",
        subject=check,
        severity=worst,
        since=min(failure.failed_at for failure in failures),
        summary=f"check {check} fails" + (f" for {in_words(ranges)}" if ranges else "") + f" of {where}",
        runbook=runbook,
        command=_command(check, newest, days),
        fix=_FIXES.get(runbook, _FIX),
        days=days,
        numbers={"days": sum(map(len, ranges)), "assets": len(assets), "newest": newest.detail or None},
    )


def _command(check: str, newest: FailedCheck, days: DayRange | None) -> str:
    """What to run: parity is compared again over all days; of the others the newest client's day is explained."""
    if days is None:
        return "eventflow doctor"
    if check not in RUNBOOK:
        return f"eventflow verify --from {days.first} --to {days.last}"
    named = _CLIENT.search(newest.detail or "")
    client = named[1] if named else "unknown" if check in ("unknown_client", "members") else None
    return (
        f"eventflow explain --client {client} --date {newest.partition or days.last}" if client else "eventflow doctor"
    )
