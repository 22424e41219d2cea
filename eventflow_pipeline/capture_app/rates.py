"""How often one may call, before a call is looked at."""

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerSecond, parse
from starlette.requests import Request

from eventflow_pipeline.capture import CaptureRequest, CaptureRules
from eventflow_pipeline.capture.cookies import believed
from eventflow_pipeline.capture.text import clean
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import CaptureSettings

#: Bytes from which a body is large, and how many of those one address may send: a form of thousands of words is rare.
_LARGE = 8 * 1024
_LARGE_RATE = RateLimitItemPerSecond(10)


class Windows:
    """Counts in memory by rate and key, in fixed windows that begin and end for all keys of a rate at once.

    A window is forgotten whole when the next begins: nobody's call pays for how many others there were. (The
    library's own storage looks through every key it has, a hundred times a second.)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[RateLimitItem, tuple[float, dict[tuple[str, ...], int]]] = {}

    def hit(self, rate: RateLimitItem, *key: str) -> bool:
        """Count one; False when that is more than the rate allows."""
        now = self._clock()
        window = self._windows.get(rate)
        if window is None or now - window[0] >= rate.get_expiry():
            window = self._windows[rate] = (now, {})
        counts = window[1]
        counts[key] = counts.get(key, 0) + 1
        return counts[key] <= rate.amount


class Rates:
    """How often one may call, in fixed windows of memory alone: an address, a session, an address for a campaign.

    Who carries a session cookie of ours counts for itself, who does not for the campaign the call is about: neither a
    hall of visitors behind one address nor the visitors of another campaign are locked out by somebody beside them.
    The address counts all the same, only much later.
    """

    def __init__(self, settings: CaptureSettings, rules: CaptureRules) -> None:
        self._rules = rules
        off = settings.rate.lower() == "off"
        self._anonymous = None if off else _parsed("EVENTFLOW_CAPTURE_RATE", settings.rate)
        self._session = None if off else _parsed("EVENTFLOW_CAPTURE_SESSION_RATE", settings.session_rate)
        self._address = None if off else _parsed("EVENTFLOW_CAPTURE_ADDRESS_RATE", settings.address_rate)
        self._windows = Windows()

    def may_send(self, request: Request) -> bool:
        """Count a request, before anything of it is read; False when its address has sent too many."""
        return self._address is None or self._windows.hit(self._address, "all", address_of(request))

    def may_send_as_much(self, request: Request, size: int) -> bool:
        """Count the body of a call, before it is parsed: large ones cost as much as many small ones."""
        return self._address is None or size <= _LARGE or self._windows.hit(_LARGE_RATE, "large", address_of(request))

    def may_call(self, request: Request, asked: CaptureRequest, target: str | None) -> bool:
        """Count a call about a campaign or webinar (None: neither); False when its sender has called too often."""
        if self._anonymous is None or self._session is None:
            return True
        content = believed(self._rules, asked, self._rules.session_cookie, self._rules.session_seconds)
        session = clean(content.get("id")) if isinstance(content, dict) else None
        if session is None:
            return self._windows.hit(self._anonymous, "anonymous", address_of(request), target or "")
        return self._windows.hit(self._session, "session", session)

    def may_look_up(self, request: Request) -> bool:
        """Count a look-up in the database for a short link."""
        return self._anonymous is None or self._windows.hit(self._anonymous, "link", address_of(request))


def _parsed(name: str, rate: str) -> RateLimitItem:
    try:
        return parse(rate)
    except ValueError as problem:
        raise UserError(f"{name} is {rate!r}, which is no rate: write it as 600/minute, or off.") from problem


def address_of(request: Request) -> str:
    """Who calls: the address, of IPv6 the /64 that one subscriber has; empty when it is none."""
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((address, 64), strict=False))
    return str(address)
