"""Builds any message or parameter of the LLRP tables, with values at and between the bounds of every field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from wire.llrp.fields import value_range
from wire.llrp.message import Bits, Message, Parameter, Value
from wire.llrp.tables import MESSAGES, PARAMETERS

if TYPE_CHECKING:
    from random import Random

    from wire.llrp.tables import Definition, Field, Slot

SELECTOR_FLAGS = (
    "ROSpecID",
    "SpecIndex",
    "InventoryParameterSpecID",
    "AntennaID",
    "ChannelIndex",
    "PeakRSSI",
    "FirstSeenTimestamp",
    "LastSeenTimestamp",
    "TagSeenCount",
    "AccessSpecID",
)
"""What TagReportContentSelector enables, in the order of its bits."""

FULL_DEPTH = 3
"""Below this depth only parameters that must be there are built: the standard's tree is up to 8 deep."""


def _value(field: Field, random: Random) -> Value:  # noqa: PLR0911 - one return per kind of field
    if field.kind == "u96":
        return random.randbytes(12)
    if field.kind in {"u8v", "bytesToEnd"}:
        return random.randbytes(random.choice((0, 1, 7)))
    if field.kind == "utf8v":
        return random.choice(("", "5.14.0.240", "Größe 38, ½ €", "\x00"))
    if field.kind == "u1v":
        length = random.choice((0, 1, 7, 8, 9, 96, 130))
        return Bits(length, random.randbytes((length + 7) // 8))
    if field.kind.endswith("v"):
        most = (1 << field.bits) - 1
        return tuple(random.choice((0, most, random.randint(0, most))) for _ in range(random.choice((0, 1, 3))))
    least, most = value_range(field)
    value = random.choice((least, most, random.randint(least, most)))
    if field.enumeration is not None:
        return random.choice([*(int(member) for member in field.enumeration), value])
    return bool(value) if field.kind == "u1" else value


def _count(slot: Slot, depth: int, random: Random) -> int:
    if depth >= FULL_DEPTH:
        return slot.least
    most = slot.most if slot.most is not None else slot.least + 2
    return random.randint(slot.least, most)


def _children(definition: Definition, depth: int, random: Random) -> tuple[Parameter, ...]:
    return tuple(
        parameter_of(PARAMETERS[random.choice(sorted(slot.names))], random, depth + 1)
        for slot in definition.slots
        for _ in range(_count(slot, depth, random))
    )


def _fields(definition: Definition, random: Random) -> dict[str, Value]:
    fields = {field.name: _value(field, random) for field in definition.named_fields}
    if definition.name in {"Custom", "CUSTOM_MESSAGE"}:
        fields["VendorIdentifier"] = random.choice((0, 1, 0xFFFFFFFF))  # a vendor without a table stays opaque
    return fields


def parameter_of(definition: Definition, random: Random, depth: int = 0) -> Parameter:
    return Parameter(definition.name, _fields(definition, random), _children(definition, depth, random))


def message_of(definition: Definition, random: Random) -> Message:
    return Message(
        definition.name,
        _fields(definition, random),
        _children(definition, 0, random),
        random.choice((0, 1, 0xFFFFFFFF)),
        2,
    )


def parameters(name: str) -> st.SearchStrategy[Parameter]:
    return st.randoms(use_true_random=False).map(lambda random: parameter_of(PARAMETERS[name], random))


def messages(name: str) -> st.SearchStrategy[Message]:
    return st.randoms(use_true_random=False).map(lambda random: message_of(MESSAGES[name], random))


any_message = st.sampled_from(sorted(MESSAGES)).flatmap(messages)
