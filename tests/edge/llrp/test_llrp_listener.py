"""Readers that call: the driver listens, the simulated reader connects. Loopback has a million addresses."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from edge.drivers import build_driver
from edge.drivers.llrp import LlrpDriver
from edge.drivers.port import What
from edge.llrp import listener
from firmware_config.profile import ProfileError
from simulator.reader.caller import Caller
from simulator.reader.persona import load_persona
from simulator.reader.server import ReaderServer
from simulator.reader.sighting import Sighting
from tests.edge.llrp.certificates import certificates
from tests.edge.llrp.store_reader import SITE, Watched, device, host, until, up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

R420 = "impinj-r420-like"
HOST = "127.0.0.1"
OFTEN_S = 0.05


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _nothing_listens_in_the_end() -> Iterator[None]:
    yield
    assert not listener._LISTENERS


def reader(name: str = "R1") -> ReaderServer:
    return ReaderServer(name, load_persona(R420))


def listening(port: int, address: str = HOST, options: Mapping[str, str | float] | None = None) -> Watched:
    return Watched(address, options={"listen": port, **(options or {})})


def calls(server: ReaderServer, port: int, source: str = HOST) -> Caller:
    return Caller(server, HOST, port, source=source, every_s=OFTEN_S)


async def knock(port: int, source: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, port, local_addr=(source, 0))


async def closed(stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        assert await asyncio.wait_for(stream.read(), 10) == b""
    writer.close()


@pytest.mark.parametrize("address", [HOST, "localhost"])
async def test_a_reader_that_calls(port: int, address: str) -> None:
    async with reader() as server, listening(port, address) as watched, calls(server, port) as caller:
        await up(watched, server)
        seen = [Sighting(i.to_bytes(12), 96, 1 + i % 4, -5_500, server.clock.now_us()) for i in range(300)]
        server.feed(seen)
        await until(lambda: len(watched.reads) == 300)
        assert [(read.epc, read.port) for read in watched.reads] == [(tag.epc, tag.antenna) for tag in seen]
        server.drop()
        await until(lambda: "lost" in watched.told())
        await up(watched, server)
        assert caller.calls == 2
        assert watched.told() == ["up", "lost", "up"]


async def test_two_readers_call_one_port(port: int) -> None:
    """The first driver to come opens the port, the last to go closes it."""
    one, two = reader("one"), reader("two")
    async with one, two, listening(port, "127.0.0.2") as first:
        async with listening(port, "127.0.0.3") as second:
            async with calls(one, port, "127.0.0.2"), calls(two, port, "127.0.0.3"):
                await up(first, one)
                await up(second, two)
                two.feed([Sighting(b"\x02" * 12, 96, 2, -6_000, two.clock.now_us())])
                one.feed([Sighting(b"\x01" * 12, 96, 1, -6_000, one.clock.now_us())])
                await until(lambda: bool(first.reads and second.reads))
                assert {read.epc for read in first.reads} == {b"\x01" * 12}
                assert {read.epc for read in second.reads} == {b"\x02" * 12}
            await second.driver.stop()
            assert first.state() == "up"
            with pytest.raises(OSError, match="in use"):
                socket.create_server(("", port))
        await first.driver.stop()
    with socket.create_server(("", port)):
        pass


async def test_strangers_are_sent_away_counted_and_told_once(port: int) -> None:
    with capture_logs() as logs:
        async with reader() as server, listening(port, "127.0.0.2") as watched:
            await until(lambda: watched.state() == "down")
            assert watched.driver.health().last_error == f"127.0.0.2 did not call port {port}"
            for source in ("127.0.0.9", "127.0.0.8", "127.0.0.9"):
                await closed(*await knock(port, source))
            missed = f"127.0.0.2 did not call port {port}; 3 calls came from elsewhere, the last from 127.0.0.9"
            await until(lambda: watched.driver.health().last_error == missed)
            async with calls(server, port, "127.0.0.2"):
                await up(watched, server)
                await closed(*await knock(port, "127.0.0.9"))
                assert watched.state() == "up"
    assert [entry["peer"] for entry in logs if entry["event"] == "stranger sent away"] == ["127.0.0.9", "127.0.0.8"]
    assert watched.told() == ["lost", "up"], "told once, not with each wait"


async def test_a_second_call_of_a_connected_reader_is_a_rival(port: int) -> None:
    async with reader() as server, listening(port) as watched, calls(server, port) as caller:
        await up(watched, server)
        await closed(*await knock(port))
        await until(lambda: What.RIVAL in watched.told())
        server.feed([Sighting(b"\x07" * 12, 96, 3, -6_000, server.clock.now_us())])
        await until(lambda: bool(watched.reads))
        assert (watched.state(), caller.calls) == ("up", 1)


async def test_a_reader_that_lost_its_connection_without_a_word_is_taken_again(port: int) -> None:
    """Its power was cut: nothing ends the old connection but the watchdog, and the new call waits for that."""
    async with reader() as server, reader() as reborn, listening(port) as watched:
        async with calls(server, port):
            await up(watched, server)
            server.faults.silent = True
        async with calls(reborn, port) as caller:
            await up(watched, reborn)
            assert caller.calls == 1
        assert watched.told() == ["up", "lost", "up"]
        assert watched.events[1].detail.startswith("silent for ")


async def test_of_calls_that_wait_the_newest_counts(port: int) -> None:
    """Two calls while the pace holds the driver back: the older one was given up by the reader."""
    door = listener.Door("R1", HOST, port)
    with pytest.raises(listener.NobodyCalledError):
        await door.wait(0)
    older, newer = await knock(port), await knock(port)
    await closed(*older)
    caller = await door.wait(10)
    assert caller.getpeername()[1] == newer[1].get_extra_info("sockname")[1]
    caller.close()
    await closed(*newer)
    left = await knock(port)
    await until(lambda: door._waiting is not None)
    await door.close()
    await closed(*left)


async def test_a_caller_that_hangs_up_at_once_is_paced(port: int) -> None:
    """Each of its calls is a failure that lengthens the pause before the next is taken; a wait for nothing is not."""
    async with listening(port) as watched:
        assert isinstance(watched.driver, LlrpDriver)
        await until(lambda: watched.driver.health().errors >= 2)
        assert watched.driver._backoff.failures == 0
        for times in range(1, 4):
            _, writer = await knock(port)
            writer.close()
            await until(lambda: watched.driver._backoff.failures == times)  # type: ignore[attr-defined]  # noqa: B023
        assert watched.told() == ["lost"]


async def test_a_port_that_is_taken_is_tried_again(port: int) -> None:
    with socket.create_server(("", port)):
        async with listening(port) as watched:
            await until(lambda: watched.driver.health().errors >= 2)
            assert f"cannot listen on port {port}: Address already in use" in watched.driver.health().last_error
            assert watched.told() == ["lost"]
    async with listening(port) as watched, reader() as server, calls(server, port):
        await up(watched, server)


async def test_stop_while_it_waits_for_a_call(port: int) -> None:
    async with listening(port, HOST, {"keepalive_s": 60.0}) as watched:
        await until(lambda: port in listener._LISTENERS)
        assert watched.state() == "connecting"
        async with asyncio.timeout(5):
            await watched.driver.stop()
        assert watched.told() == []


async def test_a_name_that_has_no_address(port: int) -> None:
    async with listening(port, "10..0.1") as watched:
        await until(lambda: watched.state() == "down")
        assert watched.driver.health().last_error.endswith(
            "10..0.1 has no address: encoding with 'idna' codec failed (UnicodeError: label empty or too long)"
        )


async def test_over_tls_the_reader_is_the_client(port: int) -> None:
    made = certificates()
    ours: dict[str, str | float] = {
        "tls": True,
        "cert_file": str(made.edge.cert),
        "key_file": str(made.edge.key),
        "ca_file": str(made.ca),
    }
    async with reader() as server, listening(port, HOST, ours) as watched:
        async with Caller(server, HOST, port, tls=made.stranger.client(made.ca), every_s=OFTEN_S):
            await until(lambda: "cannot reach" in watched.driver.health().last_error)
            assert "its certificate is not believed" in watched.driver.health().last_error
            assert watched.told() == ["lost"]
        async with Caller(server, HOST, port, tls=made.reader.client(made.ca), every_s=OFTEN_S):
            await up(watched, server)
            server.drop()
            await until(lambda: watched.told()[-1] == "lost")
            await up(watched, server)


async def test_nothing_stays_over_calls(port: int) -> None:
    def held() -> tuple[int, int]:
        return len(asyncio.all_tasks()), len([*Path("/proc/self/fd").iterdir()])

    before = held()
    async with reader() as server, listening(port) as watched, calls(server, port):
        await up(watched, server)
        running = held()
        for times in range(20):
            server.drop()
            await until(lambda: watched.told().count("lost") > times)  # noqa: B023
            await up(watched, server)
        assert held() == running
    await until(lambda: held() <= before)


@pytest.mark.parametrize(
    ("address", "other", "options", "problem"),
    [
        ("127.0.0.1:5084", "", {}, "address: '127.0.0.1:5084', expected a host without a port: with `listen` it is"),
        (HOST, HOST, {}, "listen: 5084: R2 comes to the same port from the same address '127.0.0.1'"),
        (HOST, "", {"tls": True, "tls_name": "x"}, "tls_name: means nothing for a reader that connects to us"),
    ],
)
def test_settings_that_cannot_be_used(address: str, other: str, options: dict[str, str | bool], problem: str) -> None:
    asked = replace(device(address), options={"listen": 5084, **options})
    devices = (asked, replace(asked, id="R2", address=other)) if other else (asked,)
    with pytest.raises(ProfileError, match=f"^device R1: {problem}"):
        build_driver(asked, replace(SITE, devices=devices), host())
