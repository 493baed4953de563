"""The tags of a store: EPC and product of every item, and the tags of other companies that shoppers bring along."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.catalogue import Catalogue
from wire.epc import encode_sgtin96
from wire.gs1.check_digit import check_digit

FOREIGN_PREFIX: Final = "9521141"
"""A prefix of the range that GS1 keeps for demonstrations; no store of ours sells under it."""

FOREIGN_UNENCODED: Final = 4
"""Every fourth foreign tag never got an EPC: it shows the number of its chip's maker (header E2)."""

SERIAL_FIRST_MAX: Final = 2**37
"""Serials start anywhere in the lower half of 38 bits, so that a run of them always fits."""


@dataclass(frozen=True, slots=True)
class Tags:
    """All tags by number: first the items of the store, then the foreign ones.

    `epcs` uint8 [tags, 12]; `product[i]` is the position of item i in the catalogue.
    """

    epcs: NDArray[np.uint8]
    product: NDArray[np.int64]

    @property
    def items(self) -> int:
        """Number of items of the store."""
        return len(self.product)

    def epc(self, tag: int) -> bytes:
        """EPC of a tag, 12 bytes."""
        return bytes(self.epcs[tag])


def make_tags(catalogue: Catalogue, foreign: int, rng: np.random.Generator) -> Tags:
    """Encode every item: the serials of one GTIN follow each other, as a printer gives them out."""
    product = np.repeat(np.arange(len(catalogue.products)), catalogue.pieces)
    rows: list[bytes] = []
    firsts = rng.integers(1, SERIAL_FIRST_MAX, len(catalogue.products))
    for made, pieces, first in zip(catalogue.products, catalogue.pieces, firsts.tolist(), strict=True):
        rows.extend(
            encode_sgtin96(made.gtin, first + k, company_prefix_length=made.company_prefix_length)
            for k in range(pieces)
        )
    rows.extend(_foreign(number, rng) for number in range(foreign))
    return Tags(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 12), product)


def _foreign(number: int, rng: np.random.Generator) -> bytes:
    if number % FOREIGN_UNENCODED == FOREIGN_UNENCODED - 1:
        return bytes([0xE2, 0x80, 0x11, 0x60]) + rng.bytes(8)
    body = f"0{FOREIGN_PREFIX}{int(rng.integers(100_000)):05d}"
    serial = int(rng.integers(1, SERIAL_FIRST_MAX))
    return encode_sgtin96(body + check_digit(body), serial, company_prefix_length=len(FOREIGN_PREFIX))
