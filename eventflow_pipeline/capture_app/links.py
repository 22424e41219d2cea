"""Short links: where they lead, remembered for a while, and everything the click carried handed on."""

import asyncio
import time
from typing import Any
from urllib.parse import urlencode

from eventflow_pipeline.capture import CaptureRules
from eventflow_pipeline.capture.query import query_pairs, without
from eventflow_pipeline.capture.touch import UTM
from eventflow_pipeline.settings import CaptureSettings
from eventflow_pipeline.warehouse.capture.store import AWAY, CaptureStore

_FRESH_SECONDS = 60.0
_WAIT_SECONDS = 1.0
_MOST = 10_000


class Links:
    """Targets of short links. While the database is away, what was known still leads where it led."""

    def __init__(self, store: CaptureStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str | None], tuple[float, dict[str, Any] | None]] = {}

    async def target(self, key: str, client_id: str | None) -> tuple[dict[str, Any] | None, str]:
        """The link, and how it is known: ``found``, ``unknown``, ``remembered`` or ``database away``."""
        asked = (key, client_id)
        at, link = self._known.get(asked, (0.0, None))
        now = time.monotonic()
        if asked in self._known and now - at < _FRESH_SECONDS:
            return link, "found" if link else "unknown"
        try:
            link = await asyncio.wait_for(self._store.link_target(key, client_id), _WAIT_SECONDS)
        except AWAY:
            return link, "remembered" if link else "database away"
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[asked] = (now, link)
        return link, "found" if link else "unknown"


def destination(
    settings: CaptureSettings, rules: CaptureRules, key: str, link: dict[str, Any] | None, query: bytes
) -> str:
    """Where a click goes: the link's page with the click's own query, byte for byte, link id and cid.

    The link's UTM are added only where the click carries none, so that two arrivals are never mixed. An unknown
    link leads to the site's root and keeps its cid.
    """
    link = link or {}
    path = link.get("path") or "/"
    if link.get("target_type") == "webinar" and link.get("target_id"):
        path = settings.webinar_path.replace("{id}", str(link["target_id"]))
    path = "/" + str(path).lstrip("/\\")  # never another host
    names = {name.lower() for name, value in query_pairs(query, rules.other_encoding) if value.strip()}
    added = [(name, link[name]) for name in ("link_id", "cid") if link.get(name) and name not in names]
    if not link and "cid" not in names and key.isalnum():
        added.append(("cid", key))
    if link and not names.intersection(UTM):
        added += [(name, link[name]) for name in UTM if link.get(name)]
    kept = without(query, set(dict(added)), rules.other_encoding)
    whole = "&".join(part for part in (kept, urlencode(added)) if part)
    return f"{settings.site_url.rstrip('/')}{path}{'?' if whole else ''}{whole}"
