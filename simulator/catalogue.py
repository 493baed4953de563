"""A catalogue for a simulated chain: styles, colours, sizes, departments, prices, with GTIN-14s under its own prefixes.

A product is one GTIN = style + colour + size. Every style hangs at one place in the store, in all of its sizes; middle
sizes are bought deeper than the ends of the run, as buyers do.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TextIO

import numpy as np

from simulator.errors import CatalogueError
from wire.gs1.check_digit import check_digit

DEFAULT_PREFIX: Final = "9506000"
"""A GS1 company prefix that is meant for examples."""

APPAREL: Final = (("XS", 0.10), ("S", 0.22), ("M", 0.28), ("L", 0.22), ("XL", 0.12), ("XXL", 0.06))
KIDS: Final = (("98", 0.14), ("104", 0.17), ("110", 0.19), ("116", 0.19), ("122", 0.17), ("128", 0.14))
JEANS: Final = (("28/32", 0.1), ("30/32", 0.18), ("31/32", 0.18), ("32/32", 0.2), ("33/32", 0.16), ("34/34", 0.18))
SHOES_WOMEN: Final = (("36", 0.10), ("37", 0.18), ("38", 0.24), ("39", 0.24), ("40", 0.16), ("41", 0.08))
SHOES_MEN: Final = (("40", 0.08), ("41", 0.14), ("42", 0.22), ("43", 0.24), ("44", 0.18), ("45", 0.14))
ONE_SIZE: Final = (("OS", 1.0),)

Sizes = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of garment: its name, where its price lies (in cents), and its run of sizes with their shares."""

    name: str
    price_cents: int
    sizes: Sizes


GARMENTS: Final[dict[str, tuple[Kind, ...]]] = {
    "women": (
        Kind("Linen shirt", 4_990, APPAREL),
        Kind("Wrap dress", 7_990, APPAREL),
        Kind("Rib knit jumper", 5_990, APPAREL),
        Kind("Pleated skirt", 5_490, APPAREL),
        Kind("Straight jeans", 6_990, JEANS),
        Kind("Wool coat", 17_990, APPAREL),
        Kind("Jersey top", 1_990, APPAREL),
        Kind("Blazer", 11_990, APPAREL),
    ),
    "men": (
        Kind("Oxford shirt", 5_490, APPAREL),
        Kind("Crew neck T-shirt", 1_790, APPAREL),
        Kind("Chino", 5_990, JEANS),
        Kind("Slim jeans", 7_490, JEANS),
        Kind("Merino jumper", 6_990, APPAREL),
        Kind("Hooded sweatshirt", 4_990, APPAREL),
        Kind("Rain jacket", 12_990, APPAREL),
        Kind("Polo shirt", 3_490, APPAREL),
    ),
    "kids": (
        Kind("Striped T-shirt", 1_290, KIDS),
        Kind("Denim dungarees", 3_490, KIDS),
        Kind("Fleece jacket", 2_990, KIDS),
        Kind("Printed leggings", 1_490, KIDS),
        Kind("Quilted vest", 3_290, KIDS),
        Kind("Pyjamas", 2_490, KIDS),
    ),
    "shoes": (
        Kind("Canvas sneaker", 5_990, SHOES_WOMEN),
        Kind("Leather sneaker", 9_990, SHOES_MEN),
        Kind("Chelsea boot", 12_990, SHOES_WOMEN),
        Kind("Derby shoe", 11_990, SHOES_MEN),
        Kind("Running shoe", 8_990, SHOES_MEN),
        Kind("Ballerina", 4_990, SHOES_WOMEN),
    ),
    "accessories": (
        Kind("Leather belt", 3_990, ONE_SIZE),
        Kind("Wool scarf", 2_990, ONE_SIZE),
        Kind("Shoulder bag", 8_990, ONE_SIZE),
        Kind("Cap", 1_990, ONE_SIZE),
    ),
}

ALIASES: Final = {"woman": "women", "ladies": "women", "man": "men", "mens": "men", "children": "kids", "boys": "kids"}
DEFAULT_DEPARTMENTS: Final = ("women", "men", "kids", "shoes", "accessories")
COLOURS: Final = ("black", "white", "navy", "sand", "olive", "rust", "sky", "rose", "grey", "ecru", "berry", "forest")
PER_SIZE: Final = 6
"""Pieces of one size in a store, on average."""

COMPANY_PREFIX_MIN: Final = 6
"""SGTIN-96 splits a GTIN after 6 to 12 digits (TDS section 14.6.1.1): a shorter prefix owns all that follow it."""


