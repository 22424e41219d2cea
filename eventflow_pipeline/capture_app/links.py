"""Short links: where they lead, remembered for a while, and everything the click carried handed on."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlencode

from eventflow_pipeline.capture import CaptureRules
from eventflow_pipeline.capture.query import query_pairs, without
from eventflow_pipeline.capture.touch import UTM
from eventflow_pipeline.settings import CaptureSettings
from eventflow_pipeline.warehouse.capture.store import AWAY, CaptureStore

_FRESH_SECONDS = 60.0
_WAIT_SECONDS = 1.0
_MOST = 10_000
_T = TypeVar("_T")
_Remembered: TypeAlias = dict[tuple[str, str | None], tuple[float, _T]]


class Links:
    """Targets of short links. While the database is away, what was known still leads where it led.

    Links and keys that are none are remembered apart, so that made-up keys cannot push the links out.
    """

    def __init__(self, store: CaptureStore) -> None:
        self._store = store
        self._links: _Remembered[dict[str, Any]] = {}
        self._misses: _Remembered[None] = {}

    async def target(
        self, key: str, client_id: str | None, may_ask: Callable[[], bool]
    ) -> tuple[dict[str, Any] | None, str]:
        """The link, and how it is known: found, unknown, remembered, database away, asked too often.

        ``may_ask`` is asked before the database is.
        """
        asked, now = (key, client_id), time.monotonic()
        at, link = self._links.get(asked, (0.0, None))
        if link and now - at < _FRESH_SECONDS:
            return link, "found"
        if asked in self._misses and now - self._misses[asked][0] < _FRESH_SECONDS:
            return None, "unknown"
        if not may_ask():
            return link, "remembered" if link else "asked too often"
        try:
            link = await asyncio.wait_for(self._store.link_target(key, client_id), _WAIT_SECONDS)
        except AWAY:
            return link, "remembered" if link else "database away"
        if link:
            _remember(self._links, asked, (now, link))
            return link, "found"
        self._links.pop(asked, None)
        _remember(self._misses, asked, (now, None))
        return None, "unknown"


def _remember(known: "_Remembered[_T]", asked: tuple[str, str | None], what: tuple[float, _T]) -> None:
    """Beside the others, in the place of the one that was asked for longest ago."""
    known.pop(asked, None)
    if len(known) >= _MOST:
        del known[next(iter(known))]
    known[asked] = what


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
