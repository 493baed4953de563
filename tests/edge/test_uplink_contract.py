"""What every uplink must do: the same tests against a real Mosquitto and against the in-memory twin."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from edge.uplink.port import Uplink
from tests.edge.uplink_sides import EDGE, SITE, FarSide, Listener, MemorySide, MosquittoSide, death, until
from wire.messages import Ack, EdgeState, ForgetSold, Rebirth

STREAM = "ab" * 16


@pytest_asyncio.fixture(params=["memory", pytest.param("mosquitto")])
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FarSide]:
    side: FarSide = MemorySide(tmp_path) if request.param == "memory" else MosquittoSide(tmp_path)
    await side.open()
    yield side
    await side.close()


@pytest_asyncio.fixture
async def uplink(far: FarSide) -> AsyncIterator[Uplink]:
    one = far.uplink()
    yield one
    await one.stop()


def birth() -> EdgeState:
    return EdgeState(what="birth", site=SITE, edge=EDGE, at_us=2, stream=STREAM)


async def test_data_goes_up_and_answers_come_down(far: FarSide, uplink: Uplink) -> None:
    listener = Listener()
    uplink.start(listener, death())
    await until(lambda: uplink.connected, "connection")
    assert listener.links == ["up"]
    assert uplink.publish_data(b"one")
    assert uplink.publish_data(b"two")
    await until(lambda: far.frames == [b"one", b"two"], "both frames, in order")
    far.ack(Ack(stream=STREAM, upto=2))
    far.command(Rebirth())
    far.command(ForgetSold(epcs=("AB12",)))
    await until(lambda: len(listener.acks) == 1 and len(listener.commands) == 2, "answers")
    assert listener.acks == [Ack(stream=STREAM, upto=2)]
    assert listener.commands == [Rebirth(), ForgetSold(epcs=("AB12",))]
    assert uplink.figures.published == 2


async def test_what_is_held_is_counted_until_the_broker_has_it(far: FarSide, uplink: Uplink) -> None:
    listener = Listener()
    uplink.start(listener, death())
    await until(lambda: uplink.connected, "connection")
    uplink.publish_data(b"x" * 5_000)
    assert uplink.held_bytes == 5_000
    await until(lambda: uplink.held_bytes == 0, "the broker's confirmation")
    assert listener.rooms >= 1
    assert uplink.figures.confirmed == 1
    await until(lambda: [len(frame) for frame in far.frames] == [5_000], "the frame")


async def test_nothing_is_taken_before_the_connection(uplink: Uplink) -> None:
    assert not uplink.publish_data(b"early")
    assert not uplink.publish_state(birth())
    assert not uplink.publish_reported(b"early")
    assert uplink.held_bytes == 0
    assert uplink.figures.turned_away == 3


async def test_a_second_start_is_refused(uplink: Uplink) -> None:
    uplink.start(Listener(), death())
    with pytest.raises(RuntimeError):
        uplink.start(Listener(), death())


async def test_the_state_is_retained_and_the_farewell_replaces_it(far: FarSide, uplink: Uplink) -> None:
    uplink.start(Listener(), death())
    await until(lambda: uplink.connected, "connection")
    uplink.publish_state(birth())
    await until(lambda: uplink.figures.confirmed == 1, "confirmation")
    assert await far.state() == birth()
    farewell = EdgeState(what="death", site=SITE, edge=EDGE, at_us=9)
    await uplink.stop(farewell)
    assert await far.state() == farewell
    assert not uplink.connected


async def test_what_is_desired_comes_early_and_late_and_the_report_is_retained(far: FarSide, uplink: Uplink) -> None:
    listener = Listener()
    await far.desire(b"before the edge came")
    uplink.start(listener, death())
    await until(lambda: listener.desired == [b"before the edge came"], "what was retained")
    await far.desire(b"now")
    await until(lambda: listener.desired[1:] == [b"now"], "what is new")
    assert uplink.publish_reported(b"first")
    assert uplink.publish_reported(b"last")
    await until(lambda: uplink.figures.confirmed == 2, "both confirmations")
    assert await far.reported() == b"last"


async def test_a_broker_that_dies_is_said_and_found_again(far: FarSide, uplink: Uplink) -> None:
    listener = Listener()
    uplink.start(listener, death())
    await until(lambda: uplink.connected, "connection")
    await far.crash()
    await until(lambda: not uplink.connected, "the loss")
    assert listener.links[-1].startswith("down: ")
    assert not uplink.publish_data(b"into the void")
    assert uplink.held_bytes == 0
    await far.restart()
    await until(lambda: uplink.connected, "the connection after the restart")
    assert listener.links[-1] == "up"
    assert uplink.publish_data(b"again")
    await until(lambda: b"again" in far.frames, "data after the restart")
    assert b"into the void" not in far.frames
    far.ack(Ack(stream=STREAM, upto=7))
    await until(lambda: listener.acks == [Ack(stream=STREAM, upto=7)], "an answer after the restart")
    assert uplink.figures.connects == 2


async def test_no_word_comes_after_stop(far: FarSide, uplink: Uplink) -> None:
    listener = Listener()
    uplink.start(listener, death())
    await until(lambda: uplink.connected, "connection")
    await uplink.stop()
    words = len(listener.links)
    far.ack(Ack(stream=STREAM, upto=1))
    await far.crash()
    assert listener.acks == []
    assert len(listener.links) == words


async def test_a_second_edge_of_the_same_name_takes_over(far: FarSide, uplink: Uplink) -> None:
    first, second = Listener(), Listener()
    uplink.start(first, death())
    await until(lambda: uplink.connected, "connection")
    rival = far.uplink()
    rival.start(second, death())
    await until(lambda: any(word.startswith("down") for word in first.links), "the takeover")
    await rival.stop()
    await until(lambda: uplink.connected, "the first one's return, once the rival is gone")
