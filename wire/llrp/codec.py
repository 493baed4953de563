"""Decodes and encodes any LLRP message by the tables (LLRP 1.0.1 section 16).

Theory of operation. After its fields, a message or parameter holds parameters until its end. A first byte with bit 7
set begins a TV parameter: seven bits of type, fixed length. Anything else begins a TLV parameter: 6 reserved bits, 10
bits type, 16 bits length with header. Type 1023 is a vendor's: PEN and subtype choose its definition.

What we do not know costs as little as the framing allows. An unknown TLV is stepped over by its length and kept. An
unknown TV has no length, so it takes the rest of its enclosing parameter with it, kept too. A vendor's parameter that
does not fit its definition (firmware is newer than our table) is kept as an opaque `Custom`. Only a length that cannot
be, or fields cut short in the standard's own parameters, make the message undecodable: `DecodeError`. A report should
not even suffer that: see `wire.llrp.tag_report`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from wire.llrp.check import check
from wire.llrp.errors import DecodeError, EncodeError
from wire.llrp.fields import fixed_size, read_fields, write_fields
from wire.llrp.framer import RawMessage
from wire.llrp.limits import HEADER_BYTES, MAX_DEPTH, MAX_MESSAGE_BYTES, MAX_PARAMETERS
from wire.llrp.message import Message, Parameter, Value
from wire.llrp.tables import (
    CUSTOM_MESSAGES,
    CUSTOM_PARAMETERS,
    MESSAGES,
    MESSAGES_BY_TYPE,
    PARAMETERS,
    TLV_BY_TYPE,
    TV_BY_TYPE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wire.llrp.tables import Definition

CUSTOM_TYPE: Final = 1023
"""Type number of vendors' messages and parameters."""

_TLV_HEADER: Final = struct.Struct(">HH")
_VENDOR_PARAMETER: Final = struct.Struct(">II")
_VENDOR_MESSAGE: Final = struct.Struct(">IB")
_CUSTOM: Final = PARAMETERS["Custom"]
_MAX_TLV_BYTES: Final = 0xFFFF


def decode(raw: RawMessage) -> Message:
    """Decode one framed message of any type.

    Raises:
        DecodeError: the body breaks LLRP's rules; the stream itself is fine.
    """
    definition, start = _message_definition(raw)
    if definition is None:
        return Message("Unknown", {"Type": raw.type, "Data": raw.body}, (), raw.message_id, raw.version)
    try:
        fields, offset = read_fields(definition, raw.body, start, len(raw.body))
        parameters = _Reader(raw.body).parameters(offset, len(raw.body), 1)
    except DecodeError as fault:
        raise _within(fault, definition.name) from fault
    return Message(definition.name, fields, parameters, raw.message_id, raw.version)


def decode_parameters(body: bytes) -> tuple[Parameter, ...]:
    """Decode bytes that hold parameters only. Raises `DecodeError`."""
    return _Reader(body).parameters(0, len(body), 1)


def encode(message: Message, *, strict: bool = True) -> bytes:
    """Return the message as it goes over the wire, header included.

    Args:
        message: what to say; `Message.version` goes into the header.
        strict: refuse what the tables forbid: missing, misplaced or too many parameters, ones newer than the
            message's version, unknown ones. Without it the tree is written as it stands, in its own order.

    Raises:
        EncodeError: unknown name, wrong field, value out of range, too long, or (strict) a fault of `check`.
    """
    if strict:
        faults = check(message)
        if faults:
            raise EncodeError(faults[0].problem, path=faults[0].path)
    number, body = _message_body(message)
    if HEADER_BYTES + len(body) > MAX_MESSAGE_BYTES:
        raise EncodeError(f"{len(body)} bytes of body, expected at most {MAX_MESSAGE_BYTES}", path=message.name)
    if not (0 <= message.version <= 7 and 0 <= message.message_id <= 0xFFFFFFFF):
        raise EncodeError(f"version {message.version}, message id {message.message_id}", path=message.name)
    return RawMessage(message.version, number, message.message_id, bytes(body)).to_bytes()


def encode_parameter(parameter: Parameter) -> bytes:
    """Return one parameter's bytes, written as it stands. Raises `EncodeError`."""
    out = bytearray()
    _write_parameter(parameter, out, parameter.name, 1)
    return bytes(out)


def _message_definition(raw: RawMessage) -> tuple[Definition | None, int]:
    """Return a message's definition and where its fields begin in the body."""
    if raw.type == CUSTOM_TYPE and len(raw.body) >= _VENDOR_MESSAGE.size:
        definition = CUSTOM_MESSAGES.get(_VENDOR_MESSAGE.unpack_from(raw.body))
        if definition is not None:
            return definition, _VENDOR_MESSAGE.size
    return MESSAGES_BY_TYPE.get(raw.type), 0


def _within(fault: DecodeError, name: str) -> DecodeError:
    """Return the fault with one more step of its path."""
    return DecodeError(fault.problem, offset=fault.offset, path=f"{name}/{fault.path}" if fault.path else name)


