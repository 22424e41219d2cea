"""Deficit of visits (Q6): entries go on while visits are missing; and what the facts say about why."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Cause:
    """Why visits are missing, in one sentence, and what puts it right."""

    name: str
    meaning: str
    fix: str


def cause_of_deficit(evidence: Mapping[str, int]) -> Cause:
    """The first explanation the counts of one client's window support, the most specific first."""
    if evidence["hits_of_missing_campaigns"]:
        return Cause(
            "campaign_row_missing",
            f"{evidence['hits_of_missing_campaigns']} hits arrive for campaigns of its entries that have no campaign "
            "row: they are counted under the unknown client (E2).",
            "Restore the campaign row; the affected days are then found and recomputed (A4).",
        )
    if evidence["excluded_hits"]:
        return Cause(
            "excluded",
            f"{evidence['excluded_hits']} of its hits belong to excluded campaigns (E3) while entries of others go on.",
            "Look at stats.exclusion: remove the rule if the campaign is real.",
        )
    if evidence["sessionless_hits"] and evidence["sessionless_hits"] >= evidence["client_hits"]:
        return Cause(
            "session_lost",
            f"All {evidence['sessionless_hits']} of its hits come without a session id, so none is a visit (M2).",
            "Look at the session cookie (S1, S3): was its name, domain or the middleware changed?",
        )
    if evidence["misdated_hits"]:
        return Cause(
            "misdated",
            f"{evidence['misdated_hits']} hits arrived in the window with an event time outside it.",
            "Look at the clock or the import that writes accessed_at.",
        )
    if evidence["client_hits"]:
        return Cause(
            "few_visits",
            f"{evidence['client_hits']} hits still arrive, far fewer than entries: some pages or routes send none.",
            "Compare the pages that take entries with those that send visits; look at the last deployment.",
        )
    if not evidence["all_hits"]:
        return Cause(
            "capture_down",
            "No client's visits arrive at all while entries do: the visit call or its insert fails everywhere.",
            "Look at the visit route's structured log (reason) and at the last deployment; roll it back.",
        )
    if evidence["entries_with_session"]:
        return Cause(
            "visit_call_lost",
            f"No hit of this client arrives, other clients' do, and {evidence['entries_with_session']} of its "
            f"{evidence['entries']} entries carry a session: the session cookie works, the visit call of its pages fails.",
            "Open one of its pages and watch the visit call; look at its page template and blockers.",
        )
    return Cause(
        "session_and_visit_lost",
        "No hit of this client arrives, other clients' do, and its entries carry no session either: its pages are "
        "served without the middleware.",
        "Look at the route or domain its pages are served from: does it pass the entry middleware (S3)?",
    )
