"""A serial line for as long as the daemon runs: pulled out and plugged in, taken by others, broken, left."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from edge.drivers.port import Host
from edge.serial_line import supervisor
from edge.serial_line.limits import WRITE_MAX_BYTES
from edge.serial_line.opening import LineSettings, close_port, open_port
from simulator.pty_port import PtyPort
from tests.edge.drivers.contract import Held
from tests.edge.fake_driver import ManualTime
from tests.edge.serial_line.talker import Talker, talking, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Far:
    """The device's end of a port that listens."""

    def __init__(self, folder: Path) -> None:
        self.heard = b""
        self.port = PtyPort(folder, on_bytes=self._take)

    def _take(self, data: bytes) -> None:
        self.heard += data


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    far = Far(tmp_path)
    yield far
    assert not far.port.plugged_in, "a test takes its port away"


async def test_bytes_go_both_ways(far: Far) -> None:
    far.port.plug_in()
    async with talking(far.port.path) as talker:
        await until(lambda: far.heard == b"hello", "the greeting")
        far.port.send(bytes(range(256)))
        await until(lambda: len(talker.heard) == 256, "all bytes")
        assert talker.heard == bytes(range(256)), "no byte is changed, none is a signal"
        assert talker.standing.condition == "up"
        with pytest.raises(RuntimeError, match="started before"):
            talker.supervisor.start()
        await talker.supervisor.stop()
        await until(lambda: far.heard == b"hellobye", "the last words")
        assert (talker.ends, talker.whats()) == ([""], ["up"])
        await talker.supervisor.stop()
    far.port.unplug()


async def test_pulled_out_and_plugged_in_under_another_number(far: Far) -> None:
    far.port.plug_in()
    async with talking(far.port.path) as talker:
        await until(lambda: talker.line is not None, "the line")
        far.port.unplug()
        await until(lambda: talker.ends, "the end")
        assert talker.ends[0].startswith("unplugged")
        await until(lambda: "is not there" in talker.standing.health().last_error, "the name to be gone")
        far.heard = b""
        far.port.plug_in()
        await until(lambda: far.heard == b"hello", "the second greeting")
        assert talker.whats() == ["up", "lost", "up"]
    far.port.unplug()


async def test_a_port_that_another_holds_is_refused_with_its_name_and_taken_when_free(far: Far) -> None:
    far.port.plug_in()
    other = open_port(LineSettings(str(far.port.path)))
    async with talking(far.port.path) as talker:
        await until(lambda: talker.standing.condition == "refused", "the refusal")
        assert "is held by" in talker.standing.health().holder
        close_port(other)
        await until(lambda: talker.standing.condition == "up", "the port")
        assert talker.whats() == ["refused", "up"]
    far.port.unplug()


async def test_what_the_protocol_gives_up_is_tried_again(far: Far) -> None:
    far.port.plug_in()
    async with talking(far.port.path) as talker:
        await until(lambda: talker.line is not None, "the line")
        talker.supervisor.give_up("silent for 3 s")
        await until(lambda: talker.whats() == ["up", "lost", "up"], "the second life")
        assert talker.ends == ["silent for 3 s"]
        talker.supervisor.give_up("another program steers it", refused=True)
        await until(lambda: talker.whats()[3:] == ["refused", "up"], "the third life")
    talker.supervisor.give_up("nothing is open any more")
    far.port.unplug()


@pytest.mark.parametrize("where", ["opened", "received", "tick"])
async def test_a_bug_in_a_protocol_costs_its_line_and_no_more(far: Far, where: str) -> None:
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    far.port.plug_in()
    talker = Talker(far.port.path)
    talker.breaks = where
    with capture_logs() as logs:
        talker.supervisor.start()
        if where != "opened":
            await until(lambda: talker.line is not None, "the line")
            talker.due_s = 0.0 if where == "tick" else None
            talker.supervisor.rearm()
            far.port.send(b"x")
        await until(lambda: talker.ends, "the line to end")
        await until(lambda: talker.standing.condition == "up" and talker.line is not None, "the next line")
        far.port.send(b"y")
        await until(lambda: talker.heard.endswith(b"y"), "what comes after it")
        await talker.supervisor.stop()
    assert "our own error" in talker.ends[0]
    assert [str(context["exception"]) for context in told] == ([] if where == "opened" else [f"a bug in {where}"])
    assert ("serial line failed" in [entry["event"] for entry in logs]) == (where == "opened")
    far.port.unplug()


