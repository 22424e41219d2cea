"""Reads a sample by the definitions, row by row, so that tests can say what a planted row means."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from eventflow_pipeline.dev.sample import Sample
from eventflow_pipeline.dev.sample.rows import Campaign, Client, Entry, Link, Visit
from eventflow_pipeline.domain.days import local_date
from eventflow_pipeline_tests.worlds.independent_count import lower, matchable, upper


class Reader:
    """A sample with its rows by id."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.zone = sample.options.time_zone
        self.visits = {row.id: row for row in sample.visits}
        self.entries = {row.id: row for row in sample.entries}
        self.links = {row.id: row for row in sample.links}
        self.campaigns = {row.id: row for row in sample.campaigns}
        self.webinars = {row.id: row for row in sample.webinars}
        self.link_by_cid = {(row.client_id, matchable(row.cid)): row for row in sample.links if row.cid}

    def facts(self, ids: Iterable[UUID]) -> list[Visit | Entry]:
        return [self.visits.get(id) or self.entries[id] for id in ids]

    def hits(self, ids: Iterable[UUID]) -> list[Visit]:
        return [self.visits[id] for id in ids]

    def conversions(self, ids: Iterable[UUID]) -> list[Entry]:
        return [self.entries[id] for id in ids]

    def day(self, fact: Visit | Entry) -> date:
        """T1, T2."""
        return local_date(fact.accessed_at if isinstance(fact, Visit) else fact.created_at, self.zone)

    def client(self, fact: Visit | Entry) -> UUID | None:
        """E1, E2."""
        if isinstance(fact, Entry):
            return fact.client_id
        if fact.campaign_id is not None:
            row: Campaign | None = self.campaigns.get(fact.campaign_id)
            return row.client_id if row else None
        assert fact.webinar_id is not None
        webinar = self.webinars.get(fact.webinar_id)
        return webinar.client_id if webinar else None

    def cid(self, fact: Visit | Entry) -> str | None:
        return upper(fact.cid if isinstance(fact, Visit) else (fact.registration_data or {}).get("cid"))

    def link(self, fact: Visit | Entry) -> tuple[str, UUID | None]:
        """A1, A2: (link_status, link id)."""
        client, cid = self.client(fact), self.cid(fact)
        if fact.marketing_campaign_link_id is not None:
            row: Link | None = self.links.get(fact.marketing_campaign_link_id)
            good = row is not None and client is not None and row.client_id == client
            return ("resolved" if good else "unresolved", fact.marketing_campaign_link_id)
        if cid is None:
            return ("unknown", None)
        row = self.link_by_cid.get((client, cid)) if client and matchable(cid) else None
        return ("resolved", row.id) if row else ("unresolved", None)

    def utm(self, fact: Visit | Entry) -> tuple[str | None, ...]:
        """A3."""
        own = self.utm_of(fact)
        status, link_id = self.link(fact)
        if not any(own) and status == "resolved":
            assert link_id is not None
            return self.utm_of(self.links[link_id])
        return own

    @staticmethod
    def utm_of(row: Visit | Entry | Link) -> tuple[str | None, ...]:
        return lower(row.utm_source), lower(row.utm_medium), lower(row.utm_campaign)

    def day_of_client(self, client: Client, day: date) -> tuple[int, int]:
        """(hits, entries) of a client on a local date."""
        hits = sum(self.day(row) == day and self.client(row) == client.id for row in self.sample.visits)
        entries = sum(self.day(row) == day and row.client_id == client.id for row in self.sample.entries)
        return hits, entries

    def per_day(self) -> dict[date, int]:
        counts: dict[date, int] = defaultdict(int)
        for row in self.sample.visits:
            counts[self.day(row)] += 1
        return counts
