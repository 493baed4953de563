"""Enrolment: how a box with a one-time code gets its certificate, over a network that nobody trusts. Pure.

Theory of operation
-------------------
A code is made at the gateway and carried by a person: `IIII-IIII-SSSS-SSSS-SSSS-SSSS-SSSS`. The first eight
characters name it, the other twenty are its secret: 100 random bits in Crockford's Base32. The secret never travels.
Both sides derive a key from it, and

    box -> gateway    {code: name, nonce, csr, mac}             mac = HMAC-SHA256(key, request | name | nonce | csr)
    gateway -> box    {certificate, ca, site, edge, broker, mac}   mac = HMAC(key, answer | nonce | all of these)

The first proves that the box was given the code, the second that the answer, and with it the CA that the box will
believe from now on, comes from the gateway that made the code. Somebody in between can drop messages, and no more:
he has no key, and 100 bits cannot be tried. So plain HTTP in a store is enough. Each part is hashed with its length,
so that no two messages are the same bytes. The box makes its own key; only its certificate request leaves it.

A code is good once. The same request once more (its answer got lost) gets the same answer.

A renewal is signed by the key of the certificate that is renewed. Its answer needs no code: the box checks that the
new certificate is its own key's, for itself, signed under the CA that it already believes.
"""

import hashlib
import hmac
import re
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from wire.limits import ID_MAX_CHARS

NAME_CHARS: Final = 8
SECRET_CHARS: Final = 20
SECRET_BITS: Final = 5 * SECRET_CHARS
"""100: a recorded enrolment cannot be tried offline; 80 would do for the quarter of an hour and for long after."""

ENTROPY_BYTES: Final = 18
"""140 bits for 28 characters, and four that are thrown away."""

NONCE_CHARS: Final = 32
CSR_MAX_CHARS: Final = 4_096
"""A request with an EC key in PEM has some 500 characters, with RSA 4096 some 1,700."""
PEM_MAX_CHARS: Final = 16_384
"""A certificate with its issuer, or the CA's: some 2,000 characters."""
BODY_MAX_BYTES: Final = 32 * 1024

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BETWEEN: Final = re.compile(r"[\s-]")
_FORM: Final = re.compile(rf"[{_ALPHABET}]{{{NAME_CHARS + SECRET_CHARS}}}")
_TYPED_MAX_CHARS: Final = 80

Hex32: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
Mac: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="HMAC-SHA256, in hexadecimal")]
CodeName: TypeAlias = Annotated[str, Meta(pattern=rf"^[0-9A-HJKMNP-TV-Z]{{{NAME_CHARS}}}$")]
Csr: TypeAlias = Annotated[str, Meta(min_length=1, max_length=CSR_MAX_CHARS, description="PKCS #10, in PEM")]
Pem: TypeAlias = Annotated[str, Meta(min_length=1, max_length=PEM_MAX_CHARS)]
SiteOrEdge: TypeAlias = Annotated[str, Meta(min_length=1, max_length=ID_MAX_CHARS)]


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A box asks for its first certificate."""

    code: Annotated[CodeName, Meta(description="the first eight characters of the code; its secret never travels")]
    nonce: Annotated[Hex32, Meta(description="16 random bytes of the box, in hexadecimal")]
    csr: Csr
    mac: Mac


class EnrolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate, and whom to believe from now on."""

    certificate: Annotated[Pem, Meta(description="the box's certificate and its issuer's, in PEM")]
    ca: Annotated[Pem, Meta(description="the root that signs the broker's certificate too, in PEM")]
    site: SiteOrEdge
    edge: SiteOrEdge
    broker: Annotated[str, Meta(max_length=300, description="where the broker is; empty: not configured")]
    mac: Mac


class RenewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A box asks for the certificate that follows its own."""

    certificate: Annotated[Pem, Meta(description="the certificate that is renewed, in PEM")]
    csr: Csr
    signature: Annotated[
        str,
        Meta(
            pattern=r"^[0-9a-f]+$",
            max_length=1_200,
            description="by the key of that certificate: ECDSA with SHA-256, in hexadecimal",
        ),
    ]


class RenewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The next certificate; the one before stays good until it ends."""

    certificate: Annotated[Pem, Meta(description="the box's certificate and its issuer's, in PEM")]


class Code(msgspec.Struct, frozen=True):
    """A code that was typed or made: its public name, and the secret."""

    name: str
    secret: str

    def __repr__(self) -> str:
        return f"Code({self.name!r}, ...)"  # a secret does not belong into traces

    def shown(self) -> str:
        """Return it as people carry it."""
        text = self.name + self.secret
        return "-".join(text[start : start + 4] for start in range(0, len(text), 4))

    def key(self) -> bytes:
        """Return the 32 bytes that authenticate request and answer; all that a gateway keeps of the secret."""
        return hmac.digest(b"lastunit enrolment 1", f"{self.name} {self.secret}".encode("ascii"), "sha256")


def mint_code(entropy: bytes) -> Code:
    """Return the code that `ENTROPY_BYTES` bytes of the operating system's randomness are."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"{len(entropy)} bytes of randomness, expected {ENTROPY_BYTES}")
    number = int.from_bytes(entropy, "big")
    text = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(NAME_CHARS + SECRET_CHARS))
    return Code(text[:NAME_CHARS], text[NAME_CHARS:])


def parse_code(text: str) -> Code | None:
    """Return the code that somebody typed, or None when it has not the form of one."""
    if len(text) > _TYPED_MAX_CHARS:
        return None
    typed = _BETWEEN.sub("", text).upper().translate(_MEANT)
    return Code(typed[:NAME_CHARS], typed[NAME_CHARS:]) if _FORM.fullmatch(typed) else None


def request_mac(key: bytes, code: str, nonce: str, csr: str) -> str:
    """Return the `mac` of a request."""
    return _mac(key, "request", code, nonce, csr)


def answer_mac(key: bytes, nonce: str, answer: EnrolAnswer) -> str:
    """Return the `mac` of an answer to the request with this nonce; the answer's own is not looked at."""
    return _mac(key, "answer", nonce, answer.certificate, answer.ca, answer.site, answer.edge, answer.broker)


def is_same_mac(found: str, expected: str) -> bool:
    """Whether two are the same, in a time that says nothing."""
    return hmac.compare_digest(found.encode(errors="replace"), expected.encode(errors="replace"))


def renewal_bytes(certificate: str, csr: str) -> bytes:
    """Return what the key of the certificate that is renewed signs."""
    return _framed("lastunit renewal 1", certificate, csr)


def _mac(key: bytes, *parts: str) -> str:
    return hmac.new(key, _framed("lastunit enrolment 1", *parts), hashlib.sha256).hexdigest()


def _framed(*parts: str) -> bytes:
    """Return the parts, each behind its length: no two lists of parts give the same bytes."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
