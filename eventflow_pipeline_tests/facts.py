"""Rows of EventFlow's tables for tests: what a test does not say is ordinary. Columns go by their own names."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from eventflow_pipeline_tests.databases import Database

CLIENT, CAMPAIGN = UUID(int=0xA1), UUID(int=0xC1)


def clients(
    database: Database,
    campaigns: Mapping[UUID, Iterable[UUID]],
    webinars: Mapping[UUID, Iterable[UUID]] | None = None,
    names: Mapping[UUID, str] | None = None,
) -> None:
    """Clients, each with its campaigns and webinars; called what ``names`` says, else ``client``."""
    ids = dict.fromkeys([*campaigns, *(webinars or ())])
    database.insert("clients", [{"id": client, "name": (names or {}).get(client, "client")} for client in ids])
    for table, owned in (("event_survey_campaigns", campaigns), ("webinars", webinars or {})):
        rows = [{"id": id, "client_id": client, "title": "title"} for client, many in owned.items() for id in many]
        database.insert(table, rows)


def link(database: Database, id: UUID, client: UUID = CLIENT, **columns: Any) -> None:
    """A marketing link."""
    database.insert("campaign_link_meta", [{"id": id, "client_id": client, "name": "link", **columns}])


def visits(database: Database, *times: datetime, session_id: str = "s", **columns: Any) -> list[UUID]:
    """A hit of CAMPAIGN at each of the times, recorded when it happened; returns their ids.

    In ``session_id`` ``{n}`` stands for the hit's place and ``{id}`` for its id: then each has a session of its own.
    """
    ids = [uuid4() for _ in times]
    database.insert(
        "event_access_logs",
        [
            {"id": id, "session_id": session_id.format(n=n, id=id), "campaign_id": CAMPAIGN, "accessed_at": at,
             "created_at": at, **columns}
            for n, (id, at) in enumerate(zip(ids, times, strict=True))
        ],
    )  # fmt: skip
    return ids


def entries(database: Database, *times: datetime, session_id: str | None = None, **columns: Any) -> list[UUID]:
    """An entry of CAMPAIGN and CLIENT at each of the times, each by another person; returns their ids.

    ``session_id`` as for visits; by default an entry has none.
    """
    ids = [uuid4() for _ in times]
    database.insert(
        "event_survey_entries",
        [
            {"id": id, "session_id": session_id and session_id.format(n=n, id=id), "campaign_id": CAMPAIGN,
             "client_id": CLIENT, "phone_norm": str(id), "created_at": at, **columns}
            for n, (id, at) in enumerate(zip(ids, times, strict=True))
        ],
    )  # fmt: skip
    return ids


def spread(count: int, last: datetime, minutes: float) -> list[datetime]:
    """``count`` instants spread evenly over the ``minutes`` before ``last``."""
    return [last - timedelta(minutes=minutes * (n + 0.5) / count) for n in range(count)]
