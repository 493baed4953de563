"""The two checksums of the module families, both 16 bits and begun with ones.

`crc_shifted`: ThingMagic. Polynomial 0x1021, highest bit first, the message's bits shifted in at the low end and no
zeros after them; so it is not the CCITT checksum that it looks like.
`crc_reflected`: Chafon. Polynomial 0x8408 (0x1021 reversed), lowest bit first; of a frame with its checksum it
is 0.
"""

from typing import Final

_BEGIN: Final = 0xFFFF


def _forward(index: int) -> int:
    crc = index << 8
    for _ in range(8):
        crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
    return crc & 0xFFFF


def _backward(index: int) -> int:
    crc = index
    for _ in range(8):
        crc = (crc >> 1) ^ (0x8408 if crc & 1 else 0)
    return crc


_FORWARD: Final = tuple(_forward(index) for index in range(256))
_BACKWARD: Final = tuple(_backward(index) for index in range(256))


def crc_shifted(data: bytes) -> int:
    """Return ThingMagic's checksum of length byte to last data byte."""
    crc = _BEGIN
    for byte in data:
        crc = ((crc << 8) & 0xFFFF | byte) ^ _FORWARD[crc >> 8]
    return crc


def crc_reflected(data: bytes) -> int:
    """Return Chafon's checksum of length byte to last data byte."""
    crc = _BEGIN
    for byte in data:
        crc = (crc >> 8) ^ _BACKWARD[(crc ^ byte) & 0xFF]
    return crc
