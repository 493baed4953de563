"""The byte layout of one TagReportData, learned once and then matched (LLRP 1.0.1 section 16.2.7.3).

Theory of operation. A reader sends thousands of tag reports of the same few shapes: same parameters, same order, same
lengths, only the values differ. `learn` walks one report's parameters by the book and writes down its shape: which
bytes are fixed (type bytes, lengths, bit counts, vendor numbers) and where the values stand. Any report whose fixed
bytes are equal has the same shape, so it can be unpacked in one stroke with the same meaning as the walk would give.
Every report is read through a layout; a shape not seen before costs one walk.
"""

from __future__ import annotations

import struct
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final

import msgspec

from wire.llrp.errors import DecodeError
from wire.llrp.fields import fixed_size
from wire.llrp.report_values import TagReport
from wire.llrp.tables import TLV_BY_TYPE, TV_BY_TYPE, impinj

if TYPE_CHECKING:
    from collections.abc import Callable

TAG_REPORT_DATA: Final = 240
_EPC_DATA: Final = 241
_CUSTOM: Final = 1023
_HEADER: Final = struct.Struct(">HH")
_CUSTOM_HEADER: Final = struct.Struct(">HHIIH")

TV_BYTES: Final = {number: fixed_size(definition) for number, definition in TV_BY_TYPE.items()}
"""Bytes after the type byte of each TV parameter."""

_TV_ROLES: Final = {
    1: ("antenna", "H"),
    2: ("first_utc", "Q"),
    3: ("first_uptime", "Q"),
    4: ("last_utc", "Q"),
    5: ("last_uptime", "Q"),
    6: ("rssi_dbm", "b"),
    7: ("channel", "H"),
    8: ("seen_count", "H"),
    9: ("rospec_id", "I"),
    10: ("inventory_parameter_spec_id", "H"),
    13: ("epc", "12s"),
    14: ("spec_index", "H"),
    16: ("access_spec_id", "I"),
}
_IMPINJ_ROLES: Final = {56: ("phase_4096", "H"), 57: ("rssi_cdbm", "h")}

REPEATED: Final = (
    "antenna",
    "peak_rssi_cdbm",
    "first_seen_us",
    "last_seen_us",
    "seen_count",
    "channel",
    "rospec_id",
    "spec_index",
    "inventory_parameter_spec_id",
    "access_spec_id",
)
"""What TagReportContentSelector governs: left out of a report, it repeats the last value."""

_TIMES: Final = frozenset({"first_seen_us", "last_seen_us"})
_NO_REPORT: Final = TagReport(b"", 0)


