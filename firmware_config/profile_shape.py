"""The shape of a profile's table: which keys may stand where, of which type, in which range, and which go together.

Every key is checked by itself, so that one look shows all that is to be mended, each with what may stand there.
"""

import re
import reprlib
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.inspect import (
    EnumType,
    FloatType,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from firmware_config.intent import ModeKind, Purpose, Search

KEEPALIVE_MIN_MS: Final = 500
"""Below this a busy reader's own pauses look like a lost link (the watchdog waits 2.5 of them)."""
KEEPALIVE_MAX_MS: Final = 60_000
"""Beyond a minute a dead reader stays unnoticed longer than any stock promise may last."""
POWER_MIN_DBM: Final = 0.0
POWER_MAX_DBM: Final = 36.0
"""No region allows a reader port more conducted power than 36 dBm."""
DWELL_MIN_MS: Final = 50
"""A round of thirty tags takes about as long; a shorter turn ends before anything was read."""
DWELL_MAX_MS: Final = 60_000
CYCLE_MIN_S: Final = 0.1
"""Shorter than one round of a few hundred tags: a reader would start and stop and read nothing."""
CYCLE_MAX_S: Final = 3_600.0
GPI_MAX: Final = 32
SETUP_MAX: Final = 20
"""Steps that a person does at a scanner; a manual with more has chapters."""

Vendor = Literal["any", "impinj", "zebra", "thingmagic", "chafon"]
ScannerVendor = Literal["any", "zebra", "honeywell", "datalogic", "opticon"]
Suffix = Literal["auto", "none", "cr", "lf", "crlf", "tab", "etx"]
_Seconds = Annotated[float, Meta(ge=0, le=CYCLE_MAX_S)]
_Title = Annotated[str, Meta(min_length=1, max_length=200)]


class IntentShape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The section of one purpose."""

    session: Annotated[int, Meta(ge=0, le=3)]
    search: Search
    mode_kind: ModeKind
    mode_ids: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**32 - 1)], ...], Meta(max_length=32)] = ()
    population: Annotated[int, Meta(ge=1, le=65_535)] = 32
    power_dbm: Annotated[float, Meta(ge=POWER_MIN_DBM, le=POWER_MAX_DBM)] | None = None
    dwell_ms: Annotated[int, Meta(ge=0, le=DWELL_MAX_MS)] = 0
    on_s: _Seconds = 0.0
    off_s: _Seconds = 0.0
    gpi_port: Annotated[int, Meta(ge=0, le=GPI_MAX)] = 0
    gpi_level: Literal["high", "low"] = "high"
    gpi_timeout_s: _Seconds = 0.0
    air_filter: Literal["none", "sgtin", "prefix"] = "none"


class ReaderShape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A profile of readers."""

    title: _Title
    purpose: Purpose
    stock: IntentShape
    shelf: IntentShape
    portal: IntentShape
    fitting_room: IntentShape
    checkout: IntentShape | None = None
    kind: Literal["reader"] = "reader"
    vendor: Vendor = "any"
    keepalive_ms: Annotated[int, Meta(ge=KEEPALIVE_MIN_MS, le=KEEPALIVE_MAX_MS)] = 5_000
    report_every_tags: Annotated[int, Meta(ge=1, le=65_535)] = 1


class ScannerShape(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A profile of barcode scanners; 0 and empty: the driver's own default."""

    kind: Literal["scanner"]
    title: _Title
    interface: Literal["usb_cdc", "rs232"]
    vendor: ScannerVendor = "any"
    aim_ids: bool = True
    suffix: Suffix = "auto"
    prefix: Annotated[str, Meta(max_length=16)] = ""
    baud: Annotated[int, Meta(ge=0, le=4_000_000)] = 0
    idle_ms: Annotated[int, Meta(ge=0, le=2_000)] = 0
    group_separator: Annotated[str, Meta(max_length=4)] = ""
    setup: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=300)], ...], Meta(max_length=SETUP_MAX)] = ()


Shape = ReaderShape | ScannerShape
Found = list[tuple[str, str]]
"""(key, message) of what is to be mended."""


def shape_of(table: dict[str, Any]) -> tuple[Shape | None, Found]:
    """Return a profile's table as its shape, or None and all that is to be mended."""
    found: Found = []
    kind = table.get("kind", "reader")
    if kind not in ("reader", "scanner"):
        return None, [("kind", f"{reprlib.repr(kind)}, expected one of reader, scanner")]
    shape: type[Shape] = ScannerShape if kind == "scanner" else ReaderShape
    _check(shape, table, "", found)
    if found:
        return None, found
    made = msgspec.convert(table, shape)
    _senseless(made, found)
    return (None, found) if found else (made, found)


