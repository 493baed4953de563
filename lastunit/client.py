"""Typed client of the HTTP API: what the tests, the demo and a channel's programmer use.

    async with LastUnitClient("http://127.0.0.1:8000") as client:
        row = await client.availability("9506000134352", "store-001")
        async for change in client.changes(cursor=stock.cursor):
            ...

Answers are the structs of `gateway.http.rows`; members that a newer gateway adds are ignored. Refusals are exceptions
that carry the problem document. `changes` resumes by itself after every break of the connection: each change comes
once and in order, whatever happens to the network. Only when the gateway says that the cursor is dead (410) it gives
up, since changes would be missing: load the stock again.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from gateway.http.matrix import SiteStock
from gateway.http.rows import (
    AvailabilityOfSites,
    AvailabilityRow,
    Change,
    Edges,
    HealthAnswer,
    Movements,
    Sites,
)

T = TypeVar("T")

TIMEOUT_S: Final = 10.0
"""For one answer. The gateway answers in milliseconds; a proxy or a full disk may take seconds."""

SILENCE_S: Final = 40.0
"""A stream that says nothing for so long is dead: the gateway sends a comment every 15 s."""

BACKOFF_FIRST_S: Final = 0.2
BACKOFF_MOST_S: Final = 10.0
"""A restarted gateway is back within seconds; a thousand clients must not knock at the same moment."""

LINE_MAX_BYTES: Final = 1024 * 1024
"""An event has a few kilobytes; a peer that never ends a line is none of ours."""

PROBLEM_TYPE: Final = "application/problem+json"


class LastUnitError(Exception):
    """Root of everything that this client raises."""


class UnreachableError(LastUnitError):
    """No answer: try again later."""


class ProtocolError(LastUnitError):
    """An answer that no gateway would give: another server, or a proxy's own page."""


class ProblemError(LastUnitError):
    """The gateway refused; `problem` is its RFC 9457 document, `code` its stable name."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        super().__init__(f"{status} {self.code}: {problem.get('detail', problem.get('title', ''))}")


class InvalidRequestError(ProblemError):
    """400: the caller asked for something that cannot be; sending it again does not help."""


class ForbiddenError(ProblemError):
    """401, 403 or 421: this caller may not ask here."""


class NotFoundError(ProblemError):
    """404: no such site, GTIN or path."""


class CursorLostError(ProblemError):
    """410: changes after this cursor are gone; load the stock and go on from its cursor."""


class UnavailableError(ProblemError):
    """5xx or 429: the gateway cannot answer now; the request can be sent again."""


_BY_STATUS: Final[Mapping[int, type[ProblemError]]] = {
    400: InvalidRequestError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    410: CursorLostError,
    421: ForbiddenError,
    429: UnavailableError,
}


def problem_of(status: int, content_type: str, body: bytes) -> LastUnitError:
    """Return the exception for an answer of status 400 and above."""
    kind = _BY_STATUS.get(status, UnavailableError if status >= 500 else ProblemError)
    if content_type.partition(";")[0].strip() != PROBLEM_TYPE:
        if kind is UnavailableError:
            return kind(status, {"detail": "a proxy answers in the gateway's place"})
        return ProtocolError(f"status {status} with {content_type or 'no content type'}, expected {PROBLEM_TYPE}")
    try:
        return kind(status, msgspec.json.decode(body, type=dict[str, Any]))
    except msgspec.DecodeError as error:
        return ProtocolError(f"status {status} with a problem that is no JSON object: {error}")


class EventParser:
    """Server-sent events, bytes in, (id, event, data) out; `last_id` is where to resume (WHATWG HTML, 9.2.6).

    Pure, and indifferent to where the chunks break.
    """

    def __init__(self) -> None:
        self.last_id = ""
        self.retry_s: float | None = None
        self._id = ""
        self._rest = b""
        self._event = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, str, bytes]]:
        """Yield the events that `chunk` completes.

        Raises:
            ProtocolError: a line above `LINE_MAX_BYTES`.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_MAX_BYTES:
            raise ProtocolError(f"a line of the event stream is longer than {LINE_MAX_BYTES} bytes")
        for line in lines:
            text = line.removesuffix(b"\r")
            if text:
                self._field(text)
                continue
            # Only now: an id whose event was cut off must not count as seen. One without data counts.
            self.last_id = self._id or self.last_id
            event, data = self._event or "message", self._data
            self._event, self._data = "", []
            if data:
                yield self.last_id, event, b"\n".join(data)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id":
            self._id = value.decode()
        elif name == b"event":
            self._event = value.decode()
        elif name == b"retry" and value.isdigit():
            self.retry_s = int(value) / 1_000


