"""What the detectors are told: facts of one site at one instant, read by `gateway.exceptions.reader`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class ItemName(NamedTuple):
    """The identity of an item."""

    gtin: str
    serial: str


@dataclass(frozen=True, slots=True)
class Product:
    """What the catalogue says of a SKU; empty where it says nothing."""

    gtin: str
    style: str = ""
    colour: str = ""
    size: str = ""
    description: str = ""
    department: str = ""
    price: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.style, self.colour, self.size))) or f"GTIN {self.gtin}"


@dataclass(frozen=True, slots=True)
class Departure:
    """An item that left without a sale: from where, when, why the engine says so, and how sure it was."""

    product: Product
    serial: str
    left_us: int
    from_zone: str
    cause: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Items of one SKU in a zone of another department: serial, since when, how sure."""

    product: Product
    zone: str
    zone_department: str
    items: tuple[tuple[str, int, float | None], ...]


@dataclass(frozen=True, slots=True)
class Nameless:
    """Units of a GTIN of ours that no catalogue names: how many, and where."""

    gtin: str
    units: int
    zones: tuple[tuple[str, int], ...]
    serials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastRead:
    """An item inside a site: where it is believed to be, its newest read, when evidence named it last (0: never)."""

    name: ItemName
    zone: str
    read_us: int
    told_us: int


@dataclass(frozen=True, slots=True)
class Silence:
    """What antennas do not read, as of `now_us`: of each zone its items and those read lately, and the silent ones.

    `believed`: units of each (GTIN, zone) with silent ones. `whole`: `silent` has all those of zones that are read.
    """

    now_us: int
    zones: Mapping[str, tuple[int, int]]
    silent: tuple[LastRead, ...]
    believed: Mapping[tuple[str, str], int]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    """A zone that antennas cover: whether they look now, and since when that is so."""

    live: bool
    since_us: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """An item as one site last read it."""

    site: str
    zone: str
    read_us: int


@dataclass(frozen=True, slots=True)
class Move:
    """One movement of the ledger: `m` its number, `from_zone` and `to_zone` zones or `OUT`."""

    m: int
    name: ItemName
    from_zone: str
    to_zone: str
    at_us: int
    cause: str
