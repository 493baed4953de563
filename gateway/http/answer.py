"""Answers as bytes: encoded once by msgspec, with a validator that changes exactly when the content does.

The ETag is weak (RFC 9110 section 8.8.1): it covers everything but the clocks (`as_of`, `oldest_read_s`), so that a
client that polls an unchanged SKU gets 304 with no body. A 304 says: same numbers, same status, now.
"""

from hashlib import blake2b
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

JSON: Final = "application/json"

LIVE_CACHE: Final = "private, max-age=1"
"""A second old is as good as live; a shared cache must not keep what a key paid for."""

_encoder: Final = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """Encode an answer."""
    return _encoder.encode(value)


def etag_of(content: object) -> str:
    """Weak validator of a value: quoted, 16 hexadecimal digits of its BLAKE2b."""
    return f'W/"{blake2b(_encoder.encode(content), digest_size=8).hexdigest()}"'


def is_same(if_none_match: str, etag: str) -> bool:
    """Whether If-None-Match names this validator, by the weak comparison of RFC 9110 section 13.1.2."""
    if if_none_match.strip() == "*":
        return True
    opaque = etag.removeprefix("W/")
    return any(candidate.strip().removeprefix("W/") == opaque for candidate in if_none_match.split(","))


def live(request: Request, body: object, validator: object) -> Response:
    """Answer 200 with `body`, or 304 when the client holds what `validator` stands for."""
    etag = etag_of(validator)
    headers = {"ETag": etag, "Cache-Control": LIVE_CACHE}
    if is_same(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(encode(body), 200, headers, JSON)


def uncached(body: object, status: int = 200) -> Response:
    """Answer with `body`, not to be kept by any cache."""
    return Response(encode(body), status, {"Cache-Control": "no-store"}, JSON)
