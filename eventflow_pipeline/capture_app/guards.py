"""What a public call must pass before it is looked at: its origin, its rate, its size."""

from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import ClientDisconnect, Request

from eventflow_pipeline.errors import UserError


class Origins:
    """Browsers name the page that calls; only the application's own host and the listed origins may."""

    def __init__(self, listed: str) -> None:
        self.listed = tuple(origin.strip().rstrip("/").lower() for origin in listed.split(",") if origin.strip())

    def allow(self, request: Request) -> bool:
        """True for a listed or own origin, and for callers that are no browsers (they name none)."""
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin", "same-site")
        if origin.lower() in self.listed:
            return True
        try:
            host = urlsplit(origin.lower()).netloc
        except ValueError:
            return False
        return bool(host) and host == request.headers.get("host", "").lower()


class Rate:
    """Calls from one address in a fixed window. Addresses are kept in memory for the window alone."""

    def __init__(self, rate: str) -> None:
        self._limit: RateLimitItem | None = None
        if rate.lower() != "off":
            try:
                self._limit = parse(rate)
            except ValueError as problem:
                raise UserError(
                    f"EVENTFLOW_CAPTURE_RATE is {rate!r}, which is no rate: write it as 600/minute, or off."
                ) from problem
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def allow(self, request: Request) -> bool:
        """Count the call; False when its address has called too often."""
        address = request.client.host if request.client else ""
        return self._limit is None or self._limiter.hit(self._limit, address)


async def read_body(request: Request, most: int) -> bytes | None:
    """The request's body, or None when it is larger than ``most`` bytes; reading stops there."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and len(announced) < 16 and int(announced) > most:
        return None
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return b""
    return b"".join(chunks)