async def test_the_deadline_rings_with_and_without_a_line(far: Far) -> None:
    async with talking(far.port.path) as talker:
        await until(lambda: talker.standing.condition == "down", "the port to be missed")
        now_s = asyncio.get_running_loop().time()
        talker.due_s = now_s + 0.02
        talker.supervisor.rearm()
        talker.due_s = now_s + 30
        talker.supervisor.rearm()  # the timer rings early and finds out
        talker.due_s = now_s + 0.05
        talker.supervisor.rearm()
        await until(lambda: talker.ticks, "the tick")
        far.port.plug_in()
        await until(lambda: talker.line is not None, "the line")
        talker.due_s = 0.0
        far.port.send(b"x")
        await until(lambda: len(talker.ticks) == 2, "the tick after bytes")
    talker.due_s = 0.0
    talker.supervisor.rearm()
    await asyncio.sleep(0.02)
    assert len(talker.ticks) == 2, "nothing is called after the stop"
    far.port.unplug()


async def test_a_device_that_takes_nothing_does_not_fill_our_memory(tmp_path: Path) -> None:
    port = PtyPort(tmp_path)  # nobody reads at its far end
    port.plug_in()
    async with talking(port.path) as talker:
        await until(lambda: talker.line is not None, "the line")
        line = talker.line
        assert line is not None
        for _ in range(4 * WRITE_MAX_BYTES // 1_000 + 10):
            line.write(bytes(1_000))
            await asyncio.sleep(0)
        await until(lambda: talker.ends, "the line to be given up")
        assert talker.ends == ["the device does not take what we say"]
        line.write(b"to nobody")
    port.unplug()


async def test_what_did_not_fit_at_once_goes_out_in_order(far: Far) -> None:
    far.port.plug_in()
    async with talking(far.port.path) as talker:
        await until(lambda: talker.line is not None, "the line")
        assert talker.line is not None
        said = b"".join(number.to_bytes(2, "big") for number in range(WRITE_MAX_BYTES // 2 - 300))
        talker.line.write(said)  # more than a terminal's buffer holds
        talker.line.write(b"and this")
        await talker.supervisor.stop()
        await until(lambda: len(far.heard) == 5 + len(said) + 11, "all of it")
        assert far.heard == b"hello" + said + b"and this" + b"bye"
    far.port.unplug()


async def test_the_last_words_wait_for_a_slow_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LEAVE_TIMEOUT_S", 20.0)
    port = PtyPort(tmp_path)  # its far end is read by hand
    port.plug_in()
    async with talking(port.path) as talker:
        await until(lambda: talker.line is not None, "the line")
        assert talker.line is not None
        talker.line.write(bytes(12_000))  # more than a terminal's buffer holds
        leaving = asyncio.create_task(talker.supervisor.stop())
        await asyncio.sleep(0.05)
        heard = b""

        def listen() -> bool:
            nonlocal heard
            with suppress(BlockingIOError):
                heard += os.read(port._master, 4_096)
            return heard.endswith(b"bye")

        await until(listen, "the last words")
        await leaving
    port.unplug()


class Pauses(Random):
    """Writes down how long a pause may be; each is as long as a test says."""

    def __init__(self, pause_s: float) -> None:
        super().__init__()
        self._pause_s = pause_s
        self.spans_s: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        assert a == 0
        self.spans_s.append(b)
        return self._pause_s


async def test_who_plugs_a_device_in_does_not_wait_for_the_pause_to_end(far: Far) -> None:
    host = Host(lambda: 0, time.monotonic, Pauses(3_600.0))
    async with talking(far.port.path, host) as talker:
        await until(lambda: talker.standing.condition == "down", "the port to be missed")
        far.port.plug_in()
        await until(lambda: talker.line is not None, "the line")
    far.port.unplug()


async def test_pauses_grow_until_the_device_worked_for_a_while(far: Far) -> None:
    clock, pauses = ManualTime(), Pauses(0.01)
    far.port.plug_in()
    async with talking(far.port.path, clock.host()._replace(rng=pauses)) as talker:
        for lives, worked_s in enumerate((0.0, 0.0, 1.0, 11.0, 0.0), 1):
            await until(lambda: talker.line is not None, "the line")
            clock.pass_s(worked_s)
            talker.supervisor.give_up("again")
            await until(lambda lives=lives: len(pauses.spans_s) == lives, "the pause")  # type: ignore[misc]
    assert pauses.spans_s == [0.5, 1.0, 2.0, 0.5, 1.0]
    far.port.unplug()


async def test_a_port_named_by_its_number_is_warned_of() -> None:
    with capture_logs() as logs:
        async with talking("/dev/ttyUSB77") as talker:
            await until(lambda: talker.standing.condition == "down", "the port to be missed")
    assert logs[0]["path"] == "/dev/ttyUSB77"
    assert "by-id" in logs[0]["because"]


async def test_nothing_is_left_over_twenty_lives(far: Far) -> None:
    far.port.plug_in()
    async with talking(far.port.path) as talker:
        await until(lambda: talker.line is not None, "the line")
        before = Held.now()
        for _ in range(20):
            ends = len(talker.ends)
            talker.supervisor.give_up("again")
            await until(lambda ends=ends: len(talker.ends) > ends and talker.line is not None, "the next line")  # type: ignore[misc]
        await until(lambda: Held.now().no_more_than(before), "nothing to be left")
    far.port.unplug()
