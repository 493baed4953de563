"""A server-sent event reader that shares no code with the client: what a browser would see, raw."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

SSE = {"Accept": "text/event-stream"}


class Reader:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        """The fields up to the next empty line; a comment stands under the name ''."""
        found: dict[str, str] = {}
        async for line in self.lines:
            if not line:
                if found:
                    return found
                continue
            name, _, value = line.partition(":")
            found[name] = value.removeprefix(" ")
        raise EOFError

    async def event(self) -> tuple[int, dict[str, Any]]:
        """The next event with data: its id and document."""
        while True:
            block = await self.block()
            if "data" in block:
                document = msgspec.json.decode(block["data"])
                assert block["event"] == document["kind"]
                return int(block["id"]), document

    async def events(self, count: int) -> list[int]:
        return [(await self.event())[0] for _ in range(count)]


@asynccontextmanager
async def stream(http: httpx.AsyncClient, path: str = "/v1/changes", **headers: str) -> AsyncIterator[Reader]:
    async with http.stream("GET", path, headers=SSE | headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Reader(response)
