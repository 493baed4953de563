"""Edges that are one version behind: `contract_1/` holds the bytes of every message as those edges speak.

They are a copy, and stay as they are when the golden files of today change: what is in the field does not change with
our code.
"""

import asyncio
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.clock import system_clock
from gateway.ingest.memory import MemoryBroker, MemorySource
from gateway.ingest.port import Delivery
from gateway.ingest.service import Ingest
from gateway.storage.engine import Database
from gateway.storage.migrate import migrate
from gateway.storage.site_register import register_site
from simulator.sites import read_demo_site
from tests.integration.test_whole_path import SITE_FILE, daemon
from tests.servers.mosquitto import Mosquitto
from tests.wire.golden.messages import DURABLE, HEADER, PLAIN
from wire.frame import Header, decode_frame, encode_frame
from wire.messages import Ack, EdgeState, Rebirth, StockEvent, decode_ack, decode_state, encode_json
from wire.site_file import parse_site
from wire.topics import Leaf, edge_topic

CONTRACT_1: Final = Path(__file__).parent / "contract_1"
TO_EDGES: Final = sorted(name for name, message in PLAIN.items() if not isinstance(message, EdgeState | StockEvent))
WAIT_S: Final = 30.0


def durable_of_then() -> list[Path]:
    return sorted(CONTRACT_1.glob("*.msgpack"))


def test_the_copy_has_every_kind() -> None:
    assert {path.stem for path in durable_of_then()} >= {
        "read_batch",
        "scan_batch",
        "count_batch",
        "device_events",
        "gap",
    }
    assert {path.stem for path in durable_of_then()} <= set(DURABLE)
    assert len(TO_EDGES) >= 6


async def test_every_message_of_an_edge_of_then_is_taken_and_acknowledged(tmp_path: Path) -> None:
    site = read_demo_site("main-street")
    assert (site.id, list(site.edges())) == ("store-001", ["edge-1"]), "of whom the messages speak"
    url = f"sqlite:///{tmp_path}/gateway.db"
    migrate(url)
    database, broker, acks = Database(url), MemoryBroker(), list[Ack]()
    broker.listen(edge_topic(site.id, "edge-1", Leaf.ACK), lambda _, payload: acks.append(decode_ack(payload)))
    async with database.write() as connection:
        await register_site(connection, site, system_clock())
    ingest = Ingest(MemorySource(broker, system_clock), database, {site.id: site}, system_clock, wake=lambda _: None)
    topic = edge_topic(site.id, "edge-1", Leaf.DATA)
    frames = [
        encode_frame(Header(HEADER.stream, n, 1), path.read_bytes()) for n, path in enumerate(durable_of_then(), 1)
    ]
    await ingest.take([Delivery(topic, frame, system_clock()) for frame in frames])
    for path in sorted(CONTRACT_1.glob("edge_state*.json")):
        await ingest.take([Delivery(edge_topic(site.id, "edge-1", Leaf.STATE), path.read_bytes(), system_clock())])
    assert acks == [Ack(stream=HEADER.stream.hex(), upto=len(frames))], "nothing is refused"
    assert ingest.figures.rejected == 0
    assert ingest.figures.states == len(list(CONTRACT_1.glob("edge_state*.json")))
    await database.close()


@pytest.mark.parametrize("name", sorted(path.stem for path in CONTRACT_1.glob("*.frame")))
def test_the_frame_of_then_is_read(name: str) -> None:
    for suffix, body in (("frame", "msgpack"), ("frame.json", "json")):
        frame = decode_frame((CONTRACT_1 / f"{name}.{suffix}").read_bytes())
        assert (frame.header, frame.damage) == (HEADER, None)
        assert bytes(frame.body) == (CONTRACT_1 / f"{name}.{body}").read_bytes()


@pytest.mark.parametrize("name", sorted(path.stem for path in CONTRACT_1.glob("edge_state*.json")))
def test_the_state_of_an_edge_of_then_is_read(name: str) -> None:
    assert decode_state((CONTRACT_1 / f"{name}.json").read_bytes()).edge == "edge-1"


@pytest.mark.parametrize("name", TO_EDGES)
def test_what_this_gateway_says_is_what_edges_of_then_read(name: str) -> None:
    """An edge of then refuses a field that it does not know: so these bytes may not change, ever, in this schema."""
    assert encode_json(PLAIN[name]) == (CONTRACT_1 / f"{name}.json").read_bytes()


async def test_an_edge_passes_over_what_it_does_not_know(tmp_path: Path, mosquitto: Mosquitto) -> None:
    """Commands and topics of a later version, and junk, end nothing: the command behind them is obeyed."""
    text = SITE_FILE.read_text(encoding="utf-8").replace("127.0.0.1:0", "127.0.0.1:9")  # nobody answers there
    site = parse_site(text)
    births: list[EdgeState] = []
    state = edge_topic(site.id, site.edges()[0], Leaf.STATE)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: births.append(decode_state(bytes(message.payload)))
    client.connect("127.0.0.1", mosquitto.port)
    client.subscribe(state, 1)
    client.loop_start()
    edge = daemon(site, mosquitto.url, tmp_path / "outbox.db")
    await edge.start()
    try:
        await until_births(births, 1)
        cmd = edge_topic(site.id, site.edges()[0], Leaf.CMD)
        for payload in (
            b'{"type":"SingASong","schema":9,"verses":3}',
            b"\x00\xff",
            b"[]",
            b'{"type":"Rebirth","verse":1}',
        ):
            client.publish(cmd, payload, qos=1)
        client.publish(f"{cmd}/later", b"{}", qos=1)
        client.publish(edge_topic(site.id, site.edges()[0], Leaf.CONFIG_DESIRED), b'{"schema":9}', qos=1)
        before = len(births)
        client.publish(cmd, encode_json(Rebirth()), qos=1)
        await until_births(births, before + 1)
        assert edge.stats().connected
        assert edge.works()
    finally:
        client.disconnect()
        client.loop_stop()
        await edge.stop()


async def until_births(births: list[EdgeState], count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while sum(state.what == "birth" for state in births) < count:  # noqa: ASYNC110 - told by the network's thread
            await asyncio.sleep(0.02)
