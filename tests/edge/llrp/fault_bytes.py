"""Reports as bytes, good ones and bad ones that no encoder would make."""

from __future__ import annotations

import struct
from typing import Final

from tests.edge.llrp.virtual_loop import START_US
from wire.llrp.codec import encode
from wire.llrp.framer import RawMessage
from wire.llrp.message import Bits, Parameter, message, param
from wire.llrp.tables import MESSAGES


def epc_of(number: int) -> bytes:
    return number.to_bytes(12)


def report(*parts: Parameter | bytes, kind: str = "RO_ACCESS_REPORT") -> bytes:
    """A message whose body is made of parameters and of bytes that nobody checks."""
    body = b"".join(part if isinstance(part, bytes) else plain(part) for part in parts)
    return RawMessage(1, MESSAGES[kind].number, 77, body).to_bytes()


def plain(parameter: Parameter) -> bytes:
    """The bytes of one parameter."""
    return encode(message("RO_ACCESS_REPORT", 1, parameter), strict=False)[10:]


def tlv(number: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">HH", number, 4 + len(body) if length is None else length) + body


def tag(number: int, port: int | None = 3, rssi: int = -47) -> Parameter:
    return param("TagReportData", *tag_parts(number, port, rssi))


def tag_parts(number: int, port: int | None, rssi: int) -> list[Parameter]:
    parts = [param("EPC_96", EPC=epc_of(number))]
    if port is not None:
        parts.append(param("AntennaID", AntennaID=port))
        parts.append(param("PeakRSSI", PeakRSSI=rssi))
    return parts


def tag_with(number: int, extra: bytes) -> bytes:
    """A tag report that ends with bytes of a test's own."""
    return tlv(240, b"".join(plain(part) for part in tag_parts(number, 3, -47)) + extra)


def long_epc(bits: int) -> bytes:
    """An EPC of any length: ones, and the last bit zero."""
    return (((1 << bits) - 2 if bits else 0) << (-bits % 8)).to_bytes((bits + 7) // 8)


def epc_data(bits: int) -> bytes:
    epc = param("EPCData", EPC=Bits(bits, long_epc(bits)))
    return report(param("TagReportData", epc, param("AntennaID", AntennaID=3)))


RF_SURVEY: Final = param(
    "RFSurveyReportData",
    param(
        "FrequencyRSSILevelEntry",
        param("UTCTimestamp", Microseconds=START_US),
        Frequency=915_000,
        Bandwidth=200,
        AverageRSSI=-80,
        PeakRSSI=-70,
    ),
)
HOPPED: Final = param(
    "ReaderEventNotificationData",
    param("UTCTimestamp", Microseconds=START_US),
    param("HoppingEvent", HopTableID=1, NextChannelIndex=2),
)
UNKNOWN_TLV: Final = tlv(700, b"\xde\xad\xbe\xef")
UNKNOWN_TV: Final = b"\xe4\x01\x02\x03"
"""Type 100, whose length nobody can know."""
VENDOR_PARAMETER: Final = tlv(1023, struct.pack(">II", 12_345, 6) + b"whatever")
GOOD: Final = report(tag(100))
