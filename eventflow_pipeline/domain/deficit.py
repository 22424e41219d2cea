"""Deficit of visits (Q6): entries go on while visits are missing; and what the facts say about why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eventflow_pipeline.domain.conditions import Severity


@dataclass(frozen=True, slots=True)
class DeficitRule:
    """Thresholds of Q6: judged from ``min_entries``, shares are visits over entries."""

    min_entries: int = 5
    error_share: float = 0.10
    warn_share: float = 0.50

    def judge(self, visits: int, entries: int) -> Severity | None:
        """ERROR for no visits or a share below ``error_share``, WARN below ``warn_share``, else None."""
        if entries < self.min_entries:
            return None
        if visits == 0 or visits < self.error_share * entries:
            return Severity.ERROR
        return Severity.WARN if visits < self.warn_share * entries else None


Evidence = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DeficitCause:
    """Why visits are missing, in one sentence, and what puts it right."""

    name: str
    meaning: str
    fix: str


#: Explanations in the order they are tried, the most specific first: name, when it holds, meaning, fix.
_CAUSES: tuple[tuple[str, Callable[[Evidence], bool], str, str], ...] = (
    (
        "campaign_row_missing",
        lambda e: e["hits_of_missing_campaigns"] > 0,
        "{hits_of_missing_campaigns} hits arrive for campaigns of its entries that have no campaign row: they are "
        "counted under the unknown client (E2).",
        "Restore the campaign row; the affected days are then found and recomputed (A4).",
    ),
    (
        "excluded",
        lambda e: e["excluded_hits"] > 0,
        "{excluded_hits} of its hits belong to excluded campaigns (E3) while entries of others go on.",
        "Look at `eventflow exclude list`: remove the rule if the campaign is real.",
    ),
    (
        "session_lost",
        lambda e: 0 < e["client_hits"] <= e["sessionless_hits"],
        "All {sessionless_hits} of its hits come without a session id, so none is a visit (M2).",
        "Look at the session cookie (S1, S3): was its name, its domain or the middleware changed?",
    ),
    (
        "misdated",
        lambda e: e["misdated_hits"] > 0,
        "{misdated_hits} hits arrived in the window with an event time outside it.",
        "Look at the clock, or the import, that writes accessed_at.",
    ),
    (
        "few_visits",
        lambda e: e["client_hits"] > 0,
        "{client_hits} hits still arrive, far fewer than entries: some pages or routes send none.",
        "Compare the pages that take entries with those that send visits; look at the last deployment.",
    ),
    (
        "capture_down",
        lambda e: e["all_hits"] == 0,
        "No client's visits arrive at all while entries do: the visit call or its insert fails everywhere.",
        "Look at the visit route's log lines (reason) and at the last deployment; roll it back.",
    ),
    (
        "visit_call_lost",
        lambda e: e["entries_with_session"] > 0,
        "No hit of this client arrives, other clients' do, and {entries_with_session} of its {entries} entries carry a "
        "session: the session cookie works, the visit call of its pages fails.",
        "Open one of its pages and watch the visit call; look at its page template and at blockers.",
    ),
    (
        "session_and_visit_lost",
        lambda _: True,
        "No hit of this client arrives, other clients' do, and its entries carry no session either: its pages are "
        "served without the middleware.",
        "Look at the route or domain its pages are served from: does it pass the entry middleware (S3)?",
    ),
)


def cause_of_deficit(evidence: Evidence) -> DeficitCause:
    """The first explanation that the counts of one client's window support."""
    name, _, meaning, fix = next(cause for cause in _CAUSES if cause[1](evidence))
    return DeficitCause(name, meaning.format_map(evidence), fix)
