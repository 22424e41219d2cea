"""Every check of the daily assets: what it is about, whom it concerns, and what somebody does when it fails.

Its section of the runbook is named like it. Commands are filled in with the finding's ``{client}`` (an id, or unknown),
its newest ``{day}`` and its days ``{first}`` to ``{last}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_EXPLAIN = "eventflow explain --client {client} --date {day}"
_VERIFY = "eventflow verify --from {first} --to {last}"
_WEBINARS = "eventflow dagster job backfill -j webinar_stats_job --from {first} --to {last} --noprompt"


@dataclass(frozen=True, slots=True)
class Check:
    """``table``: the daily asset a check of quality is about; None: it is about several, or one of webinars.

    ``lost_for_good``: nobody can put it right once its day is over: what was not captured, or without its session, link
    or UTM, stays so. The others fail for what can be put right: a dimension row, a copy to be excluded, a day to be
    rebuilt. ``share``: the measured value is one, of the facts it was measured on.
    """

    name: str
    description: str
    fix: str
    command: str = _EXPLAIN
    table: str | None = None
    owner: str = "team:eventflow"
    lost_for_good: bool = False
    share: bool = False

    @property
    def runbook(self) -> str:
        """Anchor of its section in docs/runbook.md."""
        return f"check-{self.name}"


_ALL = (
    Check(
        "unknown_link",
        "Share of hits or entries without any link (Q4): more than usual for the client, or than half.",
        "Open the advertised links and follow each hop: a redirect or an entry page drops cid and link.",
        table="link_daily",
        lost_for_good=True,
        share=True,
    ),
    Check(
        "unresolved_link",
        "Share of hits or entries whose link does not exist (Q4).",
        "Restore the missing link rows; their days are found and computed again.",
        table="link_daily",
        lost_for_good=True,
        share=True,
    ),
    Check(
        "unknown_client",
        "Facts whose client is not known (E2, Q4).",
        "Restore the campaign's or webinar's row, or discard what is invented; the days are computed again.",
        table="client_daily",
    ),
    Check(
        "unknown_entity",
        "Facts of neither a campaign nor a webinar (E1, Q4).",
        "Find the page or import that stores facts without campaign and webinar.",
        table="campaign_daily",
        lost_for_good=True,
    ),
    Check(
        "unknown_utm",
        "Share of hits or entries without UTM after attribution (A3, Q4).",
        "Have the advertised links carry UTM, or give the links they lead through UTM of their own.",
        table="utm_daily",
        lost_for_good=True,
        share=True,
    ),
    Check(
        "sessionless",
        "Share of hits or entries without a session (Q5).",
        "Look at the session cookie (S1, S3): name, domain, middleware; entries fall back to it (S5).",
        table="client_daily",
        lost_for_good=True,
        share=True,
    ),
    Check(
        "linkage",
        "Share of entries linked to a visit (Q2).",
        "Find the pages or routes that store entries without the session of their visit.",
        table="client_daily",
        lost_for_good=True,
        share=True,
    ),
    Check(
        "utm_fill",
        "Share of hits or entries captured with UTM (Q3).",
        "Find where UTM get lost: the entry page, a redirect, a short link that drops its query.",
        table="utm_daily",
        lost_for_good=True,
        share=True,
    ),
    Check(
        "deficit",
        "Visits missing while entries go on (Q6): on the day, and today within the last hour.",
        "Find out since when visits were missing, and tell the client; what was not stored cannot be recomputed.",
        table="client_daily",
        lost_for_good=True,
    ),
    Check(
        "cvr",
        "Campaigns that convert more often than they are visited (M4).",
        "Find the pages of the campaign that take entries and send no visit.",
        table="campaign_daily",
        lost_for_good=True,
    ),
    Check(
        "cid_hygiene",
        "Share of supplied cids that cannot be one (Q7).",
        "Tell whoever builds the links: a cid is eight of A-Z and 0-9, never typed or cut.",
        table="link_daily",
        lost_for_good=True,
        share=True,
    ),
    Check(
        "tenant_consistency",
        "Entries whose client is not their campaign's (Q7).",
        "Put the client of the entries or of the campaign right in EventFlow; the days are computed again.",
        table="campaign_daily",
    ),
    Check(
        "clones",
        "Campaigns that share entries to the microsecond (Q7): copies to be excluded by rule (E3).",
        'Exclude the copy: eventflow exclude add CAMPAIGN --reason "copy of ..."; its days are computed again.',
        table="campaign_daily",
    ),
    Check(
        "crowded_session",
        "A session with more hits, campaigns or webinars on a day than a person has (M2).",
        "See whether a cache keeps pages that set the session cookie; keep robots out.",
        table="client_daily",
        lost_for_good=True,
    ),
    Check(
        "silence",
        "Streams of a client quiet for longer than they are used to (Q7).",
        "See whether the client's pages are up and whether the quiet was planned.",
        table="client_daily",
        lost_for_good=True,
    ),
    Check(
        "members",
        "Members of one grain within a client (B2): more than a client can have, or ten times its usual number.",
        "Fold what somebody invents into one member (`eventflow fold add`): every number stays exact, and removing the "
        "rule restores everything.",
        table="client_daily",
    ),
    Check(
        "completeness",
        "Every minute of the observed window was sampled (W1). Missed minutes are lost: a warning, an error above "
        "5 % of the day's minutes.",
        "Missed minutes cannot be had back; keep a second sampler beside the daemon while webinars are live.",
        "eventflow webinar sample",
        lost_for_good=True,
    ),
    Check(
        "min_average_max",
        "min ≤ average ≤ max, and last within them (W2). Legacy buckets are carried as they are: a warning.",
        "Compute the day's webinars again: job webinar_stats_job in Dagster. Legacy buckets stay as they are.",
        _WEBINARS,
    ),
    Check(
        "peak_within_known_viewers",
        "No webinar had more viewers at once than presence knows for the day.",
        "Compute the day's webinars again: job webinar_stats_job in Dagster; presence that was deleted stays unknown.",
        _WEBINARS,
    ),
    Check(
        "raw_parity",
        "Buckets of the day equal the facts (M1-M3, M5, E3), counted by other statements. Tolerance zero.",
        "Days that differ are rebuilt by themselves, once; if it repeats, stop settling them and keep the table.",
        _VERIFY,
    ),
    Check(
        "range_parity",
        "Answers for the 7 and the 30 days that end on the day equal the facts, and the day's return histograms the "
        "session-days (M6). Tolerance zero.",
        "Windows that differ are rebuilt by themselves, once; if it repeats, stop settling them and keep the table.",
        _VERIFY,
    ),
    Check(
        "chain",
        "Every entry of the chain of closed months is what was written, follows the one before, and is still there.",
        "Put back what was changed in stats.closing and the tables beside it; the check names the entries, the "
        "statement of the month has the hash.",
        "eventflow adjustments",
    ),
    Check(
        "held",
        "The guard against mass loss keeps the day as published for clients that would lose much of it, and for those "
        "their facts went to or came from (E3); somebody must restore the rows or accept the loss.",
        "Compare the loss with what was deleted in the source; accept it or restore the rows.",
        "eventflow heal --dry-run",
    ),
)
#: Every check by its name.
CHECKS: Mapping[str, Check] = {check.name: check for check in _ALL}
#: Those of the indicators of quality.
QUALITY_CHECKS: Mapping[str, Check] = {check.name: check for check in _ALL if check.table}
