"""What an operation says, as values: parsed and checked in their form, not yet against what is there."""

from typing import Final, NamedTuple

import msgspec

from gateway.ledger.accounts import OWN
from gateway.ledger.totals import BookRow

INSPECT: Final = "inspect"
RESTOCK: Final = "restock"
DAMAGE: Final = "damaged"
"""What is to become of returned goods."""


class ItemName(NamedTuple):
    """The identity of an item."""

    gtin: str
    serial: str


class Goods(msgspec.Struct, frozen=True):
    """Goods of one operation: items that are named, each once, and units of SKUs, each SKU once."""

    items: tuple[ItemName, ...] = ()
    units: tuple[tuple[str, int], ...] = ()

    @property
    def gtins(self) -> list[str]:
        """The SKUs, in order."""
        return sorted({item.gtin for item in self.items} | {gtin for gtin, _ in self.units})

    @property
    def quantity(self) -> int:
        """Units in all."""
        return len(self.items) + sum(units for _, units in self.units)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What every operation says: the sender's own name of the event, the site, and when it happened."""

    event: str
    site: str
    at_us: int


class Sale(Said, frozen=True, kw_only=True):
    """Goods were sold. `reservation`: whose units they are, if they were held."""

    goods: Goods
    channel: str = ""
    reservation: str = ""


class Return(Said, frozen=True, kw_only=True):
    """Goods came back from a shopper, to any site: to be inspected, or looked at already (`restock`, `damaged`)."""

    goods: Goods
    disposition: str = INSPECT
    zone: str = ""


class Inspection(Said, frozen=True, kw_only=True):
    """Somebody looked at returned goods: some can be sold again, some are damaged. `zone`: where the good ones lie."""

    restock: Goods = Goods()
    damaged: Goods = Goods()
    zone: str = ""


class Notice(Said, frozen=True, kw_only=True):
    """Goods will come to `site`: an advance shipping notice (ASN) named `shipment`."""

    shipment: str
    goods: Goods
    sscc: str = ""


class Receipt(Said, frozen=True, kw_only=True):
    """Goods came in: of the shipment that is named, or that carries the SSCC, or of none.

    `complete`: nothing more comes of that shipment. `all_that_is_left`: all of it that did not come yet, came.
    `by_reads`: beside `goods` came what the readers at the dock have read (`gateway.trade.dock`).
    """

    goods: Goods
    shipment: str = ""
    sscc: str = ""
    zone: str = ""
    complete: bool = False
    all_that_is_left: bool = False
    by_reads: bool = False
    owner: str = OWN


class Transfer(Said, frozen=True, kw_only=True):
    """Goods go from `site` to another; `ship`: they have left, otherwise they are requested or announced only."""

    shipment: str
    to_site: str
    goods: Goods
    sscc: str = ""
    ship: bool = True


class Step(Said, frozen=True, kw_only=True):
    """A transfer goes on: `ship` or `cancel`. `site` is the one that sends.

    `goods`: what really leaves, in the place of what was asked for; none: that.
    """

    shipment: str
    action: str
    goods: Goods = Goods()


class Count(Said, frozen=True, kw_only=True):
    """Somebody counted: the items of a zone with `coverage`, and units without tags in the whole site."""

    zone: str = ""
    coverage: float = 1.0
    items: tuple[ItemName, ...] = ()
    untagged: tuple[tuple[str, int], ...] = ()
    owner: str = OWN


class Delta(Said, frozen=True, kw_only=True):
    """Units change their state for a reason: named items, and units without tags, more or (below 0) fewer."""

    reason: str
    items: tuple[ItemName, ...] = ()
    units: tuple[tuple[str, int], ...] = ()
    zone: str = ""
    owner: str = OWN


class SetRow(msgspec.Struct, frozen=True):
    """What somebody says that there is of a SKU, and the version of the row that he has seen."""

    gtin: str
    quantity: int
    expected_version: int


class SetTo(Said, frozen=True, kw_only=True):
    """Quantities as another system has them, with all sales up to `includes_sales_through_us` taken off."""

    rows: tuple[SetRow, ...]
    quantity_kind: str
    includes_sales_through_us: int
    owner: str = OWN


class Totals(Said, frozen=True, kw_only=True):
    """A feed of totals of all stock: compared with what the tags say, never added."""

    rows: tuple[BookRow, ...]


References = tuple[tuple[str, str], ...]
"""What the event is called elsewhere: (name, value). Kept apart from all that is never erased."""
