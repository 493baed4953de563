"""A served gateway: the application on a real socket, an HTTP client beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from gateway.http.app import create_app
from gateway.http.limits import StreamLimits
from gateway.http.serve import listen, serving
from tests.gateway.http.memory import MemoryGateway
from tests.gateway.http.stores import two_stores


@dataclass
class Served:
    gateway: MemoryGateway
    app: FastAPI
    url: str
    http: httpx.AsyncClient


@asynccontextmanager
async def served_by(gateway: MemoryGateway, limits: StreamLimits | None = None) -> AsyncIterator[Served]:
    app = create_app(gateway, gateway.feed, clock=gateway.clock, stream_limits=limits)
    async with (
        serving(app, listen()) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http,
    ):
        yield Served(gateway, app, url, http)


@pytest.fixture
def gateway() -> MemoryGateway:
    return two_stores()


@pytest.fixture
async def served(gateway: MemoryGateway) -> AsyncIterator[Served]:
    async with served_by(gateway) as found:
        yield found
