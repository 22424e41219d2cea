"""A second count of everything, from docs/rules.md alone: rows kept in Python, attributed and counted as sets.

It shares no code with the SQL and none with the package: zones come from zoneinfo, days from the local date of each
instant (T1), never from bounds. Tests change a ``World`` and the database alike and compare.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

ENTITY = ("entity_type", "entity_id")
UTM = ("utm_source", "utm_medium", "utm_campaign")
#: M5, written down here once more.
KEYS: Mapping[str, tuple[str, ...]] = {
    "platform": (),
    "client": ("client_id",),
    "campaign": ("client_id", *ENTITY),
    "link": ("client_id", *ENTITY, "link_id", "link_status"),
    "utm_source": ("client_id", "utm_source"),
    "utm_medium": ("client_id", "utm_medium"),
    "utm_campaign": ("client_id", "utm_campaign"),
    "utm": ("client_id", *UTM),
    "campaign_utm": ("client_id", *ENTITY, *UTM),
}
#: A5, likewise.
PERSONAL = re.compile(
    r"[a-z0-9_.+-](@|%40)[a-z0-9-]{1,63}[.][a-z0-9-]"
    r"|(^|[^0-9])01[016789][ .-]?[0-9]{3,4}[ .-]?[0-9]{4}($|[^0-9])"
    r"|(^|[^0-9])0[2-6][0-9]?-[0-9]{3,4}-[0-9]{4}($|[^0-9])"
    r"|(^|[^0-9a-z])[+][0-9]{1,3}[ .()-]{1,2}[0-9]{1,4}([ .()-]{1,2}[0-9]{2,4}){1,4}($|[^0-9])"
    r"|(^|[^0-9a-z])[+][1-9][0-9]{9,14}($|[^0-9])"
)
Member = tuple[Any, ...]
#: hits, visits, sessionless hits, conversions (M1-M3).
Measures = tuple[int, int, int, int]


def normal(text: str | None) -> str | None:
    """N1 without case and length."""
    blanks = " \t\n\r\f\v\u00a0\u00ad\u200b\u2060\u3000\ufeff"
    return unicodedata.normalize("NFC", text or "").strip(blanks) or None


def key(text: str | None) -> str | None:
    """N1 of a session id: what is longer than 200 code points is told apart by a digest."""
    whole = normal(text) or ""
    digest = hashlib.md5(whole.encode()).hexdigest()
    return (whole if len(whole) <= 200 else f"{whole[:160]}…{digest}") or None


def lower(text: str | None) -> str | None:
    """N1 of a UTM value, and A5."""
    whole = (normal(text) or "").lower()
    return "(redacted)" if PERSONAL.search(whole) else key(whole)


def upper(text: str | None) -> str | None:
    """N1 of a cid."""
    return (normal(text) or "").upper() or None


def matchable(cid: str | None) -> str | None:
    """A cid as what a link may be found by; a longer one matches nothing."""
    code = upper(cid)
    return code if code and len(code) <= 200 else None


@dataclass(frozen=True)
class Counted:
    """One fact that belongs into buckets: its keys, and what it counts as."""

    keys: Mapping[str, Any]
    session: str | None
    entry: UUID | None
    at: datetime


#: A fold rule (A6): client, field, kind, and the values it lists or its prefix alone.
Fold = tuple[UUID | None, str, str, tuple[str, ...]]


def folds(rule: Fold, client: UUID | None, field: str, value: str) -> bool:
    """A6: whether the rule folds a value of a client's field."""
    whose, its_field, kind, listed = rule
    if (whose, its_field) != (client, field):
        return False
    return value.startswith(listed[0]) if kind == "prefix" else (kind == "values") == (value in listed)


