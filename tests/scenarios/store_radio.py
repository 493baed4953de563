"""What the readers of one store hear, second by second, and how it goes to the broker: by the edge's own uplink.

The uplink is the one of the edge daemon, and each message waits for the gateway's Ack, which comes after its commit.
"""

import asyncio
import math
import random
import secrets
import time
from collections.abc import Callable

import structlog

from edge.drivers.port import Host
from edge.uplink.broker_url import parse_broker_url
from edge.uplink.mqtt import MqttUplink
from tests.gateway.wait import until
from tests.scenarios.sites import PORTS, READER, SOUNDS
from wire.frame import Header, encode_frame
from wire.messages import Ack, AntennaLook, Command, EdgeState, encode_durable, read_batch
from wire.observations import from_lists

EDGE = "box-1"
SECOND_US = 1_000_000


class StoreRadio:
    """One store's readers. `tags` says in which zone each tag lies; who moves a tag is a person in the store."""

    def __init__(self, broker: str, site: str, clock: Callable[[], int]) -> None:
        self.site = site
        self.tags: dict[bytes, str] = {}
        self.commands: list[Command] = []
        self._clock = clock
        self._stream = secrets.token_bytes(16)
        self._seq = self._acked = self._second = self._looked_us = 0
        host = Host(wall_us=clock, monotonic_s=time.monotonic, rng=random.Random(1))
        self._uplink = MqttUplink(parse_broker_url(broker), site, EDGE, host, log=structlog.get_logger("edge"))

    # -- the life of the uplink

    async def open(self) -> None:
        self._uplink.start(self, self._state("death"))
        await until(lambda: self._uplink.connected)
        self._uplink.publish_state(self._state("birth"))

    async def close(self) -> None:
        await self._uplink.stop(self._state("death"))

    def on_connected(self) -> None:
        pass

    def on_disconnected(self, reason: str) -> None:
        raise AssertionError(f"the broker went away: {reason}")

    def on_ack(self, ack: Ack) -> None:
        assert not ack.rejected, ack
        if ack.stream == self._stream.hex():
            self._acked = max(self._acked, ack.upto)

    def on_command(self, command: Command) -> None:
        self.commands.append(command)

    def on_desired(self, payload: bytes) -> None:
        raise AssertionError(f"nobody configures this edge: {payload!r}")

    def on_room(self) -> None:
        pass

    # -- goods

    def put(self, zone: str, *tags: bytes) -> None:
        """Lay tags into a zone."""
        assert zone in SOUNDS
        self.tags |= dict.fromkeys(tags, zone)

    def take_away(self, *tags: bytes) -> None:
        """Take tags out of the store; nobody reads them any more."""
        for tag in tags:
            del self.tags[tag]

    # -- reading

    def look(self) -> None:
        """Publish what was heard since the last look, as of one second, with a spread of 1.5 dB that repeats."""
        now_us = self._clock()
        start_us, self._looked_us = max(self._looked_us, now_us - 2 * SECOND_US), now_us
        self._second += 1
        heard = [
            (tag, port, level + 1.5 * math.sin(2.1 * self._second + 3.7 * tag[-1] + port))
            for tag, zone in sorted(self.tags.items())
            for port, level, every in SOUNDS[zone]
            if (self._second + tag[-1] + port) % every == 0
        ]
        levels = [round(100 * level) for _, _, level in heard]
        columns = from_lists(
            {
                "antenna": [PORTS.index(port) for _, port, _ in heard],
                "epc_bits": [8 * len(tag) for tag, _, _ in heard],
                "count": [1] * len(heard),
                "rssi_peak": levels,
                "rssi_mean": levels,
                "first": [0] * len(heard),
                "last": [0] * len(heard),
                "flags": [0] * len(heard),
            },
            [tag for tag, _, _ in heard],
        )
        batch = read_batch(
            site=self.site,
            edge=EDGE,
            window_start_us=start_us,
            window_ms=max(1, (now_us - start_us) // 1_000),
            antennas=tuple(AntennaLook(READER, port, 250) for port in PORTS),
            clocks=(),
            columns=columns,
        )
        self._seq += 1
        frame = encode_frame(Header(self._stream, self._seq, self._acked + 1), encode_durable(batch))
        assert self._uplink.publish_data(frame)

    async def read_on(self) -> None:
        """Look each second, until cancelled: a store is read also while a test waits for something else."""
        while True:
            await asyncio.sleep(0.2)
            if self._clock() - self._looked_us >= SECOND_US:
                self.look()

    async def settled(self) -> None:
        """Wait until the gateway has committed all that was published by now."""
        mine = self._seq
        await until(lambda: self._acked >= mine, 60)

    def _state(self, what: str) -> EdgeState:
        return EdgeState(what=what, site=self.site, edge=EDGE, at_us=self._clock(), stream=self._stream.hex())  # type: ignore[arg-type]


async def all_settled(radios: list[StoreRadio]) -> None:
    await asyncio.gather(*(radio.settled() for radio in radios))
