"""A software Chafon module: UHFReader288 (antennas, signal strength) or the older UHFReader18 (neither).

Follows the makers' manuals: one command at a time, what comes during an inventory is thrown away, an inventory ends
with its tags or with its time. `by_itself`: it was left in a mode in which it tells tags unasked and inventories for
nobody until it is set to answer again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from simulator.modules.port import Field, InField

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEN_MAX: Final = 255
_HEARD_MAX: Final = 64
_COMPLETE, _MORE, _ANTENNA_ERROR, _NO_TAG, _LENGTH, _ILLEGAL, _PARAMETER = 0x01, 0x03, 0xF8, 0xFB, 0xFD, 0xFE, 0xFF
_TYPE_18, _TYPE_288 = 0x09, 0x0C
_EU, _EU_CHANNELS = 4, 14


def checksum(data: bytes) -> int:
    """Return the family's checksum, one bit after the other."""
    crc = 0xFFFF
    for byte in data:
        for bit in range(8):
            odd = (crc ^ byte >> bit) & 1
            crc >>= 1
            if odd:
                crc ^= 0x8408
    return crc


def said(command: int, status: int, data: bytes = b"", address: int = 0) -> bytes:
    """Return a frame of the module."""
    body = bytes((len(data) + 5, address, command, status)) + data
    return body + checksum(body).to_bytes(2, "little")