@dataclass
class World:
    """All rows as the database has them: facts by id, dimension rows by id, excluded campaigns, fold rules."""

    visits: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    entries: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    campaigns: dict[UUID, UUID] = field(default_factory=dict)
    webinars: dict[UUID, UUID] = field(default_factory=dict)
    links: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    excluded: set[UUID] = field(default_factory=set)
    folds: set[Fold] = field(default_factory=set)

    def by_day(self, zone: ZoneInfo) -> dict[date, list[Counted]]:
        """Facts of each business day (T1, T2), attributed, without the excluded ones (E3)."""
        days: dict[date, list[Counted]] = defaultdict(list)
        for row in self.visits.values():
            if row["campaign_id"]:
                entity, client = ("campaign", row["campaign_id"]), self.campaigns.get(row["campaign_id"])
            else:
                entity, client = ("webinar", row["webinar_id"]), self.webinars.get(row["webinar_id"])
            if row["campaign_id"] not in self.excluded:
                keys = self._keys(row, client, entity, row["cid"])
                at = row["accessed_at"]
                days[at.astimezone(zone).date()].append(Counted(keys, key(row["session_id"]), None, at))
        for id, row in self.entries.items():
            if row["campaign_id"] not in self.excluded:
                keys = self._keys(row, row["client_id"], ("campaign", row["campaign_id"]), row["cid"])
                at = row["created_at"]
                days[at.astimezone(zone).date()].append(Counted(keys, None, id, at))
        return dict(days)

    def _keys(
        self, row: Mapping[str, Any], client: UUID | None, entity: tuple[str, UUID], cid: str | None
    ) -> dict[str, Any]:
        """E1, E2, A1-A3, A6 for a visit or an entry alike."""
        supplied, code = row["marketing_campaign_link_id"], upper(cid)
        found = None
        if client and supplied:
            found = next((i for i, x in self.links.items() if i == supplied and x["client_id"] == client), None)
        elif client and matchable(cid):
            found = next(
                (i for i, x in self.links.items() if x["client_id"] == client and matchable(x["cid"]) == code), None
            )
        status = "resolved" if found else "unresolved" if supplied or code else "unknown"
        utm = [lower(row[name]) for name in UTM]
        if found and not any(utm):
            utm = [lower(self.links[found][name]) for name in UTM]
        return self._folded(
            {
                "client_id": client,
                "entity_type": entity[0],
                "entity_id": entity[1],
                "link_id": supplied or found,
                "link_status": status,
                **dict(zip(UTM, utm, strict=True)),
            }
        )

    def _folded(self, keys: dict[str, Any]) -> dict[str, Any]:
        """A6: ids fold where no row has them, and what was not supplied never does."""
        rows = {"campaign": self.campaigns, "webinar": self.webinars}[keys["entity_type"]]
        loose = {
            **{name: keys[name] for name in UTM},
            "link_id": keys["link_id"] if keys["link_status"] == "unresolved" else None,
            "entity_id": None if keys["entity_id"] in rows else keys["entity_id"],
        }
        becomes = {**dict.fromkeys(UTM, "(folded)"), "link_id": UUID(int=0), "entity_id": UUID(int=0)}
        return keys | {
            name: becomes[name]
            for name, value in loose.items()
            if value is not None and any(folds(rule, keys["client_id"], name, str(value)) for rule in self.folds)
        }


def count(facts: Iterable[Counted], grain: str) -> dict[Member, Measures]:
    """Measures of every member of the grain over the facts of one day or of a whole range: M6 needs no more."""
    hits: dict[Member, int] = defaultdict(int)
    sessions: dict[Member, set[str]] = defaultdict(set)
    blank: dict[Member, int] = defaultdict(int)
    entries: dict[Member, set[UUID]] = defaultdict(set)
    for fact in facts:
        member = tuple(fact.keys[name] for name in KEYS[grain])
        entries[member].update([fact.entry] if fact.entry else [])
        if fact.entry is None:
            hits[member] += 1
            blank[member] += fact.session is None
            sessions[member].update([fact.session] if fact.session else [])
    return {m: (hits[m], len(sessions[m]), blank[m], len(entries[m])) for m in entries}
