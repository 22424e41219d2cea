"""Which tokens are believed: made by hand here, so that the library that reads them does not judge itself."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from eventflow_pipeline.errors import UserError
from eventflow_pipeline.web.tokens import Tokens

SECRET = "a secret of the tests, 32 bytes or more"
VARIABLE = "EVENTFLOW_CAPTURE_JWT_SECRET"
PAST, FUTURE = 1_000_000_000, 10_000_000_000


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret: str = SECRET, header: dict[str, Any] | bytes | None = None, **claims: Any) -> str:
    """A token signed with HMAC-SHA256, whatever its header says; with SHA-512 where it says HS512."""
    if not isinstance(header, bytes):
        header = json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode()
    head = f"{_part(header)}.{_part(json.dumps(claims).encode())}"
    digest = hashlib.sha512 if b"HS512" in header else hashlib.sha256
    return f"{head}.{_part(hmac.new(secret.encode(), head.encode(), digest).digest())}"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": FUTURE},
        {"exp": FUTURE + 0.5},
        {"exp": FUTURE, "nbf": PAST},
        {"exp": FUTURE, "aud": "authenticated"},
        {"exp": FUTURE, "aud": ["a", "b"], "iat": FUTURE, "role": "authenticated", "session_id": "x"},
    ],
)
def test_a_valid_token_gives_its_claims(claims: dict[str, Any]) -> None:
    assert Tokens(SECRET, VARIABLE).claims(token(sub="u", **claims)) == {"sub": "u", **claims}


@pytest.mark.parametrize(
    "refused",
    [
        "",
        "x",
        "x.y.z",
        "é.é.é",
        token("another secret of the tests, 32 bytes", sub="u", exp=FUTURE),
        token(sub="u", exp=FUTURE)[:-2],
        token(header={"alg": "none"}, sub="u", exp=FUTURE),
        token(header={"alg": "HS512"}, sub="u", exp=FUTURE),
        token(header={"alg": "RS256"}, sub="u", exp=FUTURE),
        token(header={"typ": "JWT"}, sub="u", exp=FUTURE),
        token(header=b"[" * 5_000, sub="u", exp=FUTURE),
        token(header=b"[]", sub="u", exp=FUTURE),
        f"{token(header={'alg': 'none'}, sub='u', exp=FUTURE).rpartition('.')[0]}.",
        token(sub="u"),
        token(sub="u", exp=PAST),
        token(sub="u", exp=None),
        token(sub="u", exp=True),
        token(sub="u", exp=str(FUTURE)),
        token(sub="u", exp=[FUTURE]),
        token(sub="u", exp=float("inf")),
        token(sub="u", exp=float("nan")),
        token(sub="u", exp=FUTURE, nbf=FUTURE),
        token(sub="u", exp=FUTURE, nbf="soon"),
        token(exp=FUTURE),
        token(exp=FUTURE, sub=7),
        token(exp=FUTURE, sub=None),
    ],
)
def test_what_is_not_believed(refused: str) -> None:
    assert Tokens(SECRET, VARIABLE).claims(refused) is None


def test_with_an_audience_only_tokens_for_it() -> None:
    tokens = Tokens(SECRET, VARIABLE, "authenticated")
    for aud in ("authenticated", ["other", "authenticated"]):
        assert tokens.claims(token(sub="u", exp=FUTURE, aud=aud)) is not None
    for aud in ("anon", ["anon"], [], None, 7):
        assert tokens.claims(token(sub="u", exp=FUTURE, aud=aud)) is None
    assert tokens.claims(token(sub="u", exp=FUTURE)) is None


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(UserError, match="shorter than 32 bytes"):
        Tokens("secret", VARIABLE)