def _check(kind: type[msgspec.Struct], table: dict[str, Any], prefix: str, found: Found) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key in table:
        if key not in fields:
            near = get_close_matches(str(key), fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"
            found.append((f"{prefix}{key}", f"unknown key; {hint}"))
    for name, field in fields.items():
        section = _section(field.type)
        if name not in table:
            if field.required:
                expected = "a section" if section else expectation(field.type)
                found.append((f"{prefix}{name}", f"missing, expected {expected}"))
        elif section is None:
            _check_value(field.type, table[name], f"{prefix}{name}", found)
        elif isinstance(table[name], dict):
            _check(section, table[name], f"{prefix}{name}.", found)
        else:
            found.append((f"{prefix}{name}", f"{reprlib.repr(table[name])}, expected a section: [{name}]"))


def _section(kind: Any) -> type[msgspec.Struct] | None:
    return IntentShape if kind in (IntentShape, IntentShape | None) else None


_AT: Final = re.compile(r" - at `\$(?P<path>\[\d+\])`$")


def _check_value(kind: Any, value: object, key: str, found: Found) -> None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        place = _AT.search(str(error))
        if place and isinstance(value, list):
            key, value = f"{key}{place['path']}", value[int(place["path"][1:-1])]
        found.append((key, f"{reprlib.repr(value)}, expected {expectation(kind, item=bool(place))}"))


def expectation(kind: Any, *, item: bool = False) -> str:
    """Return in words what a key may hold, such as `a whole number from 0 to 3`. `item`: what its list may hold."""
    info = type_info(kind)
    if item and isinstance(info, VarTupleType):
        info = info.item_type
    return _words(info)


def _words(info: Type) -> str:
    words = "true or false"
    match info:
        case UnionType():
            words = " or ".join(_words(one) for one in info.types if not isinstance(one, NoneType))
        case IntType():
            words = f"a whole number from {info.ge} to {info.le}"
        case FloatType():
            words = f"a number from {info.ge:g} to {info.le:g}"
        case EnumType():
            words = f"one of {', '.join(str(one.value) for one in info.cls)}"
        case LiteralType():
            words = f"one of {', '.join(sorted(map(str, info.values)))}"
        case VarTupleType():
            words = f"a list of at most {info.max_length}, each {_words(info.item_type)}"
        case StrType():
            words = f"a text of {info.min_length or 0} to {info.max_length} characters"
    return words


def _senseless(shape: Shape, found: Found) -> None:
    """Find what is right key by key and wrong together."""
    if isinstance(shape, ScannerShape):
        if 0 < shape.baud < 300:
            found.append(("baud", f"{shape.baud}, expected 300 to 4000000, or 0: as the driver has it"))
        if 0 < shape.idle_ms < 10:
            found.append(("idle_ms", f"{shape.idle_ms}, expected 10 to 2000, or 0: as the driver has it"))
        return
    for purpose in Purpose:
        intent: IntentShape | None = getattr(shape, purpose.value)
        if intent is None:
            if shape.purpose is purpose:
                found.append(("purpose", f"{purpose.value!r}, expected a section [{purpose.value}] for it"))
            continue
        _senseless_intent(intent, purpose.value, found)


def _senseless_intent(intent: IntentShape, section: str, found: Found) -> None:
    def wrong(key: str, message: str) -> None:
        found.append((f"{section}.{key}", message))

    if 0 < intent.dwell_ms < DWELL_MIN_MS:
        wrong("dwell_ms", f"{intent.dwell_ms}, expected {DWELL_MIN_MS} to {DWELL_MAX_MS}, or 0: the reader's own")
    for key in ("on_s", "off_s", "gpi_timeout_s"):
        value = getattr(intent, key)
        if 0 < value < CYCLE_MIN_S:
            wrong(key, f"{value:g}, expected {CYCLE_MIN_S:g} to {CYCLE_MAX_S:g}, or 0: not asked")
    if bool(intent.on_s) != bool(intent.off_s):
        given, lacking = ("on_s", "off_s") if intent.on_s else ("off_s", "on_s")
        wrong(given, f"{getattr(intent, given):g}, expected {lacking} beside it: a duty cycle needs both")
    if intent.gpi_timeout_s and not intent.gpi_port:
        wrong("gpi_timeout_s", f"{intent.gpi_timeout_s:g}, expected gpi_port beside it")
    if intent.gpi_port and intent.on_s:
        wrong("gpi_port", f"{intent.gpi_port}, expected either an input or a duty cycle (on_s), not both")
