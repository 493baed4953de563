"""Every LLRP message and parameter that we know, by name and by number.

Theory of operation. `standard` and `enumerations` are derived from the LLRP machine definitions, `impinj` and `zebra`
hold the vendors' extensions; `definition` reads their compact text. All lookups below are built once, at import.
Nothing here knows bytes: `wire.llrp.fields` and `wire.llrp.codec` do.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from wire.llrp.tables import enumerations, impinj, standard, zebra
from wire.llrp.tables.definition import Definition, Field, Slot, read_definitions

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "CUSTOM_MESSAGES",
    "CUSTOM_PARAMETERS",
    "MESSAGES",
    "MESSAGES_BY_TYPE",
    "PARAMETERS",
    "TLV_BY_TYPE",
    "TV_BY_TYPE",
    "VENDORS",
    "Definition",
    "Field",
    "Slot",
    "enumerations",
    "response_to",
]

VENDORS: Final = {impinj.VENDOR: "Impinj", zebra.VENDOR: "Zebra"}
"""Vendors with table entries, by IANA private enterprise number."""


def _enumerations(module: ModuleType) -> dict[str, type[IntEnum]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, IntEnum) and value is not IntEnum
    }


def _read(text: str, module: ModuleType, *, is_message: bool, vendor: int | None = None) -> list[Definition]:
    found = read_definitions(
        text,
        is_message=is_message,
        vendor=vendor,
        choices=standard.CHOICES,
        enumerations=_enumerations(module),
    )
    return list(found)


_STANDARD_MESSAGES = _read(standard.MESSAGES, enumerations, is_message=True)
_STANDARD_PARAMETERS = _read(standard.PARAMETERS, enumerations, is_message=False)
_VENDOR_MESSAGES = [
    *_read(impinj.MESSAGES, impinj, is_message=True, vendor=impinj.VENDOR),
    *_read(zebra.MESSAGES, zebra, is_message=True, vendor=zebra.VENDOR),
]
_VENDOR_PARAMETERS = [
    *_read(impinj.PARAMETERS, impinj, is_message=False, vendor=impinj.VENDOR),
    *_read(zebra.PARAMETERS, zebra, is_message=False, vendor=zebra.VENDOR),
]

MESSAGES: Final = {row.name: row for row in _STANDARD_MESSAGES + _VENDOR_MESSAGES}
"""Messages by name, the vendors' too."""
PARAMETERS: Final = {row.name: row for row in _STANDARD_PARAMETERS + _VENDOR_PARAMETERS}
"""Parameters by name, the vendors' too."""
MESSAGES_BY_TYPE: Final = {row.number: row for row in _STANDARD_MESSAGES}
"""The standard's messages by type number."""
TV_BY_TYPE: Final = {row.number: row for row in _STANDARD_PARAMETERS if row.is_tv}
"""TV parameters (1-127) by type number."""
TLV_BY_TYPE: Final = {row.number: row for row in _STANDARD_PARAMETERS if not row.is_tv}
"""TLV parameters (128-1023) by type number."""
CUSTOM_MESSAGES: Final = {(row.vendor, row.number): row for row in _VENDOR_MESSAGES}
"""Vendors' messages by (PEN, subtype)."""
CUSTOM_PARAMETERS: Final = {(row.vendor, row.number): row for row in _VENDOR_PARAMETERS}
"""Vendors' parameters by (PEN, subtype)."""

_RESPONSES: Final = standard.RESPONSES | impinj.RESPONSES


def response_to(request: str) -> str | None:
    """Return the name of the message that answers `request`, None if none does."""
    return _RESPONSES.get(request)
