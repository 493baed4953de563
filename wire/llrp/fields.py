"""Reads and writes the fields of one message or parameter (LLRP 1.0.1 section 16).

Theory of operation. A definition's fields are compiled once into steps. Neighbouring fields of fixed width become one
`struct` unpack, where a run of bit fields (with its reserved bits) is one unsigned number that is shifted and masked.
A field without fixed width is a step of its own: a u16 count of elements (bits for u1v), then the elements; only
bytesToEnd takes what is left.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from wire.llrp.errors import DecodeError, EncodeError
from wire.llrp.message import Bits, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wire.llrp.tables.definition import Definition, Field

_CODES: Final = {"u8": "B", "s8": "b", "u16": "H", "s16": "h", "u32": "I", "s32": "i", "u64": "Q", "u96": "12s"}
_BIT_KINDS: Final = frozenset({"u1", "u2", "reserved"})
_CARRIERS: Final = {8: "B", 16: "H", 32: "I", 64: "Q"}
_COUNT: Final = struct.Struct(">H")
_MAX_COUNT: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class _Part:
    """One item of a fixed run: a whole field, or the bit fields inside one number as (field, shift, mask)."""

    field: Field | None
    bits: tuple[tuple[Field, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    layout: struct.Struct
    parts: tuple[_Part, ...]


_Step: TypeAlias = "_Run | Field"


@cache
def _steps(definition: Definition) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    codes: list[str] = []
    parts: list[_Part] = []
    bits: list[Field] = []

    def close_run() -> None:
        if parts:
            steps.append(_Run(struct.Struct(">" + "".join(codes)), tuple(parts)))
            codes.clear()
            parts.clear()

    for field in definition.fields:
        if field.kind in _BIT_KINDS:
            bits.append(field)
            width = sum(one.bits for one in bits)
            if width % 8 == 0 and width in _CARRIERS:
                codes.append(_CARRIERS[width])
                parts.append(_bit_part(bits, width))
                bits.clear()
        elif field.kind in _CODES:
            codes.append(_CODES[field.kind])
            parts.append(_Part(field))
        else:
            close_run()
            steps.append(field)
    if bits:
        raise ValueError(f"{definition.name}: bit fields end inside a byte: {[one.name for one in bits]}")
    close_run()
    return tuple(steps)


def _bit_part(bits: list[Field], width: int) -> _Part:
    shifted = []
    for field in bits:
        width -= field.bits
        if not field.is_reserved:
            shifted.append((field, width, (1 << field.bits) - 1))
    return _Part(None, tuple(shifted))


def fixed_size(definition: Definition) -> int:
    """Return the bytes of a definition whose fields all have a fixed width (every TV parameter)."""
    return sum(field.bits for field in definition.fields) // 8


def read_fields(definition: Definition, data: bytes, offset: int, end: int) -> tuple[dict[str, Value], int]:
    """Read the fields that stand at `offset`, and return them with the offset behind them.

    Raises:
        DecodeError: the fields do not fit before `end`.
    """
    fields: dict[str, Value] = {}
    for step in _steps(definition):
        if isinstance(step, _Run):
            offset = _read_run(step, data, offset, end, fields)
        else:
            fields[step.name], offset = _read_list(step, data, offset, end)
    return fields, offset


def _read_run(run: _Run, data: bytes, offset: int, end: int, fields: dict[str, Value]) -> int:
    size = run.layout.size
    if offset + size > end:
        raise DecodeError(f"{end - offset} bytes left, expected {size} for its fields", offset=offset)
    for part, value in zip(run.parts, run.layout.unpack_from(data, offset), strict=True):
        if part.field is None:
            for field, shift, mask in part.bits:
                fields[field.name] = _named(field, value >> shift & mask)
        else:
            fields[part.field.name] = _named(part.field, value)
    return offset + size


def _named(field: Field, value: int) -> Value:
    """Turn a flag into a bool and a known enumerator into its member."""
    if field.enumeration is not None:
        return field.enumeration._value2member_map_.get(value, value)  # type: ignore[return-value]
    return bool(value) if field.kind == "u1" else value


def _read_list(field: Field, data: bytes, offset: int, end: int) -> tuple[Value, int]:
    if field.kind == "bytesToEnd":
        return data[offset:end], end
    if offset + 2 > end:
        raise DecodeError(f"{end - offset} bytes left, expected the 2-byte count of {field.name}", offset=offset)
    (count,) = _COUNT.unpack_from(data, offset)
    start = offset + 2
    stop = start + (count * field.bits + 7) // 8
    if stop > end:
        problem = f"{field.name} announces {count} elements of {field.bits} bits, only {end - start} bytes left"
        raise DecodeError(problem, offset=offset)
    octets = data[start:stop]
    if field.kind == "u1v":
        return Bits(count, octets), stop
    if field.kind == "utf8v":
        return octets.decode("utf-8", errors="replace"), stop
    if field.kind == "u8v":
        return octets, stop
    return struct.unpack(f">{count}{_CODES[field.kind[:-1]]}", octets), stop


def write_fields(definition: Definition, fields: Mapping[str, Value], out: bytearray, path: str) -> None:
    """Append the fields to `out`; reserved bits are zero.

    Raises:
        EncodeError: a field is missing, unknown, of the wrong type or out of range.
    """
    if fields.keys() != definition.field_names:
        raise EncodeError(f"fields {sorted(fields)}, expected {sorted(definition.field_names)}", path=path)
    for step in _steps(definition):
        if isinstance(step, _Run):
            out += step.layout.pack(*(_carry(part, fields, path) for part in step.parts))
        else:
            out += _list_bytes(step, fields[step.name], f"{path}/{step.name}")


def _carry(part: _Part, fields: Mapping[str, Value], path: str) -> int | bytes:
    if part.field is not None:
        return _scalar(part.field, fields[part.field.name], path)
    carried = 0
    for field, shift, _ in part.bits:
        carried |= int(_scalar(field, fields[field.name], path)) << shift
    return carried


def _scalar(field: Field, value: Value, path: str) -> int | bytes:
    """Return the value as `struct` wants it, after checking type and range."""
    if field.kind == "u96":
        if not isinstance(value, bytes) or len(value) != 12:
            raise EncodeError(f"{value!r}, expected 12 bytes", path=f"{path}/{field.name}")
        return value
    least, most = value_range(field)
    if not isinstance(value, int) or not least <= value <= most:
        raise EncodeError(f"{value!r}, expected a number from {least} to {most}", path=f"{path}/{field.name}")
    return int(value)


def value_range(field: Field) -> tuple[int, int]:
    """Return the least and greatest number that a field of a number kind can carry."""
    if field.kind.startswith("s"):
        return -(1 << field.bits - 1), (1 << field.bits - 1) - 1
    return 0, (1 << field.bits) - 1


def _list_bytes(field: Field, value: Value, path: str) -> bytes:
    count, octets = _elements(field, value, path)
    if field.kind == "bytesToEnd":
        return octets
    if count > _MAX_COUNT:
        raise EncodeError(f"{count} elements, expected at most {_MAX_COUNT}", path=path)
    return _COUNT.pack(count) + octets


def _elements(field: Field, value: Value, path: str) -> tuple[int, bytes]:
    """Return how many elements a list value has, and their bytes."""
    if field.kind == "u1v":
        if isinstance(value, Bits) and value.length >= 0 and len(value.data) == (value.length + 7) // 8:
            return value.length, value.data
        raise EncodeError(f"{value!r}, expected Bits(length, that many bits as bytes)", path=path)
    if field.kind == "utf8v" and isinstance(value, str):
        try:
            octets = value.encode("utf-8")
        except UnicodeEncodeError as fault:
            raise EncodeError(f"text {value!r} is not Unicode: {fault.reason}", path=path) from fault
        return len(octets), octets
    if field.kind in {"u8v", "bytesToEnd"} and isinstance(value, bytes):
        return len(value), value
    if field.kind in {"u8v", "u16v", "u32v"} and isinstance(value, tuple) and not isinstance(value, Bits):
        return len(value), _pack_numbers(field, value, path)
    raise EncodeError(f"{value!r}, expected {_EXPECTED[field.kind]}", path=path)


_EXPECTED: Final = {
    "utf8v": "text",
    "u8v": "bytes or a tuple of numbers",
    "bytesToEnd": "bytes",
    "u16v": "a tuple of numbers",
    "u32v": "a tuple of numbers",
}


def _pack_numbers(field: Field, value: tuple[int, ...], path: str) -> bytes:
    try:
        return struct.pack(f">{len(value)}{_CODES[field.kind[:-1]]}", *value)
    except struct.error as fault:
        raise EncodeError(f"{value!r}, expected numbers of {field.bits} bits", path=path) from fault
