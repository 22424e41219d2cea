"""Judging data-quality indicators (Q1-Q7): thresholds, and what exceeds them. Pure functions of counted rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from eventflow_pipeline.domain.checks import CHECKS
from eventflow_pipeline.domain.conditions import Severity
from eventflow_pipeline.domain.deficit import DeficitRule

#: A row of stats.quality_daily, by column.
Indicators = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where an indicator becomes a warning and where an error; None: never."""

    # A bound that is misspelled must not be none.
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    warn: float | None = None
    error: float | None = None

    def overridden(self, own: "Threshold | None") -> "Threshold":
        """This threshold with the bounds that ``own`` names."""
        if own is None:
            return self
        return Threshold(self.warn if own.warn is None else own.warn, self.error if own.error is None else own.error)

    def warns_beyond_error(self, *, below: bool = False) -> bool:
        """Whether it would never warn, because what it warns of is an error already."""
        if self.warn is None or self.error is None:
            return False
        return self.warn < self.error if below else self.warn > self.error

    def severity(self, value: float, *, below: bool = False) -> tuple[Severity, float] | None:
        """How bad ``value`` is and the limit it passed; None when it is fine. ``below``: low values are bad."""
        for severity, limit in ((Severity.ERROR, self.error), (Severity.WARN, self.warn)):
            if limit is not None and (value < limit if below else value > limit):
                return severity, limit
        return None


#: Defaults of EVENTFLOW_QUALITY_THRESHOLDS. Rates are judged from the minimum volume on; counts always. The deficit of
#: visits (Q6) has settings of its own, and clients may have their own shares of it under the name ``deficit``.
DEFAULT_THRESHOLDS: Mapping[str, Threshold] = {
    "linkage": Threshold(0.70, 0.30),
    "utm_fill": Threshold(0.60, 0.30),
    # The complement of the fill after attribution.
    "unknown_utm": Threshold(0.40, 0.70),
    "unresolved_link": Threshold(0.10, 0.30),
    "unknown_link": Threshold(0.50),
    # In multiples of the client's own median over the 28 days before.
    "unknown_link_rise": Threshold(None, 2.0),
    "unknown_client": Threshold(None, 0),
    "unknown_entity": Threshold(0),
    "sessionless": Threshold(0.05),
    "cvr": Threshold(1.0),
    "cid_hygiene": Threshold(0.10),
    "tenant_consistency": Threshold(None, 0),
    "clones": Threshold(0),
    # Of the hits, or the entries, of a client's last seven days: in the member (redacted) of any UTM (A5).
    "redacted": Threshold(0.01, 0.10),
    # Members of one grain within a client and day (B2), and in multiples of the median of the 28 days before.
    "members": Threshold(None, 2_000),
    "members_rise": Threshold(10.0),
    # Of one session of a client on one day: more than a person has.
    "session_hits": Threshold(200, 1_000),
    "session_entities": Threshold(10, 50),
    # In multiples of the quiet the stream is used to.
    "silence": Threshold(1.0, 3.0),
}
#: Those of which low values are bad.
LOW_IS_BAD = frozenset({"linkage", "utm_fill"})
#: Fewer members are not judged by how much they rise: a new campaign may have many.
MEMBERS_OF_A_RISE = 200


def standing_severity(check: str, found: Severity, day: date, recent_from: date) -> Severity:
    """How bad a failing day still is: an error is something somebody can act on.

    On days before ``recent_from`` (the look-back's first) a check of what is lost for good is a warning.
    """
    return Severity.WARN if check in CHECKS and CHECKS[check].lost_for_good and day < recent_from else found


