"""What an operator may choose about capture: names, lifetimes, keys. Nothing of it is a literal elsewhere (S1)."""

from dataclasses import dataclass

DAY = 86_400
#: Cache-Control of every response that sets one of our cookies: kept by a cache, it would be everybody's session (M2).
UNCACHED = "private, no-store"


@dataclass(frozen=True, slots=True)
class CaptureRules:
    """Keys, cookie names, lifetimes (seconds) and the trust window.

    ``keys`` sign the cookies, newest first: the first signs, all verify. ``trust_seconds`` is how old a last touch may
    be and still attribute a fact; a cookie's lifetime says nothing about that. ``scope_segments`` path segments name
    the tenant (0: one tenant a host): touches of one tenant are kept apart from another's by the cookie's name.
    ``other_encoding`` is what a query is read in that is not UTF-8; ``country_code`` is that of phone numbers which
    are stored with their national prefix.
    """

    keys: tuple[str, ...]
    session_cookie: str = "ef_session"
    first_cookie: str = "ef_first_touch"
    last_cookie: str = "ef_last_touch"
    provisional_cookie: str = "ef_provisional"
    session_seconds: int = DAY
    first_seconds: int = 365 * DAY
    last_seconds: int = 30 * DAY
    trust_seconds: int = DAY
    scope_segments: int = 0
    link_parameters: tuple[str, ...] = ("link_id", "lid", "marketing_campaign_link_id")
    secure: bool = True
    domain: str | None = None
    other_encoding: str | None = "cp949"
    country_code: str = "82"


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie the response must set, whatever else becomes of that response, and then be ``UNCACHED``.

    ``max_age`` 0 ends it. ``host_only``: that of the very host, where the rules name a domain.
    """

    name: str
    value: str
    max_age: int
    host_only: bool = False

    def header(self, rules: CaptureRules) -> str:
        """Value of the Set-Cookie header: readable by servers alone, sent along by links from elsewhere."""
        parts = [f"{self.name}={self.value}", f"Max-Age={self.max_age}", "Path=/", "HttpOnly", "SameSite=Lax"]
        if rules.secure:
            parts.append("Secure")
        if rules.domain and not self.host_only:
            parts.append(f"Domain={rules.domain}")
        return "; ".join(parts)