class LastUnitClient:
    """One gateway. Give `transport` to reach it in another way than by TCP."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        silence_s: float = SILENCE_S,
        transport: httpx.AsyncBaseTransport | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.resumes = 0
        self._silence_s = silence_s
        self._rng = rng or random.Random()
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=timeout_s,
            transport=transport,
            trust_env=False,  # a proxy of the environment has nothing to do with a gateway on this machine
            headers={"Accept": "application/json", "User-Agent": "lastunit-client/1"},
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

    async def availability(self, gtin: str, site: str) -> AvailabilityRow:
        """Return what can be sold of a SKU at one site."""
        return await self._get("/v1/availability", AvailabilityRow, gtin=gtin, site=site)

    async def availability_everywhere(self, gtin: str) -> AvailabilityOfSites:
        """Return what can be sold of a SKU at each site."""
        return await self._get("/v1/availability", AvailabilityOfSites, gtin=gtin)

    async def sites(self) -> Sites:
        """Return all sites with their zones."""
        return await self._get("/v1/sites", Sites)

    async def site_stock(self, site: str) -> SiteStock:
        """Return a site's size matrices, and the cursor that they are true at."""
        return await self._get(f"/v1/sites/{_segment(site)}/stock", SiteStock)

    async def movements(
        self, site: str, *, limit: int | None = None, before: int | None = None, gtin: str | None = None
    ) -> Movements:
        """Return a page of a site's movements, newest first; `before` is the `next` of the page before."""
        return await self._get(
            f"/v1/sites/{_segment(site)}/movements", Movements, limit=limit, before=before, gtin=gtin
        )

    async def edges(self) -> Edges:
        """Return all edge boxes."""
        return await self._get("/v1/edges", Edges)

    async def health(self) -> HealthAnswer:
        """Return the gateway's figures."""
        return await self._get("/healthz", HealthAnswer)

    async def changes(self, cursor: int | None = None, site: str | None = None) -> AsyncGenerator[Change, None]:
        """Yield every change after `cursor`, once and in order, for ever; None means from now on.

        The connection is made again after each break, from the last change that was yielded.

        Raises:
            CursorLostError: changes are missing; load the stock and go on from its cursor.
            ProblemError: the gateway refused for another reason that trying again does not mend.
            ProtocolError: this is no gateway.
        """
        position = "" if cursor is None else str(cursor)
        delay_s = BACKOFF_FIRST_S
        while True:
            parser = EventParser()
            parser.last_id = position
            try:
                async with aclosing(self._stream(parser, site)) as stream:
                    async for change in stream:
                        delay_s = BACKOFF_FIRST_S
                        yield change
            except (UnavailableError, UnreachableError, httpx.TransportError):
                delay_s = min(delay_s * 2, BACKOFF_MOST_S)
            position = parser.last_id
            self.resumes += 1
            await asyncio.sleep(delay_s * self._rng.uniform(0.5, 1.0))

    async def _stream(self, parser: EventParser, site: str | None) -> AsyncGenerator[Change, None]:
        """Yield the changes of one connection."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": parser.last_id} if parser.last_id else {})
        timeout = httpx.Timeout(TIMEOUT_S, read=self._silence_s)
        asked = self._http.stream("GET", "/v1/changes", params=_given(site=site), headers=headers, timeout=timeout)
        async with asked as response:
            content_type = response.headers.get("content-type", "")
            if response.status_code != httpx.codes.OK:
                raise problem_of(response.status_code, content_type, await response.aread())
            async for chunk in response.aiter_raw():
                for _, _, data in parser.feed(chunk):
                    yield _decoded(data, Change)

    async def _get(self, path: str, answer: type[T], **parameters: str | float | None) -> T:
        try:
            response = await self._http.get(path, params=_given(**parameters))
        except httpx.TransportError as error:
            raise UnreachableError(f"{str(self._http.base_url).rstrip('/')}{path}: {error!r}") from error
        if response.status_code != httpx.codes.OK:
            raise problem_of(response.status_code, response.headers.get("content-type", ""), response.content)
        return _decoded(response.content, answer)


def _given(**parameters: str | float | None) -> dict[str, str | float]:
    return {name: value for name, value in parameters.items() if value is not None}


def _segment(text: str) -> str:
    """One path segment: an id with a slash must not become another path."""
    return quote(text, safe="")


def _decoded(body: bytes, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=answer)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"expected {answer.__name__}: {error}") from error
