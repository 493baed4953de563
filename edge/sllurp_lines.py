"""What the sllurp process says to the daemon: one JSON object on each line, as typed values. Pure.

The process (`edge.sllurp_child`) shares no code with this package, so each line is checked like a stranger's.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from wire.epc import EPC_MAX_BITS
from wire.llrp.tag_report import TagReport

LINE_MAX_BYTES: Final = 1024 * 1024
"""500 tags with the longest EPCs are a tenth of it."""

_Micros = Annotated[int, Meta(ge=0, le=2**62)]
_Port = Annotated[int, Meta(ge=0, le=65_535)]
_Text = Annotated[str, Meta(max_length=2_000)]


class _Line(msgspec.Struct, frozen=True, tag_field="kind"):
    pass


class Hello(_Line, frozen=True, tag="hello"):
    """The library is loaded."""

    version: _Text


class Time(_Line, frozen=True, tag="time"):
    """The reader's greeting carries its time."""

    device_us: _Micros
    uptime: bool


class Settings(_Line, frozen=True, tag="settings"):
    """The reader was told to inventory, with this power (0.01 dBm by port) and mode."""

    power_cdbm: dict[int, Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)]]
    mode: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None


class Up(_Line, frozen=True, tag="up"):
    """It inventories, and something came after that."""


class Heard(_Line, frozen=True, tag="heard"):
    """A message came that says nothing but that the reader lives."""


class Beat(_Line, frozen=True, tag="beat"):
    """The process lives."""


class Tags(_Line, frozen=True, tag="tags"):
    """Tag reports: EPC in hexadecimal, its bits, port, dBm, first and last time, count, whether times are uptime."""

    rows: list[
        tuple[
            Annotated[str, Meta(max_length=EPC_MAX_BITS // 4)],
            Annotated[int, Meta(ge=1, le=EPC_MAX_BITS)],
            _Port | None,
            Annotated[int, Meta(ge=-128, le=127)] | None,
            _Micros | None,
            _Micros | None,
            Annotated[int, Meta(ge=0, le=65_535)] | None,
            bool,
        ]
    ]

    def reports(self) -> list[TagReport]:
        """Return the reports. Raises `ValueError` for an EPC that is none."""
        reports = []
        for epc, bits, port, rssi_dbm, first_us, last_us, count, uptime in self.rows:
            data = bytes.fromhex(epc)
            if len(data) != (bits + 7) // 8:
                raise ValueError(f"an EPC of {len(data)} bytes for {bits} bits")
            rssi_cdbm = None if rssi_dbm is None else 100 * rssi_dbm
            reports.append(TagReport(data, bits, port, rssi_cdbm, first_us, last_us, uptime, count))
        return reports


class Event(_Line, frozen=True, tag="event"):
    """Something that the reader told."""

    what: Literal["antenna_up", "antenna_down", "gpi", "reader_overflow", "reader_buffer", "reader_exception", "rival"]
    port: _Port | None = None
    detail: _Text = ""


class Bad(_Line, frozen=True, tag="bad"):
    """Messages that sllurp could not decode."""

    count: Annotated[int, Meta(ge=1, le=1_000_000)]
    problem: _Text


class Refused(_Line, frozen=True, tag="refused"):
    """The reader lets us not in. The process ends."""

    reason: _Text


class Lost(_Line, frozen=True, tag="lost"):
    """The session is over. The process ends."""

    reason: _Text


class Left(_Line, frozen=True, tag="left"):
    """The session ended as it was told to. The process ends."""


Line: TypeAlias = Hello | Time | Settings | Up | Heard | Beat | Tags | Event | Bad | Refused | Lost | Left

_lines: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)


def parse_line(data: bytes) -> Line:
    """Return what a line says. Raises `ValueError` for one that is none."""
    try:
        return _lines.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not a line of the sllurp process: {type(error).__name__}") from error
