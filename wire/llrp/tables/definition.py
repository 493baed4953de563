"""What the tables say of one message or parameter, read from their compact text.

A `Definition` names a message or parameter, its type number (for a vendor's: its PEN and subtype), its fields in wire
order and its slots: which parameters it may hold, how often, in which order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from enum import IntEnum

_ENTRY: Final = re.compile(r"(\w+) (\d+)(?: since (\d))?")

BITS: Final = {
    "u1": 1,
    "u2": 2,
    "u8": 8,
    "s8": 8,
    "u16": 16,
    "s16": 16,
    "u32": 32,
    "s32": 32,
    "u64": 64,
    "u96": 96,
}
"""Width in bits of the kinds whose width is fixed."""

LIST_KINDS: Final = {"u1v": 1, "u8v": 8, "utf8v": 8, "u16v": 16, "u32v": 32, "bytesToEnd": 8}
"""Kinds of no fixed width, with the width of one element in bits. All but the last begin with a u16 count."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `kind` is a key of `BITS` or `LIST_KINDS`, or ``reserved`` with its width in `bits`."""

    name: str
    kind: str
    bits: int
    enumeration: type[IntEnum] | None = None

    @property
    def is_reserved(self) -> bool:
        """Reserved bits carry nothing: written as zero, ignored when read."""
        return self.kind == "reserved"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for parameters of the given names; `most` is None where any number may come."""

    names: frozenset[str]
    least: int
    most: int | None

    @property
    def label(self) -> str:
        """The names as text for messages."""
        return "|".join(sorted(self.names))


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One message or parameter of the tables. There is one of each: they are equal when they are the same.

    Attributes:
        number: type number; of a vendor's definition its subtype.
        vendor: the vendor's IANA private enterprise number, None for the standard's own.
        since: 1 = LLRP 1.0.1, 2 = LLRP 1.1.
        field_names: names of the fields that carry something.
    """

    name: str
    number: int
    is_message: bool
    vendor: int | None
    since: int
    fields: tuple[Field, ...]
    slots: tuple[Slot, ...]
    field_names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field_names", frozenset(one.name for one in self.fields if not one.is_reserved))

    @property
    def is_tv(self) -> bool:
        """TV parameters (types 1 to 127) have a one-byte header and no length (LLRP 1.0.1 section 16.2)."""
        return not self.is_message and self.vendor is None and self.number < 128

    @property
    def named_fields(self) -> tuple[Field, ...]:
        """The fields that carry something."""
        return tuple(one for one in self.fields if not one.is_reserved)


def read_definitions(
    text: str,
    *,
    is_message: bool,
    vendor: int | None,
    choices: Mapping[str, tuple[str, ...]],
    enumerations: Mapping[str, type[IntEnum]],
) -> Iterator[Definition]:
    """Yield the definitions of a table's text. Raises `ValueError` or `KeyError` if the table itself is wrong."""
    for block in re.split(r"\n(?=\w)", text.strip()):
        head, *lines = block.split("\n")
        entry = _ENTRY.fullmatch(head)
        if entry is None:
            raise ValueError(f"table entry {head!r}, expected 'Name number [since version]'")
        fields = [word for line in lines if not line.startswith("  +") for word in line.split()]
        slots = [word for line in lines if line.startswith("  +") for word in line[3:].split()]
        yield Definition(
            name=entry[1],
            number=int(entry[2]),
            is_message=is_message,
            vendor=vendor,
            since=int(entry[3] or 1),
            fields=tuple(_field(word, enumerations) for word in fields),
            slots=tuple(_slot(word, choices) for word in slots),
        )


def _field(word: str, enumerations: Mapping[str, type[IntEnum]]) -> Field:
    name, kind, *rest = word.split(":")
    if name == "_":
        return Field(name, "reserved", int(kind))
    enumeration = enumerations[rest[0]] if rest else None
    return Field(name, kind, BITS[kind] if kind in BITS else LIST_KINDS[kind], enumeration)


def _slot(word: str, choices: Mapping[str, tuple[str, ...]]) -> Slot:
    name, often = word.split(":")
    names = choices[name[1:-1]] if name.startswith("{") else (name,)
    least, most = {"1": (1, 1), "0-1": (0, 1), "0-N": (0, None), "1-N": (1, None)}[often]
    return Slot(frozenset(names), least, most)
