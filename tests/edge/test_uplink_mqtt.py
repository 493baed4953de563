"""The MQTT uplink alone: what only a real broker shows."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import paho.mqtt.client as paho
import pytest
import pytest_asyncio
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from structlog.testing import capture_logs

from edge.limits import UPLINK_MAX_MESSAGES
from edge.uplink.broker_url import BrokerUrl, Credentials, parse_broker_url
from edge.uplink.connection import Connection
from edge.uplink.mqtt import MqttUplink
from edge.uplink.mqtt5_probe import speaks_mqtt5
from tests.edge.uplink_sides import EDGE, LOG, SITE, Listener, MosquittoSide, death, system_host, until
from tests.servers.mosquitto import Mosquitto, free_port
from wire.messages import Ack, EdgeState
from wire.topics import Leaf, edge_acl, edge_topic


def mqtt_uplink(url: str, credentials: Credentials | None = None) -> MqttUplink:
    return MqttUplink(parse_broker_url(url), SITE, EDGE, system_host(), credentials=credentials, log=LOG)


@pytest_asyncio.fixture
async def side(tmp_path: Path) -> AsyncIterator[MosquittoSide]:
    one = MosquittoSide(tmp_path)
    await one.open()
    yield one
    await one.close()


async def test_mqtt_5_is_spoken_with_a_broker_that_can(side: MosquittoSide) -> None:
    uplink = mqtt_uplink(side.broker.url)
    uplink.start(Listener(), death())
    await until(lambda: uplink.connected, "connection")
    assert uplink.protocol is MQTTProtocolVersion.MQTTv5
    await uplink.stop()


async def test_an_edge_that_is_cut_leaves_its_will(side: MosquittoSide, tmp_path: Path) -> None:
    """The edge runs in a process of its own, and that is killed: no goodbye, so the broker publishes the will."""
    script = tmp_path / "child.py"
    script.write_text(_CHILD.format(url=side.broker.url))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).strip() == b"born"
    state = await side.state()
    assert state is not None
    assert state.what == "birth"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    seen: list[EdgeState | None] = []
    for _ in range(100):
        seen.append(await side.state())
        if seen[-1] is not None and seen[-1].what == "death":
            break
    assert seen[-1] == death()


_CHILD = """
import asyncio
from tests.edge.test_uplink_mqtt import mqtt_uplink
from tests.edge.uplink_sides import EDGE, SITE, Listener, death, until
from wire.messages import EdgeState

