"""A software ThingMagic M6e: four antenna ports, a bootloader, continuous reading.

Follows the frames and field tables of the M5e and M6e user manuals. It transmits on no antenna before it knows region
and protocol; a failed antenna shows as status 0x0505 when its turn comes; with `hot` it says 0x0504 in place of reads.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from simulator.modules.port import Field, InField

_OK, _WRONG_LENGTH, _INVALID_OPCODE, _POWER_TOO_HIGH, _INVALID_VALUE = 0x0000, 0x0100, 0x0101, 0x0103, 0x0105
_NO_REGION, _NO_PROTOCOL, _NO_TAGS, _TOO_HOT, _RETURN_LOSS = 0x0405, 0x0401, 0x0400, 0x0504, 0x0505
_READ_COUNT, _RSSI, _ANTENNA, _FREQUENCY = 0x0001, 0x0002, 0x0004, 0x0008
_TIMESTAMP, _PHASE, _PROTOCOL, _DATA, _GPIO = 0x0010, 0x0020, 0x0040, 0x0080, 0x0100

_HEARD_MAX: Final = 64
_HELD_MAX: Final = 300
"""The longest command and a little."""
_CHANNEL_KHZ: Final = 865_700


def checksum(data: bytes) -> int:
    """Return the family's checksum, one bit after the other."""
    crc = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            carry = crc & 0x8000
            crc = (crc << 1) & 0xFFFF | (byte >> bit) & 1
            if carry:
                crc ^= 0x1021
    return crc


def said(opcode: int, status: int, data: bytes = b"") -> bytes:
    """Return a frame of the module."""
    body = bytes((len(data), opcode)) + status.to_bytes(2) + data
    return b"\xff" + body + checksum(body).to_bytes(2)


