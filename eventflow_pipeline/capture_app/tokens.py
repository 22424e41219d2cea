"""Users' tokens (JWT, HS256) as Supabase issues them, verified."""

import base64
import hashlib
import json
from typing import Any

from itsdangerous import BadSignature, Signer


def verified_claims(token: str, secret: str, now: float) -> dict[str, Any] | None:
    """Claims of an HS256 token signed with ``secret`` and not expired at ``now`` (seconds since 1970); else None."""
    signer = Signer(secret, sep=".", key_derivation="none", digest_method=hashlib.sha256)
    try:
        header, payload = (_decoded(part) for part in signer.unsign(token.encode("ascii")).split(b"."))
    except (BadSignature, ValueError, RecursionError):
        return None
    expires = payload.get("exp")
    if header.get("alg") != "HS256" or not isinstance(expires, (int, float)) or expires <= now:
        return None
    return payload if isinstance(payload.get("sub"), str) else None


def _decoded(part: bytes) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found
