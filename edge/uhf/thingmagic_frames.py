"""Bytes of the ThingMagic M6e family (M6e, Micro, Nano, M7e): commands, responses, tag records.

    host    FF | LEN | OPCODE | data (LEN bytes)          | CRC (2, high byte first)
    module  FF | LEN | OPCODE | STATUS (2) | data (LEN)   | CRC

The checksum is `crc_shifted` of LEN to the last data byte. Numbers are big-endian. Sources: the frames and field tables
of ThingMagic's M5e and M6e user manuals, and the facts in ThingMagic's Mercury API and SparkFun's library (both MIT).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge.uhf.conversation import FrameError
from edge.uhf.crc import crc_shifted
from edge.uhf.news import Tag

_HEAD: Final = 0xFF
_RESPONSE_EXTRA: Final = 7
"""Bytes of a response beside its data."""

BOOT_FIRMWARE: Final = 0x04
READ_TAG_MULTIPLE: Final = 0x22
MULTI_PROTOCOL: Final = 0x2F
GET_ANTENNA_PORT: Final = 0x61
GET_READ_POWER: Final = 0x62
GET_REGIONS: Final = 0x71
GET_TEMPERATURE: Final = 0x72
SET_ANTENNA_PORT: Final = 0x91
SET_READ_POWER: Final = 0x92
SET_PROTOCOL: Final = 0x93
SET_REGION: Final = 0x97
SET_CONFIGURATION: Final = 0x9A
SET_PROTOCOL_CONFIGURATION: Final = 0x9B

OK: Final = 0x0000
INVALID_OPCODE: Final = 0x0101
NO_TAGS: Final = 0x0400
ANTENNA_NOT_CONNECTED: Final = 0x0503
TOO_HOT: Final = 0x0504
HIGH_RETURN_LOSS: Final = 0x0505
BUFFER_FULL: Final = 0x0601
ASSERTS: Final = 0x7F00
"""From here on: the firmware failed and goes back to its bootloader."""

_STATUS_WORDS: Final = {
    0x0100: "wrong number of arguments",
    INVALID_OPCODE: "unknown command",
    0x0102: "command not implemented",
    0x0103: "power too high",
    0x0105: "value not supported",
    0x0106: "power too low",
    0x0109: "feature not implemented",
    0x010B: "region not supported",
    NO_TAGS: "no tags found",
    0x0401: "no tag protocol set",
    0x0405: "no region set",
    ANTENNA_NOT_CONNECTED: "antenna not connected",
    TOO_HOT: "too hot",
    HIGH_RETURN_LOSS: "high return loss",
    BUFFER_FULL: "tag buffer full",
}

GEN2: Final = 0x05
_CONTINUOUS: Final = 0x01
_STOP: Final = 0x02
_WITH_METADATA: Final = 0x10
_SEARCH: Final = 0x001B
"""The configured antenna list (3), tags as they come (8), large populations (16)."""

_COUNT, _RSSI, _ANTENNA, _PROTOCOL, _DATA = 0x0001, 0x0002, 0x0004, 0x0040, 0x0080
_METADATA: Final = _COUNT | _RSSI | _ANTENNA | _PROTOCOL
"""What we ask to be told of each tag; a third less bytes than all there is, so a third more tags on a slow line."""

_SIZES: Final = (
    (_COUNT, 1),
    (_RSSI, 1),
    (_ANTENNA, 1),
    (0x0008, 3),  # frequency, kHz
    (0x0010, 4),  # milliseconds since the last keep-alive
    (0x0020, 2),  # phase
    (_PROTOCOL, 1),
)
"""Metadata of fixed length, in the order of a record; then tag data with its length, then GPIO."""
_GPIO: Final = 0x0100

RECORD_TAG: Final = 0x01
RECORD_STATUS: Final = 0x02
_STATUS_FREQUENCY, _STATUS_TEMPERATURE = 0x0002, 0x0004


class Response(NamedTuple):
    """What a module answered or told."""

    opcode: int
    status: int
    data: bytes

    def words(self) -> str:
        """Return the status for people."""
        known = _STATUS_WORDS.get(self.status, "")
        return f"0x{self.status:04X} {known}".rstrip()


class Responses:
    """The framing of what a module sends."""

    def length(self, data: bytearray, at: int) -> int | None:
        """Return the length of a response that begins at `at`."""
        if data[at] != _HEAD:
            return 0
        return data[at + 1] + _RESPONSE_EXTRA if len(data) > at + 1 else None

    def proves(self, frame: bytes) -> bool:
        """Whether the checksum is right."""
        return crc_shifted(frame[1:-2]) == int.from_bytes(frame[-2:])


def command(opcode: int, data: bytes = b"") -> bytes:
    """Return a command."""
    body = bytes((len(data), opcode)) + data
    return bytes((_HEAD,)) + body + crc_shifted(body).to_bytes(2)


def response(frame: bytes) -> Response:
    """Take apart a frame of `Responses`."""
    return Response(frame[2], int.from_bytes(frame[3:5]), frame[5:-2])


def start_reading(cycle_ms: int) -> bytes:
    """Return the command that streams Gen2 tags until it is stopped, with a sign of life each `cycle_ms`."""
    inner = bytes((_WITH_METADATA,)) + _SEARCH.to_bytes(2) + cycle_ms.to_bytes(2) + _METADATA.to_bytes(2)
    head = bytes((0, 0, _CONTINUOUS, READ_TAG_MULTIPLE, 0, 0, GEN2, len(inner), READ_TAG_MULTIPLE))
    return command(MULTI_PROTOCOL, head + inner)


def stop_reading() -> bytes:
    """Return the command that ends a stream."""
    return command(MULTI_PROTOCOL, bytes((0, 0, _STOP)))


def record_type(data: bytes) -> int | None:
    """Return what a message of a stream is: `RECORD_TAG`, `RECORD_STATUS`, 0 (end of a cycle); None: too short."""
    at = 5 if data and data[0] & _WITH_METADATA else 3
    return data[at] if len(data) > at else None


def tag_of(data: bytes) -> Tag:
    """Return the tag of a record. Raises `FrameError`."""
    flags, at, values = int.from_bytes(data[3:5]), 6, {}
    for flag, size in _SIZES:
        if flags & flag:
            values[flag] = data[at : at + size]
            at += size
    if flags & _DATA:
        at += 2 + -(-int.from_bytes(data[at : at + 2]) // 8)
    if flags & _GPIO:
        at += 1
    bits = int.from_bytes(data[at : at + 2])
    epc = data[at + 2 :]
    if at + 2 > len(data) or bits != 8 * len(epc):
        raise FrameError(f"tag record: {bits} bits of EPC announced, {8 * len(epc)} there")
    rssi, antenna = values.get(_RSSI, b""), values.get(_ANTENNA, b"\x11")
    return Tag(
        port=antenna[0] >> 4 or 16,
        epc=_bare(epc),
        rssi_cdbm=int.from_bytes(rssi, signed=True) * 100 if rssi else None,
        reads=max(1, int.from_bytes(values.get(_COUNT, b"\x01"))),
    )


def _bare(epc: bytes) -> bytes:
    """Return the EPC without its protocol-control words in front and its checksum behind. Raises `FrameError`."""
    begin = 2
    if epc and epc[0] & 0x02:  # an extended PC word follows, and perhaps a second one
        begin = 6 if len(epc) > 2 and epc[2] & 0x80 else 4
    if len(epc) < begin + 2:
        raise FrameError(f"tag record: {len(epc)} bytes are too few for an EPC")
    return epc[begin:-2]


def status_temperature(data: bytes) -> int | None:
    """Return the temperature that a status record carries, in degrees Celsius."""
    flags, at = int.from_bytes(data[6:8]), 8
    if flags & _STATUS_FREQUENCY:
        at += 3
    if not flags & _STATUS_TEMPERATURE or len(data) <= at:
        return None
    return int.from_bytes(data[at : at + 1], signed=True)


def power_limits(data: bytes) -> tuple[int, int]:
    """Return the least and the most power in 0.01 dBm. Raises `FrameError`."""
    if len(data) < 7:
        raise FrameError(f"power limits: {len(data)} bytes, expected 7")
    return int.from_bytes(data[5:7], signed=True), int.from_bytes(data[3:5], signed=True)


def ports_there(data: bytes) -> frozenset[int]:
    """Return the ports that a module has, whether or not it believes that something is plugged in."""
    return frozenset(data[1::2])
