"""Users' tokens (JWT, HS256) as Supabase issues them, verified."""

from typing import Any

import jwt

from eventflow_pipeline.errors import UserError

_SHORTEST_SECRET = 32  # bytes; RFC 7518, 3.2


class Tokens:
    """Verifies tokens signed with ``secret``; with an ``audience``, only those that are for it."""

    def __init__(self, secret: str, variable: str, audience: str | None = None) -> None:
        """``variable`` names the secret. Raises UserError for one that can be guessed."""
        if len(secret.encode()) < _SHORTEST_SECRET:
            raise UserError(
                f"{variable} is shorter than {_SHORTEST_SECRET} bytes, which HS256 needs: set the "
                "secret that signs the users' tokens."
            )
        self._secret, self._audience = secret, audience

    def claims(self, token: str) -> dict[str, Any] | None:
        """Claims of a token that is signed, not expired (``exp``), begun (``nbf``) and a user's (``sub``); or None."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=self._audience,
                options={
                    "require": ["exp", "sub"],
                    "verify_aud": self._audience is not None,
                    # When it was issued says nothing about its validity, and servers' clocks differ.
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError:
            return None
        return claims if isinstance(claims["exp"], (int, float)) else None
