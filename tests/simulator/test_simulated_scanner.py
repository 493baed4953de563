"""The simulated scanner sends what a real one would: frames of every configuration, at the speed of its line."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from simulator.pty_port import PtyPort
from simulator.scanners.scanner import CONFIGURATIONS, Scanner

if TYPE_CHECKING:
    from pathlib import Path

LABEL = b"0109506000134352" + b"21A7\x1d10L"


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("usb-cr", LABEL + b"\r"),
        ("usb-crlf-aim", b"]d2" + LABEL + b"\r\n"),
        ("usb-no-suffix", LABEL),
        ("rs232-stx-etx", b"\x02" + LABEL + b"\x03"),
        ("rs232-no-suffix-aim", b"]d2" + LABEL),
        ("gs-as-caret", b"010950600013435221A7^10L\r"),
        ("gs-dropped", b"010950600013435221A710L\r"),
    ],
)
def test_frames(name: str, frame: bytes, tmp_path: Path) -> None:
    assert Scanner(tmp_path, CONFIGURATIONS[name]).frame(LABEL, "]d2") == frame


async def test_a_serial_line_takes_its_time(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path, CONFIGURATIONS["rs232-stx-etx"]._replace(baud=1_200))
    scanner.plug_in()
    user = os.open(scanner.path, os.O_RDWR | os.O_NOCTTY)
    began_s = time.monotonic()
    await scanner.scan(b"12345678")
    assert time.monotonic() - began_s >= 10 * 10 / 1_200
    assert os.read(user, 100) == b"\x0212345678\x03"
    os.close(user)
    scanner.unplug()


def test_a_port_comes_and_goes_with_its_name(tmp_path: Path) -> None:
    port = PtyPort(tmp_path, "usb-scanner")
    port.send(b"nobody hears this")
    port.unplug()
    assert not port.path.exists()
    port.plug_in()
    first = port.path.resolve()
    port.plug_in()
    assert port.path.resolve() == first
    user = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    port.send(bytes(10_000))  # more than a terminal holds: the rest is dropped, nothing blocks
    assert os.read(user, 5_000)
    port.unplug()
    assert not port.path.is_symlink()
    with pytest.raises(OSError, match="Input/output error"):
        os.write(user, b"x")
    os.close(user)
