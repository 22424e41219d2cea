"""Who asks: a token as PostgREST takes it, from the header or from the cookie that one call exchanged it for."""

import time
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.serve_app.refusals import Refusal
from eventflow_pipeline.settings import ServeSettings
from eventflow_pipeline.warehouse.serve.reader import READER_ROLE, Claims
from eventflow_pipeline.web.guards import Origins, read_body
from eventflow_pipeline.web.tokens import Tokens

COOKIE = "eventflow_token"
#: Browsers keep no larger cookie; a token of more is no user's.
_LONGEST_TOKEN = 3_800
_BODY_BYTES, _BODY_SECONDS = 8 * 1024, 10.0
_UNKNOWN = "Sign in first: send your token as Authorization: Bearer, or exchange it for a cookie at /session."


class Callers:
    """Turns tokens into the claims that the database is asked with."""

    def __init__(self, settings: ServeSettings) -> None:
        """Raises UserError without a usable secret."""
        if settings.jwt_secret is None:
            raise UserError(
                "EVENTFLOW_SERVE_JWT_SECRET is unset, so nobody could sign in: set it to the secret that signs the "
                "users' tokens (PostgREST's jwt-secret)."
            )
        secret = settings.jwt_secret.get_secret_value()
        self._tokens = Tokens(secret, "EVENTFLOW_SERVE_JWT_SECRET", settings.jwt_audience)
        self._origins = Origins(settings)
        self._https = settings.site_url.lower().startswith("https://")

    def claims(self, request: Request) -> Claims:
        """Claims of whoever asks. Raises Refusal: 401 without a valid token, 403 for another role than users'."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme and scheme.lower() != "bearer":
            raise Refusal(401, _UNKNOWN)
        return self._verified(token.strip() if scheme else request.cookies.get(COOKIE, ""))

    def _verified(self, token: str) -> Claims:
        claims = self._tokens.claims(token) if token else None
        if claims is None:
            raise Refusal(401, "Your token has expired or is none of ours: sign in again." if token else _UNKNOWN)
        if claims.get("role") != READER_ROLE:
            raise Refusal(403, f"Only tokens of users (role {READER_ROLE}) are served here: ask the database itself.")
        return claims

    async def exchange(self, request: Request) -> Response:
        """Set the cookie for a token, of the header or of a form's field ``token``; 204, or 303 to the page."""
        self._same_site(request)
        by_header = "authorization" in request.headers
        if by_header:
            claims, token = self.claims(request), request.headers["authorization"].partition(" ")[2].strip()
        else:
            body = await read_body(request, _BODY_BYTES, _BODY_SECONDS)
            if body is None:
                raise Refusal(413, "That is too long to be a token: paste the token alone.")
            token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
            claims = self._verified(token)
        if len(token) > _LONGEST_TOKEN:
            raise Refusal(413, "This token is too long for a cookie: send it as Authorization: Bearer instead.")
        answer = Response(status_code=204) if by_header else RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, token, max_age=max(0, int(claims["exp"] - time.time())), httponly=True, samesite="lax",
            secure=self._https or request.url.scheme == "https",
        )  # fmt: skip
        return answer

    async def leave(self, request: Request) -> Response:
        """Forget the cookie."""
        self._same_site(request)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    def _same_site(self, request: Request) -> None:
        """What changes the cookie is asked by our own pages, or by those of listed origins."""
        if not self._origins.allow(request):
            raise Refusal(403, "Another site's page asked for this: name its origin in EVENTFLOW_SERVE_ORIGINS.")
