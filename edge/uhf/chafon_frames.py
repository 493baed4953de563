"""Bytes of the Chafon UHFReader family (UHFReader18, UHFReader288, RRU98xx, CF-MU80x, CF-MU90x): commands and answers.

    host    LEN | ADDRESS | COMMAND          | data | CRC (2, low byte first)
    module  LEN | ADDRESS | COMMAND | STATUS | data | CRC

LEN counts the bytes after itself. The checksum is `crc_reflected` of all before it. There is no mark of a beginning.
Two dialects: modules like UHFReader18 name neither antenna nor signal strength of a tag, all later ones do. Sources:
the makers' user manuals (UHFReader18 V2.0; UHF RFID Reader Series V1.14 and V2.20) and wabson.chafon-rfid (MIT).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge.uhf.conversation import FrameError
from edge.uhf.crc import crc_reflected

_ANSWER_MIN: Final = 5
"""The LEN of an answer without data."""

BROADCAST: Final = 0xFF

INVENTORY: Final = 0x01
READER_INFO: Final = 0x21
SET_BAND: Final = 0x22
SET_SCAN_TIME: Final = 0x25
SET_POWER: Final = 0x2F
SET_MODE_PLAIN: Final = 0x35
GET_MODE_PLAIN: Final = 0x36
CHECK_ANTENNA: Final = 0x66
SET_MODE: Final = 0x76
TEMPERATURE: Final = 0x92
STOP_INVENTORY: Final = 0x93
UNASKED: Final = 0xEE
"""What a module tells that was left in a mode in which it inventories by itself."""

OK: Final = 0x00
COMPLETE, TIMEOUT, MORE, MEMORY_FULL = 0x01, 0x02, 0x03, 0x04
STATISTICS: Final = 0x26
ANTENNA_ERROR: Final = 0xF8
POOR_COMMUNICATION, NO_TAG = 0xFA, 0xFB
ILLEGAL_COMMAND: Final = 0xFE
WRONG_PARAMETER: Final = 0xFF

_STATUS_WORDS: Final = {
    0x13: "cannot be stored",
    0x14: "power cannot be set",
    ANTENNA_ERROR: "antenna not connected",
    0xF9: "cannot be carried out",
    POOR_COMMUNICATION: "poor communication with tags",
    NO_TAG: "no tag",
    0xFD: "wrong length of command",
    ILLEGAL_COMMAND: "unknown or damaged command",
    WRONG_PARAMETER: "wrong parameter",
}

_PLAIN_TYPES: Final = frozenset({0x03, 0x08, 0x09})
"""RRU9803M (CF-RU5102 as documented and as found) and UHFReader18."""

_RSSI_ZERO_DBM: Final = 129
"""No manual of the maker says what the byte means. Readers with the same radio chip (Impinj R2000) say dBm + 129."""

_LENGTH_BITS, _WITH_PHASE = 0x3F, 0x40
_PHASE_BYTES: Final = 7
_TID_BYTES, _WITH_TID = 12, 0x80


class Answer(NamedTuple):
    """What a module answered."""

    address: int
    command: int
    status: int
    data: bytes

    def words(self) -> str:
        """Return the status for people."""
        return f"0x{self.status:02X} {_STATUS_WORDS.get(self.status, '')}".rstrip()


class Answers:
    """The framing of what a module sends."""

    def length(self, data: bytearray, at: int) -> int | None:
        """Return the length of an answer that begins at `at`."""
        return data[at] + 1 if data[at] >= _ANSWER_MIN else 0

    def proves(self, frame: bytes) -> bool:
        """Whether the checksum is right."""
        return crc_reflected(frame) == 0


class ReaderInfo(NamedTuple):
    """What a module says of itself. `plain`: it names neither antenna nor signal strength."""

    plain: bool
    band: int
    power_dbm: int
    scan_time: int
    checks_antenna: bool
    firmware: str = ""
    """Main and sub version."""


def command(address: int, code: int, data: bytes = b"") -> bytes:
    """Return a command."""
    body = bytes((len(data) + 4, address, code)) + data
    return body + crc_reflected(body).to_bytes(2, "little")


def answer(frame: bytes) -> Answer:
    """Take apart a frame of `Answers`."""
    return Answer(frame[1], frame[2], frame[3], frame[4:-2])


def info_of(data: bytes) -> ReaderInfo:
    """Return what a module says of itself. Raises `FrameError`."""
    if len(data) < 8:
        raise FrameError(f"reader information: {len(data)} bytes, expected 8 or more")
    return ReaderInfo(
        plain=data[2] in _PLAIN_TYPES,
        band=(data[4] >> 6) << 2 | data[5] >> 6,
        power_dbm=data[6],
        scan_time=data[7],
        checks_antenna=len(data) > 11 and data[11] == 1,
        firmware=f"{data[0]}.{data[1]}",
    )


def band_limits(band: int, channels: int) -> bytes:
    """Return the data of `SET_BAND`: the whole band, from channel 0 to the last one."""
    return bytes(((band >> 2) << 6 | channels, (band & 0x03) << 6))


def inventory(port: int, q: int, session: int, target: int, scan_time: int) -> bytes:
    """Return the data of `INVENTORY` in the later dialect: one port, no mask. `scan_time`: tenths of a second."""
    return bytes((q, session, 0x01, 0, 0, 0, target, 0x80 + port - 1, scan_time))


def port_of(mask: int) -> int | None:
    """Return the antenna that an answer names by one bit; None where it does not name one."""
    return mask.bit_length() if mask and not mask & (mask - 1) else None


def tags_of(data: bytes, *, plain: bool) -> list[tuple[bytes, int | None]]:
    """Return EPC and signal strength in 0.01 dBm of each tag of an answer to `INVENTORY`. Raises `FrameError`."""
    at = 0 if plain else 1
    if len(data) <= at:
        return []
    count, at, tags = data[at], at + 1, []
    for number in range(1, count + 1):
        if at >= len(data):
            raise FrameError(f"inventory: {count} tags announced, {number - 1} there")
        if plain:
            size, behind = data[at], 0
        else:
            size, behind = data[at] & _LENGTH_BITS, 1 + (_PHASE_BYTES if data[at] & _WITH_PHASE else 0)
        end = at + 1 + size
        if end + behind > len(data):
            raise FrameError(f"inventory: tag {number} of {count} is longer than its frame")
        epc = data[at + 1 : end]
        if not plain and data[at] & _WITH_TID:
            epc = epc[:-_TID_BYTES]
        tags.append((epc, None if plain else (data[end] - _RSSI_ZERO_DBM) * 100))
        at = end + behind
    if at != len(data):
        raise FrameError(f"inventory: {len(data) - at} bytes behind the last of {count} tags")
    return tags
