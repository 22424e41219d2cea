"""What a call must pass before it is looked at: its origin, its size."""

import asyncio
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request

from eventflow_pipeline.domain.hosts import is_loopback
from eventflow_pipeline.settings import CaptureSettings, ServeSettings


class Origins:
    """Browsers name the page that calls; only the site itself and the listed origins may.

    Which host a request is for is what its sender says, so that alone makes nobody the site: a name that leads to this
    machine for a moment would be enough. Without settings only pages on loopback may call, for development.
    """

    def __init__(self, settings: CaptureSettings | ServeSettings) -> None:
        listed = [*settings.origins.split(","), *_origin_of(settings.site_url)]
        self.listed = tuple(origin.strip().rstrip("/").lower() for origin in listed if origin.strip())

    def allow(self, request: Request) -> bool:
        """True for the site's and listed origins, and for callers that are no browsers (they name none)."""
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin", "same-site")
        if self.listed:
            return origin.lower() in self.listed
        try:
            parts = urlsplit(origin.lower())
            host = parts.hostname or ""
        except ValueError:
            return False
        own = parts.scheme in ("http", "https") and parts.netloc == request.headers.get("host", "").lower()
        return own and is_loopback(host)


def _origin_of(url: str) -> list[str]:
    parts = urlsplit(url)
    return [f"{parts.scheme}://{parts.netloc}"] if parts.netloc else []


async def read_body(request: Request, most: int, seconds: float) -> bytes | None:
    """The request's body, or None when it is larger than ``most`` bytes; reading stops there.

    What has not come after ``seconds`` does not come.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and len(announced) < 16 and int(announced) > most:
        return None
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    return None
    except (ClientDisconnect, TimeoutError):
        return b""
    return bytes(body)