class Layout:
    """One shape of TagReportData.

    Attributes:
        size: bytes, header included.
        unknowns: parameters inside that the tables do not know.
    """

    __slots__ = (
        "_constant",
        "_fixed",
        "_mask",
        "_missing",
        "_pattern",
        "_pick",
        "_repeated",
        "_rssi",
        "_values",
        "size",
        "unknowns",
    )

    def __init__(self, walk: _Walk) -> None:
        self.size = walk.size
        self.unknowns = walk.unknowns
        self._mask = int.from_bytes(walk.mask)
        self._pattern = int.from_bytes(walk.pattern)
        self._fixed = [(i, walk.pattern[i : i + 1]) for i, fixed in enumerate(walk.mask) if fixed]
        places, roles = walk.places()
        self._values = struct.Struct(_format(places, walk.size))
        self._rssi = roles.index("rssi_dbm") if "rssi_dbm" in roles else None
        self._constant = (None, walk.epc_bits, walk.uptime)
        self._missing: tuple[str, ...] = ()
        self._pick = self._plan(roles, walk.uptime)
        self._repeated = _getter(self._missing)

    def _plan(self, roles: list[str], uptime: bool | None) -> Callable[[tuple[object, ...]], tuple[object, ...]]:
        """Return the getter that orders (values, [rssi], constants, repeated values) as TagReport's fields."""
        clock = "uptime" if uptime else "utc"
        source = {"first_seen_us": f"first_{clock}", "last_seen_us": f"last_{clock}"}
        available = [*roles, *(["peak_rssi_cdbm"] if self._rssi is not None else []), "none", "epc_bits", "uptime"]
        source["peak_rssi_cdbm"] = "rssi_cdbm" if "rssi_cdbm" in roles else "peak_rssi_cdbm"
        self._missing = tuple(name for name in REPEATED if source.get(name, name) not in available)
        indices = []
        for name in TagReport.__struct_fields__:
            if name in self._missing:
                indices.append(len(available) + self._missing.index(name))
            else:
                wanted = source.get(name, name)
                indices.append(available.index(wanted if wanted in available else "none"))
        return itemgetter(*indices)

    def count(self, body: bytes, offset: int, most: int) -> int:
        """Return how many reports of this shape stand in a row at `offset`; at most `most`, which must fit."""
        size = self.size
        if int.from_bytes(body[offset : offset + size]) & self._mask != self._pattern:
            return 0
        stop = offset + most * size
        for position, value in self._fixed:
            if most == 1:
                break
            column = body[offset + position : stop : size]
            most = min(most, len(column) - len(column.lstrip(value)))
        return most

    def read(self, body: bytes, offset: int, count: int, last: TagReport | None) -> list[TagReport]:
        """Read `count` reports of this shape; `last` gives the values of parameters that are left out."""
        pick = self._pick
        tail = self._tail(_NO_REPORT if last is None else last)
        rows = self._values.iter_unpack(body[offset : offset + count * self.size])
        rssi = self._rssi
        if rssi is None:
            return [TagReport(*pick(row + tail)) for row in rows]  # type: ignore[arg-type]
        return [TagReport(*pick((*row, row[rssi] * 100, *tail))) for row in rows]  # type: ignore[arg-type]

    def _tail(self, last: TagReport) -> tuple[object, ...]:
        none, epc_bits, uptime = self._constant
        if uptime is None:
            return (none, epc_bits, last.uptime, *self._repeated(last))
        if uptime != last.uptime and not _TIMES.isdisjoint(self._missing):  # a time of the other clock is none of ours
            last = msgspec.structs.replace(last, first_seen_us=None, last_seen_us=None)
        return (none, epc_bits, uptime, *self._repeated(last))


