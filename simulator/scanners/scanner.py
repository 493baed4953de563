"""One barcode scanner: its configuration, and what it sends for a label.

A scanner frames a barcode as `[prefix] [AIM identifier] data [suffix]`, and each of the three is a setting of it. FNC1
inside an element string leaves it as GS, as another character, or not at all. `CONFIGURATIONS` holds those that are
met in shops; a real scanner's is printed in its manual as barcodes to scan.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from simulator.pty_port import PtyPort

if TYPE_CHECKING:
    from pathlib import Path

GS: Final = b"\x1d"
BITS_PER_BYTE: Final = 10
"""8N1: a start bit, eight data bits, a stop bit."""


class ScannerConfig(NamedTuple):
    """How a scanner is set up. `group_separator`: what it sends for FNC1; `baud`: 0 sends a barcode at once (USB)."""

    suffix: bytes = b"\r"
    prefix: bytes = b""
    aim: bool = False
    group_separator: bytes = GS
    baud: int = 0


CONFIGURATIONS: Final[dict[str, ScannerConfig]] = {
    "usb-cr": ScannerConfig(),
    "usb-crlf-aim": ScannerConfig(suffix=b"\r\n", aim=True),
    "usb-lf": ScannerConfig(suffix=b"\n"),
    "usb-tab": ScannerConfig(suffix=b"\t"),
    "usb-no-suffix": ScannerConfig(suffix=b""),
    "rs232-stx-etx": ScannerConfig(suffix=b"\x03", prefix=b"\x02", baud=9_600),
    "rs232-no-suffix-aim": ScannerConfig(suffix=b"", aim=True, baud=9_600),
    "gs-as-caret": ScannerConfig(group_separator=b"^"),
    "gs-dropped": ScannerConfig(group_separator=b""),
}


class Scanner:
    """A scanner on a serial port of its own. Not plugged in yet.

    Args:
        folder: where its port appears; exists.
        config: how it is set up; may be changed at any time, as people do.
        name: its port's name in the folder.
    """

    def __init__(self, folder: Path, config: ScannerConfig | None = None, name: str = "scanner") -> None:
        self.config = config if config is not None else ScannerConfig()
        self.port = PtyPort(folder, name)

    @property
    def path(self) -> Path:
        """The name of its port."""
        return self.port.path

    def plug_in(self) -> None:
        """Connect it."""
        self.port.plug_in()

    def unplug(self) -> None:
        """Pull its cable."""
        self.port.unplug()

    def frame(self, data: bytes, aim: str = "") -> bytes:
        """Return what it sends for a label's data (FNC1 as GS), whose symbol has this AIM identifier."""
        config = self.config
        data = data.replace(GS, config.group_separator)
        return config.prefix + (aim.encode() if config.aim else b"") + data + config.suffix

    async def scan(self, data: bytes, aim: str = "") -> None:
        """Scan a label: at the speed of its line, or at once."""
        frame = self.frame(data, aim)
        if not self.config.baud:
            self.port.send(frame)
            return
        for at in range(len(frame)):
            self.port.send(frame[at : at + 1])
            await asyncio.sleep(BITS_PER_BYTE / self.config.baud)
