"""Opening a serial port: whose it is, what is wrong with it, and what happens when opening hangs."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from edge.serial_line.holder import holder_of
from edge.serial_line.opening import LineSettings, Opener, close_in_thread, close_port, open_port
from edge.serial_line.problem import LineError, Trouble, explain
from simulator.pty_port import PtyPort
from tests.edge.serial_line.talker import until

if TYPE_CHECKING:
    from pathlib import Path

    import serial


@pytest.fixture
def port(tmp_path: Path) -> PtyPort:
    port = PtyPort(tmp_path)
    port.plug_in()
    return port


def test_a_port_is_ours_alone(port: PtyPort) -> None:
    settings = LineSettings(str(port.path), 115_200)
    first = open_port(settings)
    assert first.baudrate == 115_200
    with pytest.raises(LineError, match="is held by this daemon: two devices name one port") as caught:
        open_port(settings)
    assert caught.value.trouble is Trouble.BUSY
    close_port(first)
    close_port(open_port(settings))
    port.unplug()


HOLD = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print('held', flush=True); sys.stdin.read()"


async def test_who_holds_it_is_named(port: PtyPort) -> None:
    os.close(port._slave)  # only the other process shall have it open
    holding = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(port.path)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holding.stdout is not None
    try:
        assert await asyncio.wait_for(holding.stdout.readline(), 20) == b"held\n"
        assert holder_of(str(port.path)).endswith(f"(process {holding.pid})")
        with pytest.raises(LineError, match=rf"is held by .+ \(process {holding.pid}\)"):
            open_port(LineSettings(str(port.path)))
    finally:
        holding.kill()
        await holding.communicate()
    os.close(port._master)


def test_what_is_missing_is_said_with_what_is_there(port: PtyPort) -> None:
    with pytest.raises(LineError, match=r"usb-x is not there: is it plugged in\? In .* there are: port$") as caught:
        open_port(LineSettings(str(port.path.with_name("usb-x"))))
    assert caught.value.trouble is Trouble.MISSING
    for number in range(10):
        port.path.with_name(f"z{number}").touch()
    with pytest.raises(LineError, match="and 3 more"):
        open_port(LineSettings(str(port.path.with_name("usb-x"))))
    port.unplug()


@pytest.mark.parametrize("path", ["/dev/null", "/etc/hostname"])
def test_what_is_no_serial_port(path: str) -> None:
    with pytest.raises(LineError, match=f"{path} is no serial port: name one of /dev/serial/by-id") as caught:
        open_port(LineSettings(path))
    assert caught.value.trouble is Trouble.NO_PORT


def test_a_port_that_we_may_not_open_names_the_group(tmp_path: Path) -> None:
    (tmp_path / "port").touch()
    error = explain(str(tmp_path / "port"), PermissionError(13, "Permission denied"))
    assert error.trouble is Trouble.FORBIDDEN
    assert "no permission: add the daemon's user to the group '" in str(error)
    assert str(explain("/nowhere/port", OSError(5, "Input/output error"))) == "/nowhere/port: Input/output error"


class Adapter:
    """An adapter whose opening hangs until it is let go; then it opens a real port."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.calls = 0
        self.opened: list[serial.Serial] = []

    def open(self, settings: LineSettings) -> serial.Serial:
        self.calls += 1
        self.free.wait(30)
        self.opened.append(open_port(settings))
        return self.opened[-1]


async def test_an_opening_that_hangs_is_left_and_never_doubled(port: PtyPort) -> None:
    adapter = Adapter()
    opener = Opener(LineSettings(str(port.path)), adapter.open)
    with pytest.raises(LineError, match="not open after") as caught:
        await opener.open(0.01)
    assert caught.value.trouble is Trouble.HUNG
    with pytest.raises(LineError, match="still hangs"):
        await opener.open(0.01)
    assert adapter.calls == 1
    adapter.free.set()
    await until(lambda: adapter.opened and not adapter.opened[0].is_open, "the late port to be closed again")
    late = await opener.open()
    assert (adapter.calls, late.is_open) == (2, True)
    await close_in_thread(late)
    assert not late.is_open
    port.unplug()


async def test_nobody_waits_any_more_for_a_port_that_opens(port: PtyPort) -> None:
    adapter = Adapter()
    waiting = asyncio.create_task(Opener(LineSettings(str(port.path)), adapter.open).open())
    await until(lambda: adapter.calls == 1, "the opening to begin")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    adapter.free.set()
    await until(lambda: adapter.opened and not adapter.opened[0].is_open, "the port to be closed again")
    port.unplug()
