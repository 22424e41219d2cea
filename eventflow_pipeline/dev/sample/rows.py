"""One dataclass per source table, its fields the table's columns (``sql/source``), and the whole sample.

Instants are aware and in UTC. Columns that could hold personal data stay empty or hold an opaque token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from eventflow_pipeline.dev.sample.options import SampleOptions


@dataclass(slots=True)
class Agency:
    """public.agencies"""

    id: UUID
    name: str
    status: str
    created_at: datetime


@dataclass(slots=True)
class Client:
    """public.clients"""

    id: UUID
    agency_id: UUID | None
    name: str
    status: str
    created_at: datetime


@dataclass(slots=True)
class ClientMember:
    """public.client_members"""

    client_id: UUID
    user_id: UUID
    role: str


@dataclass(slots=True)
class AgencyMember:
    """public.agency_members"""

    agency_id: UUID
    user_id: UUID
    role: str


@dataclass(slots=True)
class Campaign:
    """public.event_survey_campaigns"""

    id: UUID
    agency_id: UUID | None
    client_id: UUID
    title: str
    public_path: str
    status: str
    type: str
    created_at: datetime


@dataclass(slots=True)
class Webinar:
    """public.webinars; ``start_time``..``end_time`` is the campaign period, not the broadcast."""

    id: UUID
    agency_id: UUID | None
    client_id: UUID
    title: str
    type: str
    start_time: datetime
    end_time: datetime
    webinar_start_time: datetime
    registration_campaign_id: UUID | None
    created_at: datetime


@dataclass(slots=True)
class Link:
    """public.campaign_link_meta"""

    id: UUID
    agency_id: UUID | None
    client_id: UUID
    name: str
    target_type: str
    target_campaign_id: UUID | None
    target_webinar_id: UUID | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    cid: str | None
    status: str
    start_date: date
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Visit:
    """public.event_access_logs: one hit. ``entry_id`` and ``converted_at`` are filled after the fact."""

    id: UUID
    campaign_id: UUID | None
    webinar_id: UUID | None
    session_id: str
    entry_id: UUID | None
    converted_at: datetime | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    cid: str | None
    referrer: str | None
    user_agent: str | None
    marketing_campaign_link_id: UUID | None
    accessed_at: datetime
    created_at: datetime


@dataclass(slots=True)
class Entry:
    """public.event_survey_entries: one conversion. ``phone_norm`` is an opaque token, never a number."""

    id: UUID
    campaign_id: UUID
    agency_id: UUID | None
    client_id: UUID
    name: str | None
    company: str | None
    phone_norm: str
    survey_no: int
    code6: str
    completed_at: datetime
    created_at: datetime
    registration_data: dict[str, str] | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_first_visit_at: datetime | None
    utm_referrer: str | None
    marketing_campaign_link_id: UUID | None
    session_id: str | None


@dataclass(slots=True)
class Presence:
    """public.webinar_live_presence: the last state of one viewer."""

    webinar_id: UUID
    user_id: UUID
    joined_at: datetime
    last_seen_at: datetime
    agency_id: UUID | None
    client_id: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class ConcurrencyBucket:
    """public.webinar_access_logs: five minutes of the existing concurrency job."""

    id: UUID
    webinar_id: UUID
    time_bucket: datetime
    sample_count: int
    sum_participants: int
    min_participants: int
    max_participants: int
    last_participants: int
    first_sample_at: datetime
    last_sample_at: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """Every row of a sample, and for each trap (see ``TRAPS``) the ids of the rows that make it."""

    options: SampleOptions
    agencies: list[Agency]
    clients: list[Client]
    client_members: list[ClientMember]
    agency_members: list[AgencyMember]
    campaigns: list[Campaign]
    webinars: list[Webinar]
    links: list[Link]
    visits: list[Visit]
    entries: list[Entry]
    presence: list[Presence]
    concurrency: list[ConcurrencyBucket]
    traps: dict[str, list[UUID]]

    def tables(self) -> list[tuple[str, type, Sequence[object]]]:
        """(table in schema public, its dataclass, its rows), dimensions first."""
        return [
            ("agencies", Agency, self.agencies),
            ("clients", Client, self.clients),
            ("client_members", ClientMember, self.client_members),
            ("agency_members", AgencyMember, self.agency_members),
            ("event_survey_campaigns", Campaign, self.campaigns),
            ("webinars", Webinar, self.webinars),
            ("campaign_link_meta", Link, self.links),
            ("event_access_logs", Visit, self.visits),
            ("event_survey_entries", Entry, self.entries),
            ("webinar_live_presence", Presence, self.presence),
            ("webinar_access_logs", ConcurrencyBucket, self.concurrency),
        ]
