"""What a browser says of itself: whether our own page asks, and whether the connection is encrypted."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request


def _said(headers: Headers) -> bool | None:
    """Whether the browser says that our own page asks; None when it says nothing.

    Browsers say so themselves (`Sec-Fetch-Site`, W3C Fetch Metadata) where the page is trustworthy (HTTPS, localhost);
    else by `Origin` (RFC 6454 section 7).
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return None if origin is None else urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def is_own_page(request: Request) -> bool:
    """Whether a request comes from our own page, or from no page at all."""
    return _said(request.headers) is not False


def is_surely_own_page(headers: Headers) -> bool:
    """Whether a browser says that a request comes from our own page; silence is no."""
    return _said(headers) is True


def is_encrypted(request: Request) -> bool:
    """Whether the browser's connection is encrypted, to us or to the proxy before us.

    Anybody may send the proxy's header; it only makes the sender's own cookie stricter.
    """
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