async def main():
    uplink = mqtt_uplink({url!r})
    uplink.start(Listener(), death())
    await until(lambda: uplink.connected, "connection")
    uplink.publish_state(EdgeState(what="birth", site=SITE, edge=EDGE, at_us=5))
    await until(lambda: uplink.figures.confirmed == 1, "confirmation")
    print("born", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_refused_publish_is_said(tmp_path: Path) -> None:
    """Mosquitto denies our data topic: MQTT 5 says so by its reason code."""
    denied = edge_topic(SITE, EDGE, Leaf.DATA)
    acl = tuple(line for line in edge_acl(SITE, EDGE) if not line.endswith(denied))
    with Mosquitto(tmp_path, acl=acl) as broker:
        uplink = mqtt_uplink(broker.url)
        listener = Listener()
        uplink.start(listener, death())
        await until(lambda: uplink.connected, "connection")
        assert uplink.publish_data(b"not mine")
        await until(lambda: uplink.figures.refused == 1, "the refusal")
        assert uplink.held_bytes == 0
        await uplink.stop()


async def test_the_acl_of_an_edge_is_enough_for_an_edge(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, acl=edge_acl(SITE, EDGE)) as broker:
        uplink = mqtt_uplink(broker.url)
        uplink.start(Listener(), death())
        await until(lambda: uplink.connected, "connection")
        uplink.publish_data(b"mine")
        uplink.publish_state(death())
        await until(lambda: uplink.figures.confirmed == 2, "both confirmations")
        assert uplink.figures.refused == 0
        await uplink.stop()


async def test_an_edge_that_may_not_read_what_is_desired_works_all_the_same() -> None:
    """Mosquitto grants every subscription and withholds the messages; others refuse the one that is denied."""
    uplink = mqtt_uplink("mqtt://127.0.0.1:1")
    granted, denied = (ReasonCode(PacketTypes.SUBACK, identifier=code) for code in (1, 0x87))
    for codes, ready in (((granted, granted, denied), True), ((granted, denied, granted), False)):
        connection = Connection(paho.Client(CallbackAPIVersion.VERSION2), asyncio.get_running_loop())
        uplink._on_subscribe(connection, 1, list(codes), None)
        assert (connection.ready.done(), connection.closed.done()) == (ready, not ready)


async def test_a_late_word_of_an_old_connection_is_not_taken_for_one_of_the_new(side: MosquittoSide) -> None:
    uplink = mqtt_uplink(side.broker.url)
    listener = Listener()
    uplink.start(listener, death())
    await until(lambda: uplink.connected, "connection")
    old = paho.Client(CallbackAPIVersion.VERSION2)
    uplink._if_current(uplink._on_disconnect, old, (None, "late", None))
    uplink.publish_data(b"still here")
    await until(lambda: uplink.figures.confirmed == 1, "confirmation")
    assert listener.links == ["up"]
    await uplink.stop()


async def test_a_login_comes_from_files(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("edge-1\n")
    (tmp_path / "password").write_text("s3cret\n")
    with Mosquitto(tmp_path, users={"edge-1": "s3cret"}) as broker:
        stranger = mqtt_uplink(broker.url)
        stranger.start(Listener(), death())
        await until(lambda: stranger.figures.connect_failures >= 1, "the refusal of a stranger")
        assert not stranger.connected
        await stranger.stop()
        known = mqtt_uplink(
            broker.url, Credentials(username_file=tmp_path / "user", password_file=tmp_path / "password")
        )
        known.start(Listener(), death())
        await until(lambda: known.connected, "connection")
        await known.stop()


async def test_a_client_certificate_is_asked_for_and_shown(tmp_path: Path) -> None:
    """mTLS: without a certificate the broker refuses; with one it takes the certificate's name as the user."""
    make_certificates(tmp_path)
    port = free_port()
    tls = (
        f"listener {port} 127.0.0.1",
        f"cafile {tmp_path}/ca.pem",
        f"certfile {tmp_path}/broker.pem",
        f"keyfile {tmp_path}/broker.key",
        "require_certificate true",
        "use_identity_as_username true",
    )
    acl = ("user edge-1", *edge_acl(SITE, EDGE))
    ca_only = Credentials(ca_file=tmp_path / "ca.pem")
    full = Credentials(ca_file=tmp_path / "ca.pem", cert_file=tmp_path / "edge.pem", key_file=tmp_path / "edge.key")
    with Mosquitto(tmp_path, acl=acl, options=tls):
        for credentials in (ca_only, Credentials()):
            stranger = mqtt_uplink(f"mqtts://localhost:{port}", credentials)
            stranger.start(Listener(), death())
            await until(lambda one=stranger: one.figures.connect_failures >= 1, "the refusal")
            assert not stranger.connected
            await stranger.stop()
        known = mqtt_uplink(f"mqtts://localhost:{port}", full)
        known.start(Listener(), death())
        await until(lambda: known.connected, "connection")
        known.publish_data(b"mine")
        await until(lambda: known.figures.confirmed == 1, "confirmation")
        await known.stop()


def make_certificates(folder: Path) -> None:
    """Make a CA, and certificates for `localhost` and for `edge-1`."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.pem")
    for name, subject in (("broker", "localhost"), ("edge", "edge-1")):
        openssl("req", *key, "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signing = f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san"
        openssl(*signing.split(), "-out", f"{name}.pem")


async def test_rubbish_from_the_gateway_is_counted_and_survived(side: MosquittoSide) -> None:
    uplink = mqtt_uplink(side.broker.url)
    listener = Listener()
    uplink.start(listener, death())
    await until(lambda: uplink.connected, "connection")
    side.raw(Leaf.ACK, b"\xff not json")
    side.raw(Leaf.ACK, b'{"stream": "short", "upto": 1}')
    side.raw(Leaf.ACK, b'{"stream":"' + b"ab" * 16 + b'","upto":1,"x":"' + b"y" * 100_000 + b'"}')
    side.raw(Leaf.CMD, b'{"cmd": "no such command"}')
    side.ack(Ack(stream="cd" * 16, upto=4))
    await until(lambda: len(listener.acks) == 1, "the good answer")
    await until(lambda: uplink.figures.undecodable == 4, "all bad ones counted")
    await uplink.stop()


async def test_a_broker_of_an_older_protocol_is_spoken_to_in_3_1_1() -> None:
    """A listener that answers an MQTT 5 CONNECT as a 3.1.1 broker does, and then speaks 3.1.1."""
    with _OldBroker() as broker:
        uplink = MqttUplink(BrokerUrl("127.0.0.1", broker.port, False), SITE, EDGE, system_host(), log=LOG)
        uplink.start(Listener(), death())
        await until(lambda: uplink.connected, "connection")
        assert uplink.protocol is MQTTProtocolVersion.MQTTv311
        assert broker.levels == [5, 4]
        await uplink.stop()


class _OldBroker:
    """Just enough of an MQTT 3.1.1 broker: CONNACK by the protocol level, SUBACK."""

    def __init__(self) -> None:
        self.levels: list[int] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        for _ in range(2):
            client, _ = self._socket.accept()
            with client:
                level = _level_of(client.recv(4_096))
                self.levels.append(level)
                if level != 4:
                    client.sendall(bytes([0x20, 2, 0, 1]))
                    client.recv(4_096)
                    continue
                client.sendall(bytes([0x20, 2, 0, 0]))
                packet = client.recv(4_096)
                client.sendall(bytes([0x90, 4, packet[2], packet[3], 1, 1]))
                client.settimeout(5)
                while client.recv(4_096):
                    pass


def _level_of(connect: bytes) -> int:
    """The protocol level of a CONNECT: behind the fixed header and the name `MQTT`."""
    return connect[connect.index(b"MQTT") + 4]


async def test_no_more_is_in_flight_than_a_broker_allows(side: MosquittoSide) -> None:
    """Mosquitto announces 20 by default; others end a connection that sends more unconfirmed (MQTT 5 section 4.9)."""
    uplink = mqtt_uplink(side.broker.url)
    uplink.start(Listener(), death())
    await until(lambda: uplink.connected, "connection")
    assert uplink._now is not None
    side.broker.pause()
    try:
        assert all(uplink.publish_data(b"x") for _ in range(100))
        assert uplink._now.client._inflight_messages <= 20
    finally:
        side.broker.resume()
    await until(lambda: uplink.held_bytes == 0, "all confirmed")
    await uplink.stop()


async def test_a_broker_name_that_cannot_be_one_is_said_and_tried_again() -> None:
    uplink = mqtt_uplink("mqtt://a..b")
    uplink.start(Listener(), death())
    await until(lambda: uplink.figures.connect_failures >= 2, "a second attempt")
    await uplink.stop()


class _FailingListener(Listener):
    """Fails at its first connection, and once more when it hears that this one is over."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = ["on_connected", "on_disconnected"]

    def on_connected(self) -> None:
        super().on_connected()
        self._fail("on_connected")

    def on_disconnected(self, reason: str) -> None:
        super().on_disconnected(reason)
        self._fail("on_disconnected")

    def _fail(self, where: str) -> None:
        if where in self.failures:
            self.failures.remove(where)
            raise RuntimeError(f"nobody foresaw this in {where}")


async def test_what_nobody_foresaw_costs_one_connection_and_never_the_uplink(side: MosquittoSide) -> None:
    uplink = mqtt_uplink(side.broker.url)
    listener = _FailingListener()
    with capture_logs() as logs:
        uplink.start(listener, death())
        await until(lambda: len(listener.links) == 3, "a second connection")
        uplink.publish_data(b"after it")
        await until(lambda: uplink.figures.confirmed == 1, "confirmation")
        await uplink.stop()
    first = "RuntimeError: nobody foresaw this in on_connected"
    assert listener.links == ["up", f"down: {first}", "up"]
    assert (uplink.figures.connects, uplink.figures.connect_failures) == (2, 1)
    told = [entry["error"] for entry in logs if entry["event"] == "uplink_failed"]
    assert told == [first, "RuntimeError: nobody foresaw this in on_disconnected"]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it answered 'HTTP'"),
        (b"\x16\x03\x01\x02\x00", "it answered with the bytes 16030102"),
    ],
)
async def test_a_server_behind_the_brokers_port_that_is_no_broker_is_shown(reply: bytes, told: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionError, match=f"this is no MQTT broker: {told}"):
            await speaks_mqtt5("127.0.0.1", port, None, 5.0)


async def test_a_broker_that_never_answers_does_not_hold_up_a_stop(side: MosquittoSide) -> None:
    """Half open: the TCP connection stands and nobody reads. A stop still ends within its bound."""
    uplink = mqtt_uplink(side.broker.url)
    uplink.start(Listener(), death())
    await until(lambda: uplink.connected, "connection")
    side.broker.pause()
    try:
        taken = sum(uplink.publish_data(bytes(200_000)) for _ in range(2 * UPLINK_MAX_MESSAGES))
        assert 0 < taken < 2 * UPLINK_MAX_MESSAGES  # bounded; and the socket's buffers are long full
        await asyncio.wait_for(uplink.stop(death()), 15)
    finally:
        side.broker.resume()
    assert not uplink.connected
