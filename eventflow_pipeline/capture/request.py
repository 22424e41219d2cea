"""A request as the rules see it: whoever serves the page fills this in."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """One HTTP request, and what the rules may not make themselves.

    ``now`` is the server's clock in seconds since 1970 (UTC), with fractions. ``new_session_id`` and ``new_event_id``
    are fresh UUIDs, used only where none was supplied. ``query`` and ``cookies`` hold every pair in its order, a name
    as often as it came; ``referrer`` and ``user_agent`` are the raw headers.
    """

    now: float
    new_session_id: str
    new_event_id: str
    path: str = "/"
    query: Sequence[tuple[str, str]] = ()
    cookies: Sequence[tuple[str, str]] = ()
    referrer: str | None = None
    user_agent: str | None = None
    prefetch: bool = False
