"""Randomness that depends on the seed alone: independent streams, and identifiers drawn from them."""

from random import Random
from uuid import UUID

_VERSION_AND_VARIANT = (0xF << 76) | (0x3 << 62)
_RANDOM_UUID = (0x4 << 76) | (0x2 << 62)
# Letters only, so that no token can ever look like a phone number.
_LETTERS = str.maketrans("0123456789", "ghijkmnpqr")
_CID_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def stream(seed: int, purpose: str) -> Random:
    """A generator of its own for one purpose: drawing more in one place changes nothing in another."""
    return Random(f"{seed}/{purpose}")


def random_uuid(rng: Random) -> UUID:
    """A version 4 UUID drawn from ``rng``."""
    return UUID(int=(rng.getrandbits(128) & ~_VERSION_AND_VARIANT) | _RANDOM_UUID)


def session_token(rng: Random) -> str:
    """An opaque session id of 24 lower-case letters."""
    return f"{rng.getrandbits(96):024x}".translate(_LETTERS)


def new_cid(rng: Random, taken: set[str]) -> str:
    """A cid of 8 characters (^[A-Z0-9]{8}$) not in ``taken``, to which it is added."""
    while (cid := "".join(rng.choices(_CID_ALPHABET, k=8))) in taken:
        pass
    taken.add(cid)
    return cid
