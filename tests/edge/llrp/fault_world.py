"""A driver, the line to its reader and all that was told, in virtual time: where the fault matrix happens."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from edge.drivers import build_driver
from edge.drivers.port import What
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.fake_driver import sink_of
from tests.edge.llrp.fault_bytes import epc_of
from tests.edge.llrp.line import Line, whole
from tests.edge.llrp.store_reader import SITE, device
from tests.edge.llrp.virtual_loop import VirtualClock, host

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from simulator.reader.persona import Persona
    from tests.edge.llrp.line import Cut
    from wire.messages import DeviceEvent
    from wire.site import DevicePurpose, Site
    from wire.window import TagRead

KEEPALIVE_S = 1.0
"""What `store_reader.device` asks for."""
STEP_S = 0.002
"""Bytes are through the line within a few turns of the loop; virtual time only keeps the order."""


class World:
    """`cut` and `glue_s`: what the line does; `rng` of the pauses between attempts; `options` of the device."""

    def __init__(
        self,
        persona: str | Persona = "impinj-r420-like",
        *,
        cut: Cut = whole,
        glue_s: float = 0.0,
        rng: Random | None = None,
        profile: str = "",
        options: Mapping[str, object] | None = None,
        purpose: DevicePurpose | None = None,
        site: Site = SITE,
    ) -> None:
        self._persona = load_persona(persona) if isinstance(persona, str) else persona
        self._cut, self._glue_s = cut, glue_s
        self._rng = rng
        self._profile = profile
        self._options = dict(options or {})
        self._purpose = purpose
        self._site = site
        self._stack = AsyncExitStack()
        self.reads: list[TagRead] = []
        self.events: list[DeviceEvent] = []

    async def __aenter__(self) -> Self:
        enter = self._stack.enter_async_context
        self.reader = await enter(ReaderServer("R1", self._persona, clock=VirtualClock()))
        self.line = await enter(Line(self.reader.port, self._cut, self._glue_s))
        plain_device = device(self.line.address, self._profile)
        asked = {**plain_device.options, **self._options}
        ours = replace(plain_device, options=asked, purpose=self._purpose)  # type: ignore[arg-type]
        self.driver = build_driver(ours, self._site, host(self._rng))
        self._stack.push_async_callback(self.driver.stop)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # -- what a row does

    def start(self) -> None:
        self.driver.start(sink_of(self.reads.extend, self.events.append))

    async def up(self) -> None:
        """Start and wait for the first keepalive."""
        self.start()
        await self.until_state("up")

    async def until_state(self, state: str, within_s: float = 120.0) -> float:
        """Wait for a state; return how long that took."""
        began_s = self.now_s()
        async with asyncio.timeout(within_s):
            while self.driver.health().state != state:  # noqa: ASYNC110 - virtual time, and no event for it
                await asyncio.sleep(0.1)
        return self.now_s() - began_s

    async def see(self, number: int, port: int = 1) -> None:
        """Let an antenna see a tag, and wait until the line has carried that."""
        self.reader.feed([Sighting(epc_of(number), 96, port, -5_500, self.reader.clock.now_us())])
        await asyncio.sleep(STEP_S)

    async def put(self, data: bytes) -> None:
        """Let the reader say something that it would not say by itself."""
        self.line.put(data)
        await asyncio.sleep(STEP_S)

    # -- what came of it

    @staticmethod
    def now_s() -> float:
        return asyncio.get_running_loop().time()

    def told(self) -> list[str]:
        """The events, but those of bad messages, which may be told in one or two."""
        return [event.what for event in self.events if event.what != What.UNDECODABLE]

    def reasons(self) -> list[str]:
        return [event.detail for event in self.events if event.what == What.LOST]

    def bad(self) -> int:
        """How many bad messages and reports were told."""
        return sum(int(event.detail.split(":", 1)[0]) for event in self.events if event.what == What.UNDECODABLE)

    def tags(self) -> list[tuple[bytes, int, int]]:
        """EPC, its bits and the port of each read."""
        return [(read.epc, read.epc_bits, read.port) for read in self.reads]
