"""Headers that tell a browser what an answer may do: nothing, except the live page, which may load its own files."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
)

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


EVERY_ANSWER: Final = {**ALWAYS, "Content-Security-Policy": DATA_POLICY}
RAW: Final = tuple((name.lower().encode(), value.encode()) for name, value in EVERY_ANSWER.items())
"""As they are sent; names are in lower case (ASGI). An answer that ends with these very pairs has them all."""


class SecurityHeaders:
    """ASGI middleware; a handler that needs a wider policy (the page) sets its own before."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add the headers to whatever is answered."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                if not headers or headers[-1] is not RAW[-1]:
                    there = {name for name, _ in headers}
                    message["headers"] = [*headers, *(pair for pair in RAW if pair[0] not in there)]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
