"""The frame around every durable message: 40 plain bytes, then the body.

    offset  size  field
    0       2     magic, `LU`
    2       1     version of the header, 1
    3       1     format of the body: 1 MessagePack, 2 JSON
    4       4     CRC-32 of the body (zlib), unsigned, big-endian
    8       16    stream: the random id of one run of one outbox
    24      8     seq: 1, 2, 3 ... without holes in its stream, u64 big-endian
    32      8     first_held: the lowest seq that this stream's outbox still holds, u64 big-endian

The header is readable whatever the body is: a damaged body is acked as rejected and quarantined, so one bad message
never blocks those behind it. A message that begins with `{` is the same in plain JSON, for people and scripts:
`{"v": 1, "stream": "<32 hex>", "seq": 1, "first_held": 1, "body": {...}}`.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import msgspec

from wire.errors import FrameError, LimitError, MessageError
from wire.limits import BODY_MAX_BYTES, HEADER_BYTES, JSON_FRAME_MAX_BYTES, SEQ_MAX, STREAM_BYTES

MAGIC: Final = b"LU"
VERSION: Final = 1
_HEADER: Final = struct.Struct(">2sBBI16sQQ")
assert _HEADER.size == HEADER_BYTES


class Format(IntEnum):
    """How the body is written."""

    MSGPACK = 1
    JSON = 2


@dataclass(frozen=True, slots=True)
class Header:
    """Where a message stands: its stream, its place in it, and what the sender can still send again."""

    stream: bytes
    seq: int
    first_held: int

    def __post_init__(self) -> None:
        if len(self.stream) != STREAM_BYTES:
            raise FrameError(f"stream of {len(self.stream)} bytes: expected {STREAM_BYTES}")
        if not 1 <= self.seq <= SEQ_MAX:
            raise FrameError(f"seq {self.seq}: expected 1 to {SEQ_MAX}")
        if not 1 <= self.first_held <= self.seq:
            raise FrameError(f"first_held {self.first_held}: expected 1 to its own seq {self.seq}")


@dataclass(frozen=True, slots=True)
class Frame:
    """A parsed frame. `damage` is the reason why the body is not to be trusted (wrong CRC), else None."""

    header: Header
    format: Format
    body: bytes
    damage: str | None = None


class _JsonFrame(msgspec.Struct, forbid_unknown_fields=True):
    v: int
    stream: str
    seq: int
    first_held: int
    body: msgspec.Raw


def encode_frame(header: Header, body: bytes, body_format: Format = Format.MSGPACK) -> bytes:
    """Return header and body as one message. Raises `LimitError` for a body over `BODY_MAX_BYTES`."""
    if len(body) > BODY_MAX_BYTES:
        raise LimitError(f"body of {len(body)} bytes: the limit is {BODY_MAX_BYTES}")
    head = _HEADER.pack(MAGIC, VERSION, body_format, zlib.crc32(body), header.stream, header.seq, header.first_held)
    return head + body


def encode_json_frame(header: Header, body: bytes) -> bytes:
    """Return the JSON twin of a frame; `body` is JSON already."""
    return msgspec.json.encode(
        _JsonFrame(VERSION, header.stream.hex(), header.seq, header.first_held, msgspec.Raw(body))
    )


def decode_frame(data: bytes) -> Frame:
    """Parse a frame of either kind.

    Raises `FrameError` when the header cannot be read (nothing can be acked then). A body that fails its CRC or is too
    long comes back with `damage` set, so that the caller can reject it by its sequence.
    """
    if data[:1] == b"{":
        return _decode_json_frame(data)
    if len(data) < HEADER_BYTES:
        raise FrameError(f"message of {len(data)} bytes: a header has {HEADER_BYTES}")
    magic, version, body_format, crc, stream, seq, first_held = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FrameError(f"magic {magic!r}: expected {MAGIC!r}")
    if version != VERSION:
        raise FrameError(f"header version {version}: this program speaks version {VERSION}")
    header = Header(stream, seq, first_held)
    body = data[HEADER_BYTES:]
    if len(body) > BODY_MAX_BYTES:
        return Frame(header, Format.MSGPACK, body, f"body of {len(body)} bytes: the limit is {BODY_MAX_BYTES}")
    if body_format not in {Format.MSGPACK, Format.JSON}:
        return Frame(header, Format.MSGPACK, body, f"body format {body_format}: expected 1 (MessagePack) or 2 (JSON)")
    found = zlib.crc32(body)
    damage = None if found == crc else f"CRC-32 of the body is {found:08x}: the header says {crc:08x}"
    return Frame(header, Format(body_format), body, damage)


def _decode_json_frame(data: bytes) -> Frame:
    if len(data) > JSON_FRAME_MAX_BYTES:
        raise FrameError(f"JSON message of {len(data)} bytes: the limit is {JSON_FRAME_MAX_BYTES}")
    try:
        parsed = msgspec.json.decode(data, type=_JsonFrame)
        stream = bytes.fromhex(parsed.stream)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise FrameError(f"JSON frame: {error}") from error
    if parsed.v != VERSION:
        raise FrameError(f"JSON frame version {parsed.v}: this program speaks version {VERSION}")
    return Frame(Header(stream, parsed.seq, parsed.first_held), Format.JSON, bytes(parsed.body))


def trusted_body(frame: Frame) -> bytes:
    """Return the body, or raise `MessageError` with the damage."""
    if frame.damage is not None:
        raise MessageError(frame.damage)
    return frame.body
