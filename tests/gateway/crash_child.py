"""A gateway in a process of its own, which may kill itself at a named step."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.app import Gateway
from gateway.clock import system_clock
from gateway.config import GatewayConfig
from gateway.ingest.admit import Admitted, admit
from gateway.ingest.arrival import Arrival
from gateway.ingest.service import Ingest
from gateway.steps import pass_by
from tests.gateway.small_store import SITE


@dataclass(frozen=True, slots=True)
class Orders:
    """What a child is told. It dies when it comes by `step` for the `times`-th time; never, when that is empty."""

    database_url: str
    broker_port: int
    clock_offset_us: int
    step: str = ""
    times: int = 1
    ack_first: bool = False
    """The control: answer the edges before the commit."""


class AckFirst(Ingest):
    """What an ingest must not be."""

    async def _transaction(self, arrivals: list[Arrival]) -> Admitted:
        async with self._database.write() as connection:
            done = await admit(connection, arrivals, self._clock())
            await self._send(done.acks)
            done.acks = []
            self._step("ingest.written")
        self._step("ingest.committed")
        return done


def run(orders: Orders) -> None:
    """Be a gateway until SIGTERM, or until the ordered end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(_run(orders))


async def _run(orders: Orders) -> None:
    passed: Counter[str] = Counter()

    def step(name: str) -> None:
        pass_by(name)
        passed[name] += 1
        if name == orders.step and passed[name] == orders.times:
            os.kill(os.getpid(), signal.SIGKILL)

    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    values: dict[str, Any] = {
        "database_url": orders.database_url,
        "broker_url": f"mqtt://127.0.0.1:{orders.broker_port}",
        "lease_ttl_s": 0.3,
        "checkpoint_entries": 15,
        "keep_log": True,
    }
    gateway = Gateway(
        GatewayConfig(**values),
        sites=[SITE],
        clock=lambda: system_clock() + orders.clock_offset_us,
        step=step,
    )
    if orders.ack_first:
        gateway.ingest.__class__ = AckFirst
    async with gateway:
        await asked.wait()