@dataclass(frozen=True, slots=True)
class Product:
    """One GTIN. A garment's colours and sizes share its `style`; each colour hangs at its own place, `fixture`."""

    gtin: str
    style: str
    colour: str
    size: str
    description: str
    department: str
    min_floor: int
    max_floor: int
    price_cents: int
    fixture: int
    company_prefix_length: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products, and how many pieces of each the store has (`pieces[i]` of `products[i]`)."""

    products: tuple[Product, ...]
    pieces: tuple[int, ...]
    fixtures: int


def make_catalogue(
    items: int, rng: np.random.Generator, *, prefixes: tuple[str, ...] = (), departments: tuple[str, ...] = ()
) -> Catalogue:
    """Make products for a store of `items` pieces: about one GTIN for six of them.

    `departments` are the names that the site file gives its zones; unknown names sell all kinds of goods. Deterministic
    for a generator's state. Raises `CatalogueError`.
    """
    if items < 1:
        raise CatalogueError(f"{items} items: expected at least 1")
    numbers = _gtins(prefixes or (DEFAULT_PREFIX,))
    products: list[Product] = []
    pieces: list[int] = []
    fixture = left = 0
    for fixture, (style, department, kind, colour) in enumerate(_ranges(rng, departments or DEFAULT_DEPARTMENTS)):
        code = f"{department[:2].upper()}-{1000 + style}"
        price = round(kind.price_cents * float(rng.uniform(0.85, 1.2)) / 100) * 100 - 10
        for size, share in kind.sizes:
            left = items - sum(pieces)
            if left <= 0:
                break
            wanted = max(1, int(rng.poisson(PER_SIZE * len(kind.sizes) * share)))
            number = next(numbers, None)
            if number is None:
                break
            pieces.append(min(wanted, left))
            low = max(1, round(wanted * 0.25))
            products.append(
                Product(
                    gtin=number[0],
                    style=code,
                    colour=colour,
                    size=size,
                    description=f"{kind.name}, {colour}, {size}",
                    department=department,
                    min_floor=low,
                    max_floor=max(low + 1, round(wanted * 0.6)),
                    price_cents=price,
                    fixture=fixture,
                    company_prefix_length=number[1],
                )
            )
        left = items - sum(pieces)
        if left <= 0 or number is None:
            break
    # A long company prefix leaves room for few products only: they are then stocked deeper.
    for extra in range(left):
        pieces[extra % len(pieces)] += 1
    return Catalogue(tuple(products), tuple(pieces), fixture + 1)


def _ranges(rng: np.random.Generator, departments: tuple[str, ...]) -> Iterator[tuple[int, str, Kind, str]]:
    """Endless styles (number, department, kind, colour), two or three colours each, the departments in turn."""
    everything = tuple(kind for kinds in GARMENTS.values() for kind in kinds)
    style = -1
    while True:
        for department in departments:
            style += 1
            name = department.lower()
            kinds = GARMENTS.get(ALIASES.get(name, name), everything)
            kind = kinds[int(rng.integers(len(kinds)))]
            for colour in rng.permutation(len(COLOURS))[: int(rng.integers(2, 4))]:
                yield style, department, kind, COLOURS[int(colour)]


def _gtins(prefixes: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """GTIN-14s (indicator 0) under the prefixes in turn, each with the prefix length that a tag states."""
    for prefix in prefixes:
        if not (prefix.isascii() and prefix.isdigit() and 4 <= len(prefix) <= 12):
            raise CatalogueError(f"company prefix {prefix!r}: expected 4 to 12 digits")
    room = {prefix: 10 ** (12 - len(prefix)) for prefix in prefixes}
    reference = 0
    while any(reference < size for size in room.values()):
        for prefix in prefixes:
            if reference < room[prefix]:
                digits = len(prefix)
                body = "0" + prefix + (f"{_scatter(reference, 12 - digits):0{12 - digits}d}" if digits < 12 else "")
                yield body + check_digit(body), max(COMPANY_PREFIX_MIN, digits)
        reference += 1


def _scatter(reference: int, digits: int) -> int:
    """Item references 1000, 1001, ... while there is room, as a company that started long ago has given them out."""
    room = int(10**digits)
    return (reference + min(1_000, room // 10)) % room


HEADER: Final = (
    "gtin",
    "style",
    "colour",
    "size",
    "description",
    "department",
    "min_floor",
    "max_floor",
    "price",
)


def write_catalogue(catalogue: Catalogue, stream: TextIO) -> None:
    """Write the catalogue file: CSV with a header, one row per GTIN, prices with two decimals."""
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(HEADER)
    for product in catalogue.products:
        rows.writerow(
            (
                product.gtin,
                product.style,
                product.colour,
                product.size,
                product.description,
                product.department,
                product.min_floor,
                product.max_floor,
                f"{product.price_cents / 100:.2f}",
            )
        )
