"""An edge box for crash tests: makes windows, keeps each until it is acked, sends again. And remembers what it made."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiomqtt

from tests.gateway.small_store import ACK, DATA, frame
from wire.messages import Durable, decode_ack, encode_durable

AGAIN_S = 0.3
"""Sent again after this long without progress."""


@dataclass
class EdgeOutbox:
    """One stream of one edge. `made` is the oracle's own record of every durable message, in order."""

    messages: Iterator[Durable]
    pace_s: float = 0.01
    made: list[bytes] = field(default_factory=list)
    held: dict[int, Durable] = field(default_factory=dict)
    acked: int = 0
    acks: int = 0
    sent: int = 0
    making: bool = True

    async def run(self, port: int) -> None:
        async with aiomqtt.Client("127.0.0.1", port, identifier="edge") as client:
            client.pending_calls_threshold = 10_000
            await client.subscribe(ACK, qos=1)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._make(client))
                tasks.create_task(self._send_again(client))
                tasks.create_task(self._hear(client))

    async def _make(self, client: aiomqtt.Client) -> None:
        while True:
            if self.making:
                message = next(self.messages)
                self.made.append(encode_durable(message))
                self.held[len(self.made)] = message
                await self._send(client, len(self.made))
            await asyncio.sleep(self.pace_s)

    async def _send(self, client: aiomqtt.Client, seq: int) -> None:
        first_held = min(self.held, default=seq)
        if seq in self.held:
            self.sent += 1
            await client.publish(DATA, frame(self.held[seq], seq, first_held=first_held), qos=1)

    async def _send_again(self, client: aiomqtt.Client) -> None:
        while True:
            before = self.acked
            await asyncio.sleep(AGAIN_S)
            if self.acked == before:
                for seq in sorted(self.held)[:100]:
                    await self._send(client, seq)

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            ack = decode_ack(message.payload)
            assert ack.upto <= len(self.made), "acked what was never sent"
            assert ack.rejected == ()
            self.acks += 1
            self.acked = max(self.acked, ack.upto)
            self.held = {seq: held for seq, held in self.held.items() if seq > ack.upto}
            if ack.resend_from is not None:
                for seq in sorted(self.held)[:100]:
                    await self._send(client, seq)
