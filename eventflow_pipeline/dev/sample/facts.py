"""Visits and entries as the application writes them; every fact of a sample is made here."""

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from eventflow_pipeline.dev.sample.names import USER_AGENTS, random_uuid, session_token
from eventflow_pipeline.dev.sample.rows import Campaign, Entry, Visit
from eventflow_pipeline.domain.normalization import normalize_text


class Touch(NamedTuple):
    """What a request supplied for attribution, raw: link id, cid, UTM, referrer host."""

    link_id: UUID | None = None
    cid: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    referrer: str | None = None


NOTHING = Touch()


def is_blank(text: str | None) -> bool:
    """True when N1 makes ``text`` NULL: not supplied."""
    return text is None or normalize_text(text) is None


class Facts:
    """The fact rows written so far; ids come from ``rng``."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.visits: list[Visit] = []
        self.entries: list[Entry] = []

    def session(self) -> str:
        """A new session id."""
        return session_token(self._rng)

    def visit(
        self,
        at: datetime,
        session: str,
        touch: Touch = NOTHING,
        *,
        campaign_id: UUID | None = None,
        webinar_id: UUID | None = None,
        recorded: datetime | None = None,
    ) -> Visit:
        """Write one hit at ``at``, ingested some milliseconds later unless ``recorded`` says when."""
        rng = self._rng
        row = Visit(
            id=random_uuid(rng),
            campaign_id=campaign_id,
            webinar_id=webinar_id,
            session_id=session,
            entry_id=None,
            converted_at=None,
            utm_source=touch.utm_source,
            utm_medium=touch.utm_medium,
            utm_campaign=touch.utm_campaign,
            utm_term=touch.utm_term,
            cid=touch.cid,
            referrer=touch.referrer,
            user_agent=rng.choice(USER_AGENTS),
            marketing_campaign_link_id=touch.link_id,
            accessed_at=at,
            created_at=recorded or at + timedelta(milliseconds=4 + int(160 * rng.random())),
        )
        self.visits.append(row)
        return row

    def entry(
        self,
        campaign: Campaign,
        at: datetime,
        session: str | None,
        touch: Touch = NOTHING,
        *,
        client_id: UUID | None = None,
        completed: datetime | None = None,
        first_visit: datetime | None = None,
    ) -> Entry:
        """Write one conversion at ``at`` with the campaign's client unless another is given.

        The touch's cid goes into registration_data, as on one of the application's two write paths.
        """
        row = Entry(
            id=random_uuid(self._rng),
            campaign_id=campaign.id,
            agency_id=campaign.agency_id,
            client_id=client_id or campaign.client_id,
            name=None,
            company=None,
            phone_norm=self._person(),
            survey_no=0,
            code6="",
            completed_at=completed or at,
            created_at=at,
            registration_data=None if touch.cid is None else {"cid": touch.cid},
            utm_source=touch.utm_source,
            utm_medium=touch.utm_medium,
            utm_campaign=touch.utm_campaign,
            utm_term=touch.utm_term,
            utm_first_visit_at=first_visit,
            utm_referrer=touch.referrer,
            marketing_campaign_link_id=touch.link_id,
            session_id=session,
        )
        self.entries.append(row)
        return row

    def copy_entry(self, original: Entry, campaign: Campaign) -> Entry:
        """Copy ``original`` into ``campaign`` as cloning does: all but the keys, created_at included."""
        row = Entry(**{name: getattr(original, name) for name in Entry.__slots__})
        row.id, row.campaign_id, row.phone_norm = random_uuid(self._rng), campaign.id, self._person()
        self.entries.append(row)
        return row

    def finish(self) -> None:
        """Bring rows into the order of writing, number each campaign's entries and mark converted hits.

        One entry marks every hit of its session in its campaign that was there and not yet converted.
        """
        self.visits.sort(key=lambda row: (row.created_at, row.id.int))
        self.entries.sort(key=lambda row: (row.created_at, row.id.int))
        numbers: dict[UUID, int] = defaultdict(int)
        converting = {(row.campaign_id, row.session_id) for row in self.entries if not is_blank(row.session_id)}
        waiting: dict[tuple[UUID | None, str | None], list[Visit]] = defaultdict(list)
        for visit in self.visits:
            if (visit.campaign_id, visit.session_id) in converting:
                waiting[visit.campaign_id, visit.session_id].append(visit)
        for entry in self.entries:
            numbers[entry.campaign_id] += 1
            entry.survey_no = numbers[entry.campaign_id]
            for visit in waiting.get((entry.campaign_id, entry.session_id), ()):
                if visit.entry_id is None and visit.created_at <= entry.created_at:
                    visit.entry_id, visit.converted_at = entry.id, entry.created_at

    def _person(self) -> str:
        return f"sample-{len(self.entries) + 1:06d}"
