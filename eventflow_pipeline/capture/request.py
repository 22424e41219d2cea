"""A request as the rules see it: whoever serves the page fills this in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """One HTTP request, and what the rules may not make themselves.

    ``now`` is the server's clock in seconds since 1970 (UTC), with fractions. ``new_session_id`` and ``new_event_id``
    are fresh UUIDs, used only where none was supplied. ``query`` holds decoded pairs in their order; ``referrer``
    and ``user_agent`` are the raw headers.
    """

    now: float
    new_session_id: str
    new_event_id: str
    path: str = "/"
    query: Sequence[tuple[str, str]] = ()
    cookies: Mapping[str, str] = field(default_factory=dict)
    referrer: str | None = None
    user_agent: str | None = None
    prefetch: bool = False