class _Reader:
    """Reads parameters out of one body, and counts them against `MAX_PARAMETERS`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._budget = MAX_PARAMETERS

    def parameters(self, offset: int, end: int, depth: int) -> tuple[Parameter, ...]:
        if depth > MAX_DEPTH:
            raise DecodeError(f"parameters nest deeper than {MAX_DEPTH}", offset=offset)
        found: list[Parameter] = []
        while offset < end:
            self._budget -= 1
            if self._budget < 0:
                raise DecodeError(f"more than {MAX_PARAMETERS} parameters", offset=offset)
            read = self._tv if self._data[offset] & 0x80 else self._tlv
            parameter, offset = read(offset, end, depth)
            found.append(parameter)
        return tuple(found)

    def _tv(self, offset: int, end: int, _depth: int) -> tuple[Parameter, int]:
        number = self._data[offset] & 0x7F
        definition = TV_BY_TYPE.get(number)
        if definition is None:
            return Parameter("UnknownTV", {"Type": number, "Data": self._data[offset + 1 : end]}), end
        try:
            fields, offset = read_fields(definition, self._data, offset + 1, end)
        except DecodeError as fault:
            raise _within(fault, definition.name) from fault
        return Parameter(definition.name, fields), offset

    def _tlv(self, offset: int, end: int, depth: int) -> tuple[Parameter, int]:
        if offset + _TLV_HEADER.size > end:
            raise DecodeError(f"{end - offset} bytes left, expected a 4-byte parameter header", offset=offset)
        word, length = _TLV_HEADER.unpack_from(self._data, offset)
        number = word & 0x3FF
        stop = offset + length
        if length < _TLV_HEADER.size or stop > end:
            problem = f"parameter type {number} has length {length}, expected 4 to {end - offset}"
            raise DecodeError(problem, offset=offset)
        start = offset + _TLV_HEADER.size
        definition = TLV_BY_TYPE.get(number)
        if definition is None:
            return Parameter("Unknown", {"Type": number, "Data": self._data[start:stop]}), stop
        if definition is _CUSTOM:
            return self._custom(start, stop, depth), stop
        return self._known(definition, start, stop, depth), stop

    def _known(self, definition: Definition, start: int, stop: int, depth: int) -> Parameter:
        try:
            fields, offset = read_fields(definition, self._data, start, stop)
            parameters = self.parameters(offset, stop, depth + 1) if offset < stop else ()
        except DecodeError as fault:
            raise _within(fault, definition.name) from fault
        return Parameter(definition.name, fields, parameters)

    def _custom(self, start: int, stop: int, depth: int) -> Parameter:
        """Read a vendor's parameter by its definition, or keep it opaque."""
        if stop - start >= _VENDOR_PARAMETER.size:
            definition = CUSTOM_PARAMETERS.get(_VENDOR_PARAMETER.unpack_from(self._data, start))
            if definition is not None:
                try:
                    return self._known(definition, start + _VENDOR_PARAMETER.size, stop, depth)
                except DecodeError:
                    return self._known(_CUSTOM, start, stop, depth)  # counted by `Node.unknown_count`
        return self._known(_CUSTOM, start, stop, depth)


def _message_body(message: Message) -> tuple[int, bytearray]:
    """Return type number and body."""
    out = bytearray()
    if message.name == "Unknown":
        number, data = _opaque(message.fields, 0x3FF, message.name)
        return number, out + data
    definition = MESSAGES.get(message.name)
    if definition is None:
        raise EncodeError(f"no message of that name: {message.name!r}", path=message.name)
    number = definition.number
    if definition.vendor is not None:
        out += _VENDOR_MESSAGE.pack(definition.vendor, definition.number)
        number = CUSTOM_TYPE
    write_fields(definition, message.fields, out, message.name)
    for parameter in message.parameters:
        _write_parameter(parameter, out, f"{message.name}/{parameter.name}", 1)
    return number, out


def _opaque(fields: Mapping[str, Value], most: int, path: str) -> tuple[int, bytes]:
    number, data = fields.get("Type"), fields.get("Data")
    if len(fields) != 2 or not isinstance(number, int) or not 0 <= number <= most or not isinstance(data, bytes):
        raise EncodeError(f"fields {dict(fields)!r}, expected Type (0 to {most}) and Data (bytes)", path=path)
    return number, data


def _write_parameter(parameter: Parameter, out: bytearray, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EncodeError(f"parameters nest deeper than {MAX_DEPTH}", path=path)
    start = len(out)
    if parameter.name == "UnknownTV":
        number, data = _opaque(parameter.fields, 0x7F, path)
        out.append(0x80 | number)
        out += data
        return
    definition = PARAMETERS.get(parameter.name)
    if parameter.name == "Unknown":
        number, data = _opaque(parameter.fields, 0x3FF, path)
        out += _TLV_HEADER.pack(number, 0) + data
    elif definition is None:
        raise EncodeError(f"no parameter of that name: {parameter.name!r}", path=path)
    elif definition.is_tv:
        if parameter.parameters:
            raise EncodeError(f"a TV parameter of {fixed_size(definition)} bytes holds no parameters", path=path)
        out.append(0x80 | definition.number)
        write_fields(definition, parameter.fields, out, path)
        return
    else:
        out += _tlv_head(definition)
        write_fields(definition, parameter.fields, out, path)
        for child in parameter.parameters:
            _write_parameter(child, out, f"{path}/{child.name}", depth + 1)
    length = len(out) - start
    if length > _MAX_TLV_BYTES:
        raise EncodeError(f"{length} bytes, expected at most {_MAX_TLV_BYTES}", path=path)
    struct.pack_into(">H", out, start + 2, length)


def _tlv_head(definition: Definition) -> bytes:
    """Return a TLV header whose length is filled in later, with PEN and subtype for a vendor's parameter."""
    if definition.vendor is None:
        return _TLV_HEADER.pack(definition.number, 0)
    return _TLV_HEADER.pack(CUSTOM_TYPE, 0) + _VENDOR_PARAMETER.pack(definition.vendor, definition.number)
