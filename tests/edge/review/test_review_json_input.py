"""Readers that speak JSON: what a reader, a broker or a stranger on the wire can do to us."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from paho.mqtt.client import MQTTMessage

from edge.drivers import build_driver
from edge.drivers.impinj_iot import ImpinjMqtt
from edge.drivers.standing import Standing
from edge.iot import fields
from edge.iot.broker import BrokerLink, Inbox, Message
from edge.iot.driver import SessionOver
from edge.iot.impinj_rest import ImpinjRest
from edge.iot.limits import MESSAGES_WAITING_MAX, PAYLOAD_MAX_BYTES, TEXT_MAX_CHARS, WAITING_MAX_BYTES
from edge.iot.taker import EventTaker
from edge.uplink.broker_url import parse_broker_url
from simulator.json_readers.impinj import ImpinjReader
from tests.edge.drivers.contract import Told
from tests.edge.fake_driver import ManualTime
from tests.edge.iot.json_sites import SITE, Options, impinj_device, login_files
from tests.edge.iot.json_watch import watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EPC = bytes.fromhex("3034257BF7194E4000001A85")


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 10**400, float("nan"), float("inf")])
def test_a_number_beyond_all_bounds_is_none(value: float) -> None:
    assert fields.centi({"x": value}, "x", factor=100) is None


async def test_one_wild_number_costs_no_session(tmp_path: Path) -> None:
    async with (
        ImpinjReader() as reader,
        watched(impinj_device(reader.address, login_files(tmp_path))) as watch,
    ):
        await watch.up()
        reader.send(b'{"tagInventoryEvent":{"epcHex":"%s","antennaPort":1,"peakRssiCdbm":1e308}}' % EPC.hex().encode())
        reader.see(EPC, 1)
        await watch.seen(2)
        assert watch.whats().count("lost") == 0


async def test_what_waits_for_the_event_loop_is_bounded_in_bytes() -> None:
    inboxes: list[Inbox] = []
    link = BrokerLink(parse_broker_url("mqtt://127.0.0.1:1"), "x", ["t"], inboxes.append, login=None, tls=None)
    message = MQTTMessage(topic=b"t")
    message.payload = bytes(PAYLOAD_MAX_BYTES)
    count = MESSAGES_WAITING_MAX // 10
    for _ in range(count):
        link._received(link._client, None, message)
    link._empty()
    (inbox,) = inboxes
    assert sum(len(one.payload) for one in inbox.messages) <= WAITING_MAX_BYTES
    assert len(inbox.messages) + inbox.lost == count
    assert inbox.lost > 0
    link._received(link._client, None, message)
    link._empty()
    assert len(inboxes[1].messages) == 1, "what was taken makes room"
    await link.close()


class Body(httpx.AsyncByteStream):
    """An answer in one chunk."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data


@pytest.mark.parametrize(
    "listed", [b"[" * 100_000, b"\xff\xfe", b"nonsense", b"7", json.dumps(["x"] * 50_000).encode()]
)
async def test_a_list_of_presets_that_is_none_is_the_readers_fault(listed: bytes) -> None:
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return (
            httpx.Response(200, stream=Body(listed))
            if request.url.path.endswith("presets")
            else httpx.Response(404, stream=Body(b""))
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://reader") as client:
        with pytest.raises(SessionOver, match="no preset of its own"):
            await ImpinjRest(client).run([])
    assert asked < 100


async def test_what_came_with_the_last_word_is_taken() -> None:
    """The broker says that the reader is gone; reads that wait behind it were read."""
    options: Options = {"via": "mqtt", "broker": "mqtt://127.0.0.1:1", "topic": "t", "management_topic": "will"}
    driver, told = build_driver(impinj_device("R7", options), SITE, ManualTime().host()), Told()
    assert isinstance(driver, ImpinjMqtt)
    driver._standing.tell_to(told.events.append)
    driver._taker.hand_to(told.sink())
    driver._link = BrokerLink(parse_broker_url("mqtt://127.0.0.1:1"), "x", ["t"], print, login=None, tls=None)
    tag = b'{"tagInventoryEvent":{"epcHex":"%s","antennaPort":1}}' % EPC.hex().encode()
    driver._take_inbox(Inbox([Message("will", b"connection lost", False), Message("t", tag, False)], 0))
    assert driver._link.closed.result() == "the broker says of the reader: connection lost"
    assert [read.epc for read in told.reads] == [EPC]
    await driver._link.close()


def test_a_remark_is_no_longer_than_a_readers_words() -> None:
    told = Told()
    host = ManualTime().host()
    standing = Standing("R7", "impinj_iot", host)
    standing.tell_to(told.events.append)
    taker = EventTaker("R7", (1,), host, standing)
    taker.remark("x" * 1_000_000, "y" * 1_000_000)
    assert len(told.events[0].detail) <= TEXT_MAX_CHARS
    assert max(map(len, taker._remarks)) <= TEXT_MAX_CHARS
