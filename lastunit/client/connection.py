"""One gateway over HTTP: requests out, typed answers in, and writes that are sent again until they are answered.

A write whose answer is lost may have been done or not. Every write of this client that is sent again is one that the
gateway takes once (by its idempotency key, by its event's name, or because doing it twice is doing it once), so that
sending the same bytes again can only find out what became of it, never do it twice.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from lastunit.client.errors import ProtocolError, UnavailableError, UnreachableError, problem_of

T = TypeVar("T")

TIMEOUT_S: Final = 10.0
"""For one answer. The gateway answers in milliseconds; a proxy or a full disk may take seconds."""

SILENCE_S: Final = 40.0
"""A stream that says nothing for so long is dead: the gateway sends a comment every 15 s."""

BACKOFF_FIRST_S: Final = 0.2
BACKOFF_MOST_S: Final = 10.0
"""A restarted gateway is back within seconds; a thousand clients must not knock at the same moment."""

TRIES: Final = 5
"""Of one write, within some three seconds: a shopper waits at the other end."""

JSON: Final = "application/json"


class Connection:
    """Sends requests to one gateway; the calls of `LastUnitClient` are made of these."""

    def __init__(
        self,
        base_url: str,
        *,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        silence_s: float = SILENCE_S,
        tries: int = TRIES,
        transport: httpx.AsyncBaseTransport | None = None,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.resumes = 0
        self.retries = 0
        self._tries = tries
        self._silence_s = silence_s
        self._rng = rng or random.Random()
        self._sleep = sleep
        headers = {"Accept": JSON, "User-Agent": "lastunit-client/1"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=timeout_s,
            transport=transport,
            trust_env=False,  # a proxy of the environment has nothing to do with a gateway on this machine
            headers=headers,
        )

    async def __aenter__(self) -> Self:
        """Open nothing yet: connections come with the first request."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    # -- inside

    async def _get(self, path: str, answer: type[T], **parameters: str | float | None) -> T:
        response = await self._asked("GET", path, params=given(**parameters))
        return decoded(response.content, answer)

    async def _once(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        """Send a write one time. Raises what the answer says, or `UnreachableError`."""
        return (await self._asked(method, path, **_content(body, headers))).content

    async def _told(self, path: str, answer: type[T], body: object = None, **headers: str) -> T:
        """Send a write that the gateway takes once, until it is answered."""
        content = _content(body, headers)
        delay_s = BACKOFF_FIRST_S
        for left in reversed(range(self._tries)):
            try:
                response = await self._asked("POST", path, **content)
            except (UnreachableError, UnavailableError) as error:
                if not left:
                    raise
                asked_s = getattr(error, "retry_after_s", None) or 0.0
            else:
                return decoded(response.content, answer)
            self.retries += 1
            await self._sleep(max(min(asked_s, BACKOFF_MOST_S), delay_s * self._rng.uniform(0.5, 1.0)))
            delay_s = min(delay_s * 2, BACKOFF_MOST_S)
        raise AssertionError("tries: expected at least 1")

    async def _asked(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **how)
        except httpx.TransportError as error:
            raise UnreachableError(f"{str(self._http.base_url).rstrip('/')}{path}: {error!r}") from error
        if response.is_success:
            return response
        raise refusal_of(response, response.content)


def refusal_of(response: httpx.Response, body: bytes) -> Exception:
    """Return the exception for an answer that is no success."""
    headers = response.headers
    return problem_of(response.status_code, headers.get("content-type", ""), body, headers.get("retry-after", ""))


def _content(body: object, headers: dict[str, str]) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return {"headers": named}
    return {"content": msgspec.json.encode(body), "headers": named | {"Content-Type": JSON}}


def given(**parameters: str | float | None) -> dict[str, str | float]:
    """Return the parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}


def segment(text: str) -> str:
    """Return one path segment: an id with a slash must not become another path."""
    return quote(text, safe="")


def decoded(body: bytes, answer: type[T]) -> T:
    """Return an answer. Raises `ProtocolError` for one of another form."""
    try:
        return msgspec.json.decode(body, type=answer)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"expected {getattr(answer, '__name__', answer)}: {error}") from error
