"""Every binary message of the LLRP Tool Kit's tests equals its XML twin, and encodes back to the same bytes."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wire.llrp.codec import decode, encode
from wire.llrp.framer import Framer
from wire.llrp.message import Bits, Node, Parameter, Value
from wire.llrp.tables import MESSAGES, PARAMETERS

if TYPE_CHECKING:
    from wire.llrp.tables import Field

DATA = Path(__file__).parents[2] / "data" / "llrp" / "ltk-java"
BINARIES = sorted(DATA.glob("*.bin"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _name(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _value(field: Field, text: str) -> Value:  # noqa: PLR0911 - one return per kind of field
    """Read one value as the tool kit writes it."""
    if field.enumeration is not None:
        return field.enumeration[text]
    if field.kind == "u2":  # the Java tool kit writes two-bit fields backwards: see SOURCES.md beside the data
        return int(f"{int(text):02b}"[::-1], 2)
    if field.name == "Microseconds":  # an instant with any offset
        return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
    if field.kind == "u1v":
        octets = bytes.fromhex(text)
        return Bits(8 * len(octets), octets)
    if field.kind in {"u96", "u8v", "bytesToEnd"}:
        return bytes.fromhex(text)
    if field.name == "WriteData":  # words in hex, all other lists in decimal
        return struct.unpack(f">{len(text.split())}H", bytes.fromhex(text))
    if field.kind.endswith("v"):
        return tuple(int(word) for word in text.split())
    return int(text)


def _node(element: ET.Element) -> tuple[dict[str, Value], tuple[Parameter, ...]]:
    """Read fields and parameters of one XML element by our own tables."""
    definition = MESSAGES.get(_name(element)) or PARAMETERS[_name(element)]
    fields = {field.name: field for field in definition.named_fields}
    values: dict[str, Value] = {}
    parameters = []
    for child in element:
        name = _name(child)
        if name in fields and len(child) == 0:
            values[name] = _value(fields[name], child.text or "")
        else:
            parameters.append(Parameter(name, *_node(child)))
    return values, tuple(parameters)


def test_all_thirteen_are_there() -> None:
    assert len(BINARIES) == 13


@pytest.mark.parametrize("path", BINARIES, ids=lambda path: path.stem)
def test_a_binary_equals_its_twin(path: Path) -> None:
    octets = path.read_bytes()
    [raw] = Framer().feed(octets)
    message = decode(raw)
    assert encode(message) == octets
    twin = ET.parse(path.with_suffix(".xml")).getroot()
    assert message.message_id == int(twin.attrib["MessageID"])
    assert message.version == int(twin.attrib["Version"])
    fields, parameters = _node(twin)
    if _name(twin) == "CUSTOM_MESSAGE":  # the twin is generic; Impinj's table takes ours further
        assert message.name.startswith("IMPINJ_")
        vendor, subtype = struct.unpack_from(">IB", raw.body)
        assert fields == {"VendorIdentifier": vendor, "MessageSubtype": subtype, "Data": raw.body[5:]}
        return
    expected: Node = type(message)(_name(twin), fields, parameters, message.message_id, message.version)
    assert message == expected
