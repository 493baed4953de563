"""LLRP values: messages and parameters as small immutable trees, navigable by name.

A `Message` has fields and parameters, a `Parameter` has fields and parameters. Field values by wire kind:

=====================  ==========================================================
u1 without a list      ``bool``
u1, u2, u8, u16, s8..  ``int``; the standard's enumerator (`IntEnum`) where one is defined and known
u96, u8v, bytesToEnd   ``bytes``
u16v, u32v, s8v ...    ``tuple[int, ...]``
u1v                    `Bits` (a length in bits, and bytes)
utf8v                  ``str``
=====================  ==========================================================

What the tables do not know is kept, never lost: an unknown TLV is ``Parameter("Unknown", {"Type", "Data"})``, an
unknown TV together with the rest of its enclosing parameter ``Parameter("UnknownTV", {"Type", "Data"})``, a vendor's
parameter without a table entry ``Parameter("Custom", {"VendorIdentifier", "ParameterSubtype", "Data"})``, an
unknown message ``Message("Unknown", {"Type", "Data"})``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from wire.llrp.errors import MissingParameter

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bits(NamedTuple):
    """A bit string (LLRP u1v): `length` in bits, `data` left-aligned, padded with zero bits to whole bytes."""

    length: int
    data: bytes


Value: TypeAlias = int | str | bytes | tuple[int, ...] | Bits
"""What a field can hold (``bool`` and `IntEnum` are ints)."""


class Node(msgspec.Struct, frozen=True):
    """What messages and parameters share: a name, fields, child parameters, and ways to find things."""

    name: str
    fields: Mapping[str, Value] = {}
    parameters: tuple[Parameter, ...] = ()

    def __getitem__(self, field: str) -> Value:
        """Return a field's value; `MissingParameter` if there is none of that name."""
        try:
            return self.fields[field]
        except KeyError:
            raise MissingParameter(f"no field {field!r}, fields are {sorted(self.fields)}", path=self.name) from None

    def number(self, field: str) -> int:
        """Return a field that is a number, an enumerator or a flag; `MissingParameter` if it is not."""
        value = self[field]
        if isinstance(value, int):
            return value
        raise self._mistyped(field, value, "a number")

    def text(self, field: str) -> str:
        """Return a field that is text; `MissingParameter` if it is not."""
        value = self[field]
        if isinstance(value, str):
            return value
        raise self._mistyped(field, value, "text")

    def octets(self, field: str) -> bytes:
        """Return a field that is bytes (a `Bits` gives its bytes); `MissingParameter` if it is not."""
        value = self[field]
        if isinstance(value, Bits):
            return value.data
        if isinstance(value, bytes):
            return value
        raise self._mistyped(field, value, "bytes")

    def numbers(self, field: str) -> tuple[int, ...]:
        """Return a field that is a list of numbers (bytes give theirs); `MissingParameter` if it is not."""
        value = self[field]
        if isinstance(value, bytes):
            return tuple(value)
        if isinstance(value, tuple) and not isinstance(value, Bits):
            return value
        raise self._mistyped(field, value, "a list of numbers")

    def first(self, name: str) -> Parameter | None:
        """Return the first child of that name, or None."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        return None

    def one(self, name: str) -> Parameter:
        """Return the first child of that name; `MissingParameter` if there is none."""
        found = self.first(name)
        if found is None:
            raise MissingParameter(f"no parameter {name!r}", path=self.name)
        return found

    def all(self, name: str) -> list[Parameter]:
        """Return the children of that name, in wire order."""
        return [parameter for parameter in self.parameters if parameter.name == name]

    def find(self, path: str) -> Parameter | None:
        """Follow ``"A/B/C"`` through first children; None where the way ends."""
        node: Node | None = self
        for name in path.split("/"):
            node = node.first(name) if node is not None else None
        return node if isinstance(node, Parameter) else None

    def walk(self) -> Iterator[Parameter]:
        """Yield every parameter below this node, depth first, in wire order."""
        for parameter in self.parameters:
            yield parameter
            yield from parameter.walk()

    def unknown_count(self) -> int:
        """Count what the tables did not know: unknown TLV, TV and vendor parameters below this node."""
        return sum(1 for parameter in self.walk() if parameter.name in UNKNOWN_NAMES)

    def _mistyped(self, field: str, value: Value, wanted: str) -> MissingParameter:
        return MissingParameter(f"field {field!r} is {value!r}, not {wanted}", path=self.name)


class Parameter(Node, frozen=True):
    """One LLRP parameter (TV, TLV or custom), or an opaque one of `UNKNOWN_NAMES`."""


class Message(Node, frozen=True):
    """One LLRP message with its header's id and protocol version (1 = LLRP 1.0.1, 2 = LLRP 1.1)."""

    message_id: int = 0
    version: int = 1


UNKNOWN_NAMES = frozenset({"Unknown", "UnknownTV", "Custom"})
"""Names of parameters that hold what the tables do not know."""


def param(name: str, /, *parameters: Parameter, **fields: Value) -> Parameter:
    """Build a parameter: ``param("GPITriggerValue", GPIPortNum=1, GPIEvent=True, Timeout=0)``."""
    return Parameter(name, fields, parameters)


def message(name: str, message_id: int, /, *parameters: Parameter, version: int = 1, **fields: Value) -> Message:
    """Build a message: ``message("ENABLE_ROSPEC", 7, ROSpecID=1)``."""
    return Message(name, fields, parameters, message_id, version)