def _getter(names: tuple[str, ...]) -> Callable[[TagReport], tuple[object, ...]]:
    """Return what gets these attributes, as a tuple however many they are."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda report: tuple(getattr(report, name) for name in names)


def _format(places: list[tuple[int, str]], size: int) -> str:
    """Return a struct format that reads values at the given offsets and skips all else."""
    codes = [">"]
    at = 0
    for offset, code in places:
        codes.append(f"{offset - at}x{code}")
        at = offset + struct.calcsize(">" + code)
    return "".join([*codes, f"{size - at}x"])


class _Walk:
    """One walk over a TagReportData: fixed bytes, roles and where their values stand."""

    def __init__(self, body: bytes, start: int, stop: int) -> None:
        self._body = body
        self._start = start
        self._found: dict[str, tuple[int, str]] = {}
        self.size = stop - start
        self.mask = bytearray(self.size)
        self.pattern = bytearray(self.size)
        self.epc_bits = -1
        self.unknowns = 0
        self._fix(start, 4)
        offset = start + 4
        while offset < stop:
            offset = self._tv(offset, stop) if body[offset] & 0x80 else self._tlv(offset, stop)
        if "epc" not in self._found:
            raise DecodeError("no EPCData and no EPC_96", offset=start, path="TagReportData")

    @property
    def uptime(self) -> bool | None:
        """Which clock the times are of; None if the report has no times. UTC wins where there are both."""
        if {"first_utc", "last_utc"} & self._found.keys():
            return False
        return True if {"first_uptime", "last_uptime"} & self._found.keys() else None

    def places(self) -> tuple[list[tuple[int, str]], list[str]]:
        """Return the values' offsets and codes in wire order, and the roles in the same order."""
        found = dict(self._found)
        if "rssi_cdbm" in found:
            found.pop("rssi_dbm", None)
        ordered = sorted(found, key=lambda role: found[role][0])
        return [found[role] for role in ordered], ordered

    def _fix(self, offset: int, count: int) -> None:
        at = offset - self._start
        self.mask[at : at + count] = b"\xff" * count
        self.pattern[at : at + count] = self._body[offset : offset + count]

    def _place(self, role: str, offset: int, code: str) -> None:
        self._found.setdefault(role, (offset - self._start, code))

    def _tv(self, offset: int, stop: int) -> int:
        number = self._body[offset] & 0x7F
        self._fix(offset, 1)
        size = TV_BYTES.get(number)
        if size is None:
            self.unknowns += 1
            return stop  # no length: it takes the rest of this report with it
        if offset + 1 + size > stop:
            problem = f"{stop - offset - 1} bytes left, expected {size}"
            raise DecodeError(problem, offset=offset, path=f"TagReportData/{TV_BY_TYPE[number].name}")
        if number in _TV_ROLES:
            role, code = _TV_ROLES[number]
            if role == "epc" and "epc" not in self._found:
                self.epc_bits = 96
            self._place(role, offset + 1, code)
        return offset + 1 + size

    def _tlv(self, offset: int, stop: int) -> int:
        if offset + 4 > stop:
            problem = f"{stop - offset} bytes left, expected a 4-byte parameter header"
            raise DecodeError(problem, offset=offset, path="TagReportData")
        word: int
        length: int
        word, length = _HEADER.unpack_from(self._body, offset)
        number = word & 0x3FF
        if not 4 <= length <= stop - offset:
            problem = f"parameter type {number} has length {length}, expected 4 to {stop - offset}"
            raise DecodeError(problem, offset=offset, path="TagReportData")
        self._fix(offset, 4)
        if number == _EPC_DATA:
            self._epc_data(offset, length)
        elif number == _CUSTOM:
            self._custom(offset, length)
        elif number not in TLV_BY_TYPE:
            self.unknowns += 1
        return offset + length

    def _epc_data(self, offset: int, length: int) -> None:
        if length < 6:
            raise DecodeError(f"length {length}, expected at least 6", offset=offset, path="TagReportData/EPCData")
        self._fix(offset + 4, 2)
        bits = int.from_bytes(self._body[offset + 4 : offset + 6])
        octets = (bits + 7) // 8
        if 6 + octets > length:
            problem = f"EPC announces {bits} bits, only {length - 6} bytes left"
            raise DecodeError(problem, offset=offset, path="TagReportData/EPCData")
        if "epc" not in self._found:
            self.epc_bits = bits
        self._place("epc", offset + 6, f"{octets}s")

    def _custom(self, offset: int, length: int) -> None:
        """Take Impinj's phase and fine RSSI; either may be followed by parameters of its own."""
        if length < 12:
            self.unknowns += 1
            return
        self._fix(offset + 4, 8)
        vendor, subtype = struct.unpack_from(">II", self._body, offset + 4)
        if vendor != impinj.VENDOR or subtype not in _IMPINJ_ROLES:
            self.unknowns += 1
        elif length >= _CUSTOM_HEADER.size:
            role, code = _IMPINJ_ROLES[subtype]
            self._place(role, offset + 12, code)


def learn(body: bytes, start: int, stop: int) -> Layout:
    """Walk the TagReportData at `start` (whose length, good, ends at `stop`) and return its layout.

    Raises:
        DecodeError: a parameter inside does not fit, or there is no EPC.
    """
    return Layout(_Walk(body, start, stop))