def tag_record(tag: InField, port: int, flags: int, search: int, since_ms: int = 0) -> bytes:
    """Return the data of a tag record with the metadata that was asked for."""
    values = (
        (_READ_COUNT, b"\x01"),
        (_RSSI, tag.rssi_dbm.to_bytes(1, signed=True)),
        (_ANTENNA, bytes((port % 16 << 4 | port % 16,))),
        (_FREQUENCY, _CHANNEL_KHZ.to_bytes(3)),
        (_TIMESTAMP, since_ms.to_bytes(4)),
        (_PHASE, b"\x00\x00"),
        (_PROTOCOL, b"\x05"),
        (_DATA, b"\x00\x00"),
        (_GPIO, b"\x0f"),
    )
    metadata = b"".join(value for flag, value in values if flags & flag)
    protocol_control = (len(tag.epc) // 2 << 11).to_bytes(2)
    epc = protocol_control + tag.epc + checksum(protocol_control + tag.epc).to_bytes(2)
    head = b"\x10" + search.to_bytes(2) + flags.to_bytes(2) + b"\x01"
    return head + metadata + (8 * len(epc)).to_bytes(2) + epc


class ThingMagicModule:
    """One module (implements `simulator.modules.port.Module`), with power just on."""

    def __init__(self, ports: int = 4, regions: bytes = b"\x01\x02\x08\x09") -> None:
        self.ports = ports
        self.regions = regions
        self.failed: set[int] = set()
        """Ports whose antenna is unplugged."""
        self.hot = False
        self.celsius = 41
        self.heard: deque[tuple[int, bytes]] = deque(maxlen=_HEARD_MAX)
        """The last commands: opcode and data."""
        self.power_cdbm: dict[int, int] = {}
        self.field = Field()
        self._held = bytearray()
        self._booted = False
        self._region = 0
        self._protocol = 0
        self._list: tuple[int, ...] = (1,)
        self._cycle_s = 0.0
        self._cycle_ends_s: float | None = None
        self._flags = self._search = 0
        self._in_cycle = 0

    @property
    def reading(self) -> bool:
        """Whether it streams."""
        return self._cycle_ends_s is not None

    @property
    def search_list(self) -> tuple[int, ...]:
        """The ports that take turns."""
        return self._list

    # -- what happens to it

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take bytes of the host."""
        self._held += data
        out = b""
        while len(self._held) > 2:
            size = self._held[1] + 5
            if self._held[0] != 0xFF:
                del self._held[0]
            elif len(self._held) < size:
                break
            elif checksum(bytes(self._held[1 : size - 2])) != int.from_bytes(self._held[size - 2 : size]):
                del self._held[0]
            else:
                frame = bytes(self._held[:size])
                del self._held[:size]
                self.heard.append((frame[2], frame[3:-2]))
                out += self._obey(frame[2], frame[3:-2], now_s)
        del self._held[:-_HELD_MAX]
        return out

    def present(self, port: int, tag: InField, now_s: float) -> bytes:
        """Let a tag come before an antenna."""
        self.field.put(port, tag)
        return self._read(now_s)

    def tick(self, now_s: float) -> bytes:
        """End a cycle when its time is over."""
        if self._cycle_ends_s is None or now_s < self._cycle_ends_s:
            return b""
        out = self._read(now_s)
        if self.hot:
            out += said(0x22, _TOO_HOT)
        elif self.failed & set(self._list):
            out += said(0x22, _RETURN_LOSS)
        elif self._in_cycle:
            head = b"\x10" + self._search.to_bytes(2) + self._flags.to_bytes(2) + b"\x00"
            out += said(0x22, _OK, head + self._in_cycle.to_bytes(4))
        else:
            out += said(0x22, _NO_TAGS)
        self._in_cycle = 0
        self._cycle_ends_s = now_s + self._cycle_s
        return out

    def deadline(self) -> float | None:
        """Return when the cycle ends."""
        return self._cycle_ends_s

    def _read(self, now_s: float) -> bytes:
        """Tell what is before the antennas that take turns."""
        if self._cycle_ends_s is None or self.hot:
            return b""
        out = b""
        since_ms = max(0, round((now_s - self._cycle_ends_s + self._cycle_s) * 1_000))
        for port in self._list:
            if port not in self.failed:
                for tag in self.field.take(port):
                    out += said(0x22, _OK, tag_record(tag, port, self._flags, self._search, since_ms))
                    self._in_cycle += 1
        return out

    # -- commands

    def _obey(self, opcode: int, data: bytes, now_s: float) -> bytes:
        if opcode == 0x04:
            was, self._booted = self._booted, True
            return said(opcode, _INVALID_OPCODE if was else _OK)
        if not self._booted:
            return said(opcode, _INVALID_OPCODE)
        if opcode == 0x2F:
            return self._stream(data, now_s)
        if opcode in (0x91, 0x92, 0x93, 0x97, 0x9A, 0x9B):
            return said(opcode, self._set(opcode, data))
        answers = {
            0x61: b"\x05" + b"".join(bytes((port, port not in self.failed)) for port in range(1, self.ports + 1)),
            0x62: b"\x01" + (3000).to_bytes(2) + (3150).to_bytes(2) + (500).to_bytes(2),
            0x71: self.regions,
            0x72: self.celsius.to_bytes(1, signed=True),
        }
        if opcode not in answers:
            return said(opcode, _INVALID_OPCODE)
        return said(opcode, _OK, answers[opcode])

    def _set(self, opcode: int, data: bytes) -> int:
        if opcode == 0x97:
            if data not in {bytes((region,)) for region in self.regions}:
                return _INVALID_VALUE
            self._region = data[0]
        elif opcode == 0x93:
            self._protocol = int.from_bytes(data)
        elif opcode == 0x92:
            return self._set_power(dict.fromkeys(range(1, self.ports + 1), int.from_bytes(data)))
        elif opcode == 0x91 and data[:1] == b"\x03":
            rows = [data[at : at + 5] for at in range(1, len(data), 5)]
            return self._set_power({row[0]: int.from_bytes(row[1:3]) for row in rows})
        elif opcode == 0x91 and data[:1] == b"\x02":
            ports = tuple(port or 16 for port in data[1::2])
            if not ports or max(ports) > self.ports or data[1::2] != data[2::2]:
                return _INVALID_VALUE
            self._list = ports
        return _OK

    def _set_power(self, powers: dict[int, int]) -> int:
        if max(powers.values()) > 3150:
            return _POWER_TOO_HIGH
        self.power_cdbm.update(powers)
        return _OK

    def _stream(self, data: bytes, now_s: float) -> bytes:
        if data[2:3] == b"\x02":
            self._cycle_ends_s = None
            return said(0x2F, _OK)
        if len(data) != 16 or data[2] != 1 or data[7] != 7:
            return said(0x2F, _WRONG_LENGTH)
        if not self._region or self._protocol != 5:
            return said(0x2F, _NO_PROTOCOL if self._region else _NO_REGION)
        self._search = int.from_bytes(data[10:12])
        self._cycle_s = int.from_bytes(data[12:14]) / 1_000
        self._flags = int.from_bytes(data[14:16])
        self._cycle_ends_s = now_s + self._cycle_s
        self._in_cycle = 0
        return said(0x2F, _OK, data[2:3]) + self._read(now_s)
