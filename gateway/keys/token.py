"""The text of a key: `lu_<prefix>_<secret>`.

The *prefix* (12 characters of Crockford's Base32, 60 bits) is the key's name: it is shown in lists, written in the
audit and in every refusal, and is no secret. The *secret* (43 characters of base64url, RFC 4648 section 5) holds 256
bits of the operating system's randomness.

Only the SHA-256 of the secret is kept. A slow hash (Argon2, PBKDF2) protects what people choose, because those can be
guessed from a list; nobody can try 2^256 secrets, however fast the hash is, and a slow one would let anybody load the
processor by sending wrong keys. Two digests are compared in constant time.

`lu_` and the fixed length let scanners of source code find a key that was committed by mistake.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from typing import Final, NamedTuple

PREFIX_BYTES: Final = 12
SECRET_BYTES: Final = 32
ENTROPY_BYTES: Final = PREFIX_BYTES + SECRET_BYTES
TOKEN_CHARS: Final = 59

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's Base32: no i, l, o, u, so that a prefix can be read out."""

_FORM: Final = re.compile(rf"lu_([{_ALPHABET}]{{12}})_([A-Za-z0-9_-]{{43}})")


class Minted(NamedTuple):
    """A new key: its name, the text that is shown once, and what is kept of it."""

    id: str
    token: str
    sha256: bytes


class Token(NamedTuple):
    """A key that somebody sent: its name, and the digest of its secret."""

    id: str
    sha256: bytes


def _digest(secret: str) -> bytes:
    """SHA-256 of the text, not of its bytes: the last character has spare bits, and two texts would count as one."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def mint(entropy: bytes) -> Minted:
    """Return a new key from `ENTROPY_BYTES` bytes of the operating system's randomness."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"{len(entropy)} bytes of randomness, expected {ENTROPY_BYTES}")
    name = "".join(_ALPHABET[byte & 31] for byte in entropy[:PREFIX_BYTES])
    secret = urlsafe_b64encode(entropy[PREFIX_BYTES:]).decode("ascii").rstrip("=")
    return Minted(name, f"lu_{name}_{secret}", _digest(secret))


def parse_token(text: str) -> Token | None:
    """Return the key that `text` is, or None when it has not the form of one."""
    if len(text) != TOKEN_CHARS:
        return None
    match = _FORM.fullmatch(text)
    return Token(match[1], _digest(match[2])) if match else None


def is_same(one: bytes, other: bytes) -> bool:
    """Compare two digests in a time that says nothing of where they differ."""
    return hmac.compare_digest(one, other)
