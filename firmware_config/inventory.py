"""What the devices of a fleet are: models, their firmware, which of it is known to be bad, how it is upgraded. Pure.

`models.toml` and `known_bad.toml` hold the facts; a chain may add findings of its own in a file of the second's shape.
Versions are compared number by number: 7.10.2 is newer than 7.6. What is no number (a build's letters) sorts before
numbers, so that 5.14.0.rc1 is older than 5.14.0.240.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from firmware_config.errors import ProfileError
from firmware_config.region import region_of_standard
from firmware_config.render import Mode, ReaderFacts
from firmware_config.vendors import IMPINJ

_Text = Annotated[str, Meta(max_length=500)]
_Version = Annotated[str, Meta(max_length=100)]
_IMPINJ_AUTOMATIC: Final = 1_000
"""Impinj numbers the modes that choose by themselves from 1000 on."""
KNOWN_BAD_MAX: Final = 1_000
"""Entries: makers of readers publish a few versions a year."""
FILE_MAX_CHARS: Final = 1_000_000


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a real reader of a model answered when it was asked for its capabilities."""

    ports: int
    first_index: int
    lowest_dbm: float
    highest_dbm: float
    step_db: float
    hop_tables: tuple[int, ...]
    standard: int
    modes: tuple[tuple[int, int, int], ...]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model of a device."""

    id: str
    vendor: str
    model: str
    names: tuple[str, ...]
    profiles: str
    llrp: tuple[tuple[int, int], ...] = ()
    upgrade: tuple[str, ...] = ()
    tables: Tables | None = None


class KnownBad(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"first": "from"}):
    """Versions of a model's firmware that are known to be bad, and who says so."""

    vendor: Annotated[str, Meta(min_length=1, max_length=100)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    source: Annotated[str, Meta(min_length=1, max_length=500)]
    model: _Version = ""
    first: _Version = ""
    below: _Version = ""
    upgrade_to: _Version = ""

    def is_of(self, vendor: str, model: str, firmware: str) -> bool:
        """Return whether a device's firmware is among these."""
        if vendor.casefold() != self.vendor.casefold() or not model.casefold().startswith(self.model.casefold()):
            return False
        version = version_key(firmware)
        if not version or (self.first and version < version_key(self.first)):
            return False
        return not self.below or version < version_key(self.below)

    def __str__(self) -> str:
        mend = f"; upgrade to {self.upgrade_to}" if self.upgrade_to else ""
        return f"{self.reason} ({self.source}){mend}"


class _KnownBadFile(msgspec.Struct, forbid_unknown_fields=True):
    firmware: Annotated[tuple[KnownBad, ...], Meta(max_length=KNOWN_BAD_MAX)] = ()


# -- models


@cache
def models() -> tuple[Model, ...]:
    """Return all models that we know, in the file's order."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(_package_file("models.toml"))
    found = []
    for identifier, table in tables.items():
        below = tables.get(table.pop("same_as", ""), {})
        merged = {"upgrade": below.get("upgrade", []), **table}
        if "tables" in table:
            merged["tables"] = below.get("tables", {}) | table["tables"]
        found.append(msgspec.convert({"id": identifier, **merged}, Model))
    return tuple(found)


def model_named(identifier: str) -> Model:
    """Return a model by its id, such as `impinj-r420`. Raises `ProfileError`."""
    for model in models():
        if model.id == identifier:
            return model
    raise ProfileError(
        f"model {identifier!r}: there is none of this name; there are {', '.join(m.id for m in models())}"
    )


def model_name(vendor: int, number: int) -> tuple[str, str]:
    """Return vendor and model in words for LLRP's numbers; the numbers themselves where we do not know them."""
    for model in models():
        if (vendor, number) in model.llrp:
            return model.vendor, model.model
    vendors = {pen: model.vendor for model in models() for pen, _ in model.llrp}
    return vendors.get(vendor, str(vendor)), str(number)


def model_of(vendor: str, model: str) -> Model | None:
    """Return the model that a device says it is, in words or in LLRP's numbers; None where we do not know it."""
    said = " ".join(model.casefold().split())
    maker = vendor.casefold()
    for known in models():
        if maker and maker != known.vendor.casefold() and not _is_pen(maker, known):
            continue
        if said == known.model.casefold() or any(said == str(number) for _, number in known.llrp):
            return known
    matches = [
        known
        for known in models()
        if (not maker or maker == known.vendor.casefold()) and any(said.startswith(name) for name in known.names)
    ]
    return max(matches, key=lambda known: max(len(n) for n in known.names if said.startswith(n)), default=None)


def _is_pen(maker: str, model: Model) -> bool:
    return any(maker == str(pen) for pen, _ in model.llrp)


def recorded_facts(model: Model) -> ReaderFacts:
    """Return what a real reader of a model answered. Raises `ProfileError` where none was recorded."""
    if model.tables is None:
        with_tables = ", ".join(known.id for known in models() if known.tables is not None)
        raise ProfileError(
            f"model {model.id!r}: its tables were never recorded; a reader's own are read when it connects. "
            f"There are those of {with_tables}"
        )
    tables = model.tables
    steps = round((tables.highest_dbm - tables.lowest_dbm) / tables.step_db) + 1
    pen = model.llrp[0][0]
    return ReaderFacts(
        vendor=pen,
        ports=tables.ports,
        power_cdbm={
            tables.first_index + step: round((tables.lowest_dbm + step * tables.step_db) * 100) for step in range(steps)
        },
        modes=tuple(
            Mode(identifier, miller, bdr_hz, automatic=pen == IMPINJ and identifier >= _IMPINJ_AUTOMATIC)
            for identifier, miller, bdr_hz in tables.modes
        ),
        hop_tables=tables.hop_tables,
        region=region_of_standard(tables.standard),
    )


def upgrade_steps(vendor: str, model: str) -> tuple[str, ...]:
    """Return what a person does to upgrade such a device, step by step; never empty."""
    known = model_of(vendor, model)
    if known is not None and known.upgrade:
        return known.upgrade
    return ("This model is not known here: its maker's manual says how its firmware is upgraded",)


# -- firmware


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return a version as something that sorts: numbers by size, letters before numbers."""
    parts = re.findall(r"\d+|[A-Za-z]+", version)
    key = [(1, int(part), "") if part.isdigit() else (0, 0, part.casefold()) for part in parts[:16]]
    while key and key[-1] == (1, 0, ""):  # 7.6 and 7.6.0 are one version
        key.pop()
    return tuple(key)


@cache
def shipped_known_bad() -> tuple[KnownBad, ...]:
    """Return the entries that come with this package."""
    return parse_known_bad(_package_file("known_bad.toml"), "known_bad.toml")


def parse_known_bad(text: str, file: str) -> tuple[KnownBad, ...]:
    """Parse a file of bad versions. Raises `ProfileError` with the place."""
    if len(text) > FILE_MAX_CHARS:
        raise ProfileError(f"{file}: {len(text)} characters: at most {FILE_MAX_CHARS}")
    try:
        return msgspec.convert(tomllib.loads(text), _KnownBadFile).firmware
    except (ValueError, RecursionError) as error:
        raise ProfileError(f"{file}: {error}") from error


def known_bad(vendor: str, model: str, firmware: str, own: Sequence[KnownBad] = ()) -> tuple[KnownBad, ...]:
    """Return what is known against a device's firmware; empty: nothing, or it does not say which it has.

    Vendor and model as the device says them, in words or in LLRP's numbers. `own`: a chain's own findings.
    """
    known = model_of(vendor, model)
    maker, name = (known.vendor, known.model) if known is not None else (vendor, model)
    return tuple(entry for entry in (*shipped_known_bad(), *own) if entry.is_of(maker, name, firmware))


def _package_file(name: str) -> str:
    return (files("firmware_config") / name).read_text(encoding="utf-8")
