"""What a page was asked for: client, days, campaign and language, from its address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request

from eventflow_pipeline.serve_app.refusals import Refusal

LANGUAGES = ("en", "ko")
#: What stands for the client in addresses of the platform's page.
PLATFORM = "platform"
_USUAL_DAYS = 30
_ENTITY_TYPES = ("campaign", "webinar")


@dataclass(frozen=True)
class Asked:
    """Client, inclusive local days (T3), entity, its type (None: any) and language.

    Without a client: the platform's own page, or, unless ``is_platform``, the clients the caller may see.
    """

    client: UUID | None
    first: date
    last: date
    entity: UUID | None
    entity_type: str | None
    language: str
    is_platform: bool = False

    def query(self, **changes: object) -> str:
        """The query of an address that asks the same but for ``changes``; None leaves out."""
        asked: dict[str, object] = {
            "client": PLATFORM if self.is_platform else self.client, "from": self.first, "to": self.last,
            "entity": self.entity, "entity_type": self.entity_type, "lang": self.language, **changes,
        }  # fmt: skip
        return "?" + urlencode({name: str(value) for name, value in asked.items() if value is not None})

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


def read_asked(request: Request, today: date, usual: tuple[date, date] | None = None) -> Asked:
    """What a request asks for; without dates the ``usual`` ones, else the last 30 days. Raises Refusal (400)."""
    query = request.query_params
    first, last = _date(query, "from"), _date(query, "to")
    if usual:
        first, last = first or usual[0], last or usual[1]
    last = last or today
    first = first or max(date.min + timedelta(days=_USUAL_DAYS), last) - timedelta(days=_USUAL_DAYS - 1)
    entity_type = query.get("entity_type")
    if entity_type and entity_type not in _ENTITY_TYPES:
        raise Refusal(400, f"There is no such entity_type: give {' or '.join(_ENTITY_TYPES)}.")
    is_platform = query.get("client") == PLATFORM
    client, entity = None if is_platform else _uuid(query, "client"), _uuid(query, "entity")
    return Asked(client, first, last, entity, entity_type or None, language_of(request), is_platform)


def _date(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Refusal(400, f"{name} is not a date: write it as YYYY-MM-DD.") from None


def _uuid(query: Mapping[str, str], name: str) -> UUID | None:
    text = query.get(name)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refusal(400, f"{name} is not an id: give a uuid.") from None


def language_of(request: Request) -> str:
    """The language asked for: `lang`, else the first of Accept-Language that there is."""
    chosen = request.query_params.get("lang")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        name = part.partition(";")[0].strip().lower()[:2]
        if name in LANGUAGES:
            return name
    return LANGUAGES[0]
