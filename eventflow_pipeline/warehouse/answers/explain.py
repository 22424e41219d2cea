"""Why a number is what it is: one client's day counted anew from the facts, beside what is published."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from eventflow_pipeline.domain.days import DayWindow, day_window
from eventflow_pipeline.domain.personal_data import redact
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.db.engine import connect, repeatable_read
from eventflow_pipeline.warehouse.db.sql import statement
from eventflow_pipeline.warehouse.fact_days import execute_folded

MEASURES = ("hits", "visits", "sessionless_hits", "conversions")
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that makes up one client's (or one campaign's) numbers of one day.

    ``published`` is the bucket, ``facts`` the same counted now; they differ only while the day is stale.
    ``members`` are the facts by entity, link and UTM; ``visits_counted_in_several`` says by how much the visits of
    each level add up to more than the total (M2). ``utc_date`` is what the same date would hold in UTC (T1).
    """

    client: Mapping[str, Any]
    day: date
    campaign: UUID | None
    window: DayWindow
    published: Mapping[str, Any] | None
    facts: Mapping[str, Any]
    members: Mapping[str, Rows]
    visits_counted_in_several: Mapping[str, int]
    excluded: Rows
    attribution: Rows
    folded_facts: int
    utc_date: Mapping[str, Any]
    state: Mapping[str, Any] | None
    ledger: Rows
    closing: Mapping[str, Any] | None

    @property
    def agrees(self) -> bool:
        """Is what is published what the facts say now?"""
        return self.published is not None and all(self.published[m] == self.facts[m] for m in MEASURES)

    def as_json(self) -> dict[str, Any]:
        """One object for ``--json``."""
        return {
            "client": {**self.client, "is_unknown": self.client["id"] is None},
            "date": self.day, "campaign": self.campaign,
            "window": {"start": self.window.start, "end": self.window.end},
            "published": self.published, "facts": self.facts, "agrees": self.agrees, "members": self.members,
            "visits_counted_in_several": self.visits_counted_in_several, "excluded": self.excluded,
            "attribution": self.attribution, "folded_facts": self.folded_facts, "utc_date": self.utc_date,
            "state": self.state, "ledger": self.ledger, "closing": self.closing,
        }  # fmt: skip


def find_client(connection: Connection, wanted: str) -> Mapping[str, Any]:
    """The client of an id or a name; ``unknown`` is the unknown client (E2). Raises UserError when it is not one."""
    if wanted == "unknown":
        return {"id": None, "name": "unknown"}
    rows = connection.execute(statement("answers/explain/select_clients"), {"wanted": wanted}).mappings().all()
    if len(rows) == 1:
        return dict(rows[0])
    if rows:
        raise UserError(f"{len(rows)} clients are named {wanted}: give --client the id of one.")
    raise UserError(f"There is no client {wanted}: give --client an id or a name from the table clients, or unknown.")


def closing_of(connection: Connection, client_id: UUID | None, day: date) -> Mapping[str, Any] | None:
    """The closing in force of the month that holds ``day``, of a client; None where it is not closed."""
    asked = {"client_id": client_id, "day": day}
    row = connection.execute(statement("answers/closing"), asked).mappings().one_or_none()
    return dict(row) if row else None


def explain(engine: Engine, settings: Settings, client: str, day: date, campaign: UUID | None = None) -> Explanation:
    """Explain ``client`` (an id, a name or ``unknown``) on business day ``day``, or one campaign or webinar of it.

    Reads raw facts of the day (a drill-down), in one snapshot. UTM values that look personal are redacted (S7).
    ``folded_facts``: of how many a fold rule folded a field (A6). ``closing``: that of the day's month.
    """
    with connect(engine) as connection, repeatable_read(connection):
        found = find_client(connection, client)
        window = day_window(day, settings.zone)
        who = {"client_id": found["id"], "entity_id": campaign}
        members = _members(connection, window, who)
        kept = [row for row in members if not row["excluded"]]
        total = next((row for row in kept if row["level"] == "total"), None)
        totals = _measures(total)
        levels = {level: [_shown(row) for row in kept if row["level"] == level] for level in ("entity", "link", "utm")}
        excluded = [_shown(row) for row in members if row["excluded"] and row["level"] == "entity"]
        parameters = {"bucket_date": day, **who}
        published = (
            connection.execute(statement("answers/explain/select_published"), parameters).mappings().one_or_none()
        )
        state = connection.execute(statement("answers/explain/select_day_state"), parameters).mappings().one_or_none()
        ledger = connection.execute(statement("answers/explain/select_ledger"), parameters).mappings().all()
        attribution = connection.execute(
            statement("answers/explain/select_attribution"),
            {"window_start": window.start, "window_end": window.end, **who},
        )
        return Explanation(
            client=found,
            day=day,
            campaign=campaign,
            window=window,
            published=dict(published) if published else None,
            facts=totals,
            members=levels,
            visits_counted_in_several={
                level: sum(row["visits"] for row in rows) - totals["visits"] for level, rows in levels.items()
            },
            excluded=_with_rules(connection, excluded),
            attribution=[dict(row) for row in attribution.mappings()],
            folded_facts=int(total["folded_facts"]) if total else 0,
            utc_date=_utc_date(connection, day, who),
            state=dict(state) if state else None,
            ledger=[dict(row) for row in ledger],
            closing=closing_of(connection, found["id"], day),
        )


def _members(connection: Connection, window: DayWindow, who: Mapping[str, Any]) -> Rows:
    parameters = {"window_start": window.start, "window_end": window.end, **who}
    return [dict(row) for row in execute_folded(connection, "answers/explain/select_members", parameters).mappings()]


def _measures(row: Mapping[str, Any] | None) -> dict[str, int]:
    return {measure: int(row[measure]) if row else 0 for measure in MEASURES}


_KEYS = {
    "entity": ("entity_type", "entity_id"),
    "link": ("link_id", "link_status"),
    "utm": ("utm_source", "utm_medium", "utm_campaign"),
}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    keys = {key: redact(row[key]) if isinstance(row[key], str) else row[key] for key in _KEYS[row["level"]]}
    # A flag of its own: whatever NULL is shown as, somebody can type it as a UTM value (A5).
    status = keys.get("entity_type", keys.get("link_status"))
    unknown = status == "unknown" if status else all(value is None for value in keys.values())
    return {**keys, "is_unknown": unknown, **_measures(row)}


def _with_rules(connection: Connection, excluded: Rows) -> Rows:
    rules = connection.execute(
        statement("answers/explain/select_exclusions"), {"campaigns": [row["entity_id"] for row in excluded]}
    ).mappings()
    by_campaign = {rule["campaign_id"]: {k: rule[k] for k in ("reason", "author", "created_at")} for rule in rules}
    return [{**row, **by_campaign.get(row["entity_id"], {})} for row in excluded]


def _utc_date(connection: Connection, day: date, who: Mapping[str, Any]) -> dict[str, int]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = _members(connection, DayWindow(start, start + timedelta(days=1)), who)
    return _measures(next((row for row in rows if row["level"] == "total" and not row["excluded"]), None))
