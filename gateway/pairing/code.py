"""The code that pairs a device: eight characters that a person carries from one screen to another. Pure.

40 random bits in Crockford's Base32 (https://www.crockford.com/base32.html), which has no I, L, O and U. Shown as
`XXXX-XXXX`; read in either case, with or without the hyphen, and with the look-alikes taken for what was meant.

A code is no key: it is short enough to be tried out, so it lives for five minutes, works once, and only so many tries
are taken (`gateway.pairing.limits`). What is kept of it is a slow hash (scrypt, RFC 7914), salted with its site:
whoever reads the database cannot try 2^40 codes in five minutes. A try is hashed once whatever it is and however many
codes are open, so that its time says nothing.
"""

import hashlib
import re
from typing import Final

ENTROPY_BYTES: Final = 5
CODE_CHARS: Final = 8

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN: Final = re.compile(r"[\s-]")
_FORM: Final = re.compile(rf"[{_ALPHABET}]{{{CODE_CHARS}}}")

TYPED_MAX_CHARS: Final = 32
"""A code with blanks and hyphens as people type them."""

_COST: Final = 2**14
_BLOCK: Final = 8
"""scrypt's N and r: some 50 ms and 16 MB for each try."""


def mint_code(entropy: bytes) -> str:
    """Return the code that `ENTROPY_BYTES` bytes of the operating system's randomness are."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"{len(entropy)} bytes of randomness, expected {ENTROPY_BYTES}")
    number = int.from_bytes(entropy, "big")
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(CODE_CHARS)))


def shown_code(code: str) -> str:
    """Return a code as people read it: `XXXX-XXXX`."""
    return f"{code[:4]}-{code[4:]}"


def parse_code(text: str) -> str | None:
    """Return the code that somebody typed, or None when it has not the form of one."""
    if len(text) > TYPED_MAX_CHARS:
        return None
    code = _BETWEEN.sub("", text).upper().translate(_MEANT)
    return code if _FORM.fullmatch(code) else None


def digest_of(site: str, code: str) -> bytes:
    """Return what is kept of a code: 32 bytes. Slow on purpose: not for the event loop's thread."""
    salt = b"lastunit pairing code " + site.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(code.encode("ascii"), salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32)