@dataclass(frozen=True, slots=True)
class Finding:
    """One indicator of one client (None: of everything, or of the unknown client) that is past a threshold."""

    check: str
    day: date
    client_id: UUID | None
    severity: Severity
    what: str
    value: float
    limit: float
    volume: int

    @property
    def said(self) -> str:
        """The finding in words: what was measured, and the limit it passed."""
        if CHECKS[self.check].share:
            return f"{self.value:.0%} of {self.volume:,} {self.what} (limit {self.limit:.0%})"
        if self.check in ("deficit", "cvr"):
            return f"{self.what} (limit {self.limit:g})"
        return f"{self.what}: {self.value:,.4g} (limit {self.limit:,.4g})"

    def row(self, names: Mapping[str, str]) -> dict[str, str | float | int]:
        """The finding as one flat row of a table; ``names`` of clients by id."""
        client = str(self.client_id) if self.client_id else "(all clients)"
        return {
            "client": names.get(client, client),
            "said": self.said,
            "client_id": client,
            "what": self.what,
            "value": round(self.value, 4),
            "limit": round(self.limit, 4),
            "volume": self.volume,
            "severity": self.severity.value,
        }


@dataclass(frozen=True, slots=True)
class Judge:
    """Thresholds in force: those of everybody, and the bounds single clients have of their own."""

    thresholds: Mapping[str, Threshold]
    overrides: Mapping[tuple[UUID, str], Threshold]
    minimum_volume: int
    deficit_rule: DeficitRule

    def threshold(self, name: str, client_id: UUID | None) -> Threshold:
        """The threshold for a client; an override replaces the bounds it names."""
        own = self.overrides.get((client_id, name)) if client_id else None
        return self.thresholds[name].overridden(own)

    def findings(self, rows: Iterable[Indicators]) -> list[Finding]:
        """Everything past its threshold in rows of stats.quality_daily, each with ``median_unknown_link_*``.

        Rates are judged per client and for everything, except for the unknown client, which is a finding of its own.
        """
        found: list[Finding] = []
        for row in rows:
            if row["scope"] == "client" and row["client_id"] is None:
                continue
            found += self._rates(row)
            found += self._counts(row)
            found += self._sessions(row)
            found += self.deficit(row["bucket_date"], row["client_id"], row["visits"], row["entries"], "on the day")
        return found

    def least_members(self) -> int:
        """From how many members of a grain on a threshold of any client may be passed."""
        own = [bounds for (_, name), bounds in self.overrides.items() if name == "members"]
        bounds = [bound for t in (self.thresholds["members"], *own) for bound in (t.warn, t.error) if bound is not None]
        return int(min([*bounds, MEMBERS_OF_A_RISE]))

    def members(
        self, day: date, client_id: UUID | None, what: str, members: int, median: float | None
    ) -> list[Finding]:
        """B2: members of one grain, against the limit, and where that is not passed against the usual number."""
        found = self.judged("members", day, client_id, what, members, members)
        if found or median is None or members <= MEMBERS_OF_A_RISE:
            return found
        rise = self.threshold("members_rise", client_id)
        for severity, factor in ((Severity.ERROR, rise.error), (Severity.WARN, rise.warn)):
            if factor is not None and members > factor * median:
                usually = f"{what}, usually {median:,.0f}"
                return [Finding("members", day, client_id, severity, usually, members, factor * median, members)]
        return []

    def deficit_rule_of(self, client_id: UUID) -> DeficitRule:
        """When a client's visits are too few for its entries (Q6): everybody's rule, with shares of its own."""
        usual = self.deficit_rule
        share = Threshold(usual.warn_share, usual.error_share).overridden(self.overrides.get((client_id, "deficit")))
        return DeficitRule(usual.min_entries, share.error or 0, share.warn or 0)

    def deficit(self, day: date, client_id: UUID | None, visits: int, entries: int, when: str) -> list[Finding]:
        """Q6: too few visits for the entries there are; only clients are judged."""
        if client_id is None:
            return []
        rule = self.deficit_rule_of(client_id)
        severity = rule.judge(visits, entries)
        if severity is None:
            return []
        limit = rule.error_share if severity is Severity.ERROR else rule.warn_share
        what = f"{visits} visits against {entries} entries {when}"
        return [Finding("deficit", day, client_id, severity, what, visits / entries, limit, entries)]

    def judged(
        self,
        check: str,
        day: date,
        client_id: UUID | None,
        what: str,
        value: float,
        volume: int,
        *,
        below: bool = False,
    ) -> list[Finding]:
        """A measured value against the threshold named like the check."""
        passed = self.threshold(check, client_id).severity(value, below=below)
        if passed is None:
            return []
        severity, limit = passed
        return [Finding(check, day, client_id, severity, what, value, limit, volume)]

    def _rates(self, row: Indicators) -> list[Finding]:
        rates: list[tuple[str, str, int | None, int, bool]] = [
            ("linkage", "entries", row["linked_entries"], row["entries"], True)
        ]
        for facts in ("hits", "entries"):
            whole = row[facts]
            rates += [
                ("unresolved_link", facts, row[f"unresolved_link_{facts}"], whole, False),
                ("unknown_link", facts, row[f"unknown_link_{facts}"], whole, False),
                ("unknown_utm", facts, whole - row[f"utm_{facts}"], whole, False),
                ("utm_fill", facts, row[f"captured_utm_{facts}"], whole, True),
                ("sessionless", facts, row[f"sessionless_{facts}"], whole, False),
                ("cid_hygiene", f"cids of {facts}", row[f"malformed_cid_{facts}"], row[f"supplied_cid_{facts}"], False),
            ]
        found = [
            finding
            for check, what, part, whole, below in rates
            if part is not None and whole >= self.minimum_volume
            for finding in self.judged(
                check, row["bucket_date"], row["client_id"], what, part / whole, whole, below=below
            )
        ]
        return found + [finding for facts in ("hits", "entries") for finding in self._rise(row, facts)]

    def _rise(self, row: Indicators, facts: str) -> list[Finding]:
        """Q4: unknown links against what is usual for the client; a member without history is not judged."""
        whole, median = row[facts], row.get(f"median_unknown_link_{facts}")
        if median is None or whole < self.minimum_volume:
            return []
        share, rise = row[f"unknown_link_{facts}"] / whole, self.threshold("unknown_link_rise", row["client_id"])
        for severity, factor in ((Severity.ERROR, rise.error), (Severity.WARN, rise.warn)):
            if factor is not None and share > factor * float(median):
                what = f"{facts}, usually {float(median):.2f}"
                return [
                    Finding(
                        "unknown_link", row["bucket_date"], row["client_id"], severity, what, share,
                        factor * float(median), whole,
                    )
                ]  # fmt: skip
        return []

    def _sessions(self, row: Indicators) -> list[Finding]:
        """M2: a session that is more than one person, such as a cookie that a cache handed to everybody, or a robot."""
        found: list[Finding] = []
        for busiest in row["busiest_sessions"]:
            measure, number = busiest["measure"], busiest["number"]
            passed = self.threshold(f"session_{measure}", row["client_id"]).severity(number)
            if passed:
                what = (
                    f"{'hits' if measure == 'hits' else 'campaigns and webinars'} of the session {busiest['session']}"
                )
                found.append(
                    Finding(
                        "crowded_session", row["bucket_date"], row["client_id"], passed[0], what, number, passed[1],
                        row["hits"],
                    )
                )  # fmt: skip
        return found

    def _counts(self, row: Indicators) -> list[Finding]:
        counts: Sequence[tuple[str, str, int, int]] = (
            ("tenant_consistency", "entries of another client than their campaign's", row["foreign_entries"],
             row["entries"]),
            ("clones", "pairs of campaigns", len(row["suspected_clones"]), row["entries"]),
        )  # fmt: skip
        if row["scope"] == "platform":
            counts = [
                (f"unknown_{group}", facts, row[f"unknown_{group}_{facts}"], row[facts])
                for group in ("client", "entity")
                for facts in ("hits", "entries")
            ]
        return [
            finding
            for check, what, count, volume in counts
            for finding in self.judged(check, row["bucket_date"], row["client_id"], what, count, volume)
        ]