class ChafonModule:
    """One module (implements `simulator.modules.port.Module`)."""

    def __init__(self, ports: int = 4, *, old: bool = False, band: int = _EU) -> None:
        self.ports = 1 if old else ports
        self.old = old
        self.band = band
        self.failed: set[int] = set()
        """Ports whose antenna is unplugged."""
        self.celsius = -3
        self.power_dbm = [26] * self.ports
        self.scan_time = 10
        self.by_itself = False
        self.checks_antenna = False
        self.memory = 100
        """Tags that it has room for in one inventory."""
        self.heard: deque[tuple[int, bytes]] = deque(maxlen=_HEARD_MAX)
        self.field = Field()
        self._held = bytearray()
        self._last_s = 0.0
        self._asked: int | None = None
        self._until_s = 0.0

    # -- what happens to it

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes of the host; a command that does not go on is forgotten."""
        if now_s > self._last_s + 0.015 * max(1, len(self._held)):
            self._held.clear()
        self._last_s = now_s
        self._held += data
        out = b""
        while self._held and len(self._held) > self._held[0]:
            size = self._held[0] + 1
            frame = bytes(self._held[:size])
            del self._held[:size]
            if self._asked is None or frame[2:3] == b"\x93":
                out += self._frame(frame, now_s)
        return out

    def present(self, port: int, tag: InField, now_s: float) -> bytes:
        """Let a tag come before an antenna."""
        if self.by_itself:
            mask = b"" if self.old else bytes((1 << port - 1, len(tag.epc)))
            strength = b"" if self.old else bytes((tag.rssi_dbm + 129,))
            return said(0xEE, 0x00, mask + tag.epc + strength)
        self.field.put(port, tag)
        return self._finish(port) if self._asked == port and now_s < self._until_s else b""

    def tick(self, now_s: float) -> bytes:
        """End an inventory when its time is over."""
        if self._asked is None or now_s < self._until_s:
            return b""
        return self._finish(self._asked)

    def deadline(self) -> float | None:
        """Return when the inventory ends."""
        return None if self._asked is None else self._until_s

    # -- commands

    def _frame(self, frame: bytes, now_s: float) -> bytes:
        if len(frame) < 5 or checksum(frame):
            return said(0x00, _ILLEGAL)
        address, command, data = frame[1], frame[2], frame[3:-2]
        if address not in (0x00, 0xFF):
            return b""
        self.heard.append((command, data))
        if command == 0x01:
            return self._inventory(data, now_s)
        if command == 0x93 and not self.old:
            return self._finish(self._asked) if self._asked is not None else b""
        if command == 0x21:
            return said(command, 0, self._info())
        answer = self._set_old(command, data) if self.old else self._set_new(command, data)
        return answer or (self._set_common(command, data) or said(0x00, _ILLEGAL))

    def _info(self) -> bytes:
        kind = _TYPE_18 if self.old else _TYPE_288
        band = bytes(((self.band >> 2) << 6 | _EU_CHANNELS, (self.band & 3) << 6))
        short = bytes((0, 22, kind, 3)) + band + bytes((self.power_dbm[0], self.scan_time))
        return short if self.old else short + bytes((1, 0, 0, self.checks_antenna))

    def _set_common(self, command: int, data: bytes) -> bytes:
        if command == 0x2F and len(data) == 1 and data[0] <= 30:
            self.power_dbm = [data[0]] * self.ports
            return said(command, 0)
        if command == 0x25 and len(data) == 1:
            self.scan_time = data[0]
            return said(command, 0)
        if command == 0x22 and len(data) == 2:
            self.band = (data[0] >> 6) << 2 | data[1] >> 6
            return said(command, 0)
        return b""

    def _set_old(self, command: int, data: bytes) -> bytes:
        if command == 0x36:
            return said(command, 0, bytes(4) + bytes((self.by_itself, 2, 4, 0, 1, 0)) + bytes(2))
        if command == 0x35 and len(data) == 6:
            self.by_itself = bool(data[0] & 3)
            return said(command, 0)
        return b""

    def _set_new(self, command: int, data: bytes) -> bytes:
        if command == 0x92:
            return said(command, 0, bytes((self.celsius >= 0, abs(self.celsius))))
        if command == 0x66 and len(data) == 1:
            self.checks_antenna = bool(data[0])
            return said(command, 0)
        if command == 0x76 and len(data) == 1:
            self.by_itself = bool(data[0])
            return said(command, 0)
        if command == 0x2F and (len(data) == 1 or len(data) == self.ports):
            powers = [power & 0x7F for power in data]
            if max(powers) > 30:
                return said(command, _PARAMETER)
            self.power_dbm = powers if len(powers) > 1 else powers * self.ports
            return said(command, 0)
        return b""

    # -- inventory

    def _inventory(self, data: bytes, now_s: float) -> bytes:
        if self.by_itself:
            return b""
        port, scan_time = 1, self.scan_time
        if not self.old:
            if len(data) != 9 or data[2:6] != b"\x01\x00\x00\x00":
                return said(0x01, _LENGTH)
            port, scan_time = data[7] - 0x7F, data[8]
            if not 1 <= port <= self.ports or data[0] > 15 or data[1] > 3 or data[6] > 1:
                return said(0x01, _PARAMETER)
        if port in self.failed and (self.old or self.checks_antenna):
            return said(0x01, _ANTENNA_ERROR)
        self._asked, self._until_s = port, now_s + scan_time / 10
        waiting = self.field.take(port)
        for tag in waiting:
            self.field.put(port, tag)
        return self._finish(port) if waiting else b""

    def _finish(self, port: int) -> bytes:
        """End the inventory of a port with what is before it."""
        self._asked = None
        tags = self.field.take(port)
        if not tags:
            return said(0x01, _NO_TAG) if self.old else said(0x01, _COMPLETE, bytes((1 << port - 1, 0)))
        status = _COMPLETE if len(tags) <= self.memory else 0x04
        frames = self._frames(tags[: self.memory], port)
        return b"".join(said(0x01, _MORE, frame) for frame in frames[:-1]) + said(0x01, status, frames[-1])

    def _frames(self, tags: Sequence[InField], port: int) -> list[bytes]:
        """Return the data of as many frames as the tags need."""
        frames: list[list[bytes]] = [[]]
        for tag in tags:
            block = bytes((len(tag.epc),)) + tag.epc + (b"" if self.old else bytes((tag.rssi_dbm + 129,)))
            if sum(map(len, frames[-1])) + len(block) > _LEN_MAX - 8:
                frames.append([])
            frames[-1].append(block)
        head = b"" if self.old else bytes((1 << port - 1,))
        return [head + bytes((len(blocks),)) + b"".join(blocks) for blocks in frames]
