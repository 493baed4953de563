"""The edge and the broker are killed, again and again; what the outbox accepted is in the gateway's log, once.

Real processes, a real Mosquitto with nothing saved to disk (so each kill of it loses all that it had acknowledged), and
the gateway's half of the protocol in this process. The judge is the outbox's own durable counter: observations that it
accepted, against those in the gateway's log.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.outbox import Outbox
from tests.edge.gateway_half import GatewayHalf
from tests.edge.uplink_sides import until
from tests.servers.mosquitto import Mosquitto
from wire.messages import ReadBatch, decode_durable, encode_json
from wire.topics import Leaf, edge_topic

ROOT = Path(__file__).parents[2]
DRAINS = 5
"""Starts of an edge that only drains, a minute each: a gateway that forgets every 50th frame makes that slow."""
DATA, ACK = edge_topic("store-1", "edge-1", Leaf.DATA), edge_topic("store-1", "edge-1", Leaf.ACK)


class MqttGateway:
    """The gateway's half behind a real MQTT client. Now and then it forgets a frame that it had not committed."""

    def __init__(self, port: int) -> None:
        self.half = GatewayHalf()
        self.frames = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(DATA, 1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port, 10)
        self._client.loop_start()

    def _take(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.frames += 1
        if self.frames % 50 == 0:
            return  # killed before its commit: no answer, and the frame is forgotten
        answer = self.half.receive(bytes(message.payload))
        client.publish(ACK, encode_json(answer), qos=1)

    def observations(self) -> int:
        found = (decode_durable(body) for body in self.half.working.log)
        return sum(len(one.antenna) for one in found if isinstance(one, ReadBatch))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextlib.asynccontextmanager
async def edge_process(url: str, outbox: Path, seed: int, reads: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.edge.edge_child", url, str(outbox), str(seed), str(reads)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        line = b""
        while b"started" not in line:
            line = await process.stdout.readline()
            assert line, "the edge did not start"
        draining = asyncio.create_task(process.stdout.read())
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await draining


def accepted(outbox: Path) -> tuple[int, int]:
    """Return the observations that were ever accepted, and the rows that wait still."""
    found = Outbox(outbox, "store-1", "edge-1")
    figures = found.figures()
    found.close()
    return figures.accepted_observations, figures.rows


async def torture(folder: Path, *, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    outbox = folder / "outbox.db"
    broker = Mosquitto(folder, options=("persistence false",))
    await asyncio.to_thread(broker.start)
    gateway = MqttGateway(broker.port)
    try:
        for number in range(rounds):
            async with edge_process(broker.url, outbox, seed * 1_000 + number, reads=20) as edge:
                before = gateway.frames
                await until(lambda before=before: gateway.frames > before + 5, "data of this round", 60)
                await asyncio.sleep(rng.uniform(0.0, 0.3))
                if number % 2:
                    await asyncio.to_thread(broker.kill)
                    await asyncio.sleep(rng.uniform(0.0, 0.2))
                    edge.kill()
                    await asyncio.to_thread(broker.start)
                else:
                    edge.kill()
        for _ in range(DRAINS):
            async with edge_process(broker.url, outbox, seed, reads=0) as edge:
                edge.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(edge.wait(), 90) == 0
            observations, waiting = accepted(outbox)
            if not waiting:
                break
        assert waiting == 0
        assert observations > 100 * rounds
        assert gateway.observations() == observations, "lost or doubled"
        assert gateway.half.working.gaps == []
    finally:
        gateway.close()
        await asyncio.to_thread(broker.kill)


async def test_edge_and_broker_are_killed_and_nothing_accepted_is_lost(tmp_path: Path) -> None:
    await torture(tmp_path, rounds=4, seed=3)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
async def test_edge_and_broker_are_killed_many_times_and_nothing_accepted_is_lost(tmp_path: Path) -> None:
    for block in range(10):
        (tmp_path / str(block)).mkdir()
        await torture(tmp_path / str(block), rounds=20, seed=block)
