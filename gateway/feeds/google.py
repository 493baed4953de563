"""Google's local inventory feed: which product is in which store, as Merchant Center fetches it. Pure.

A tab-separated text file with a line of names, in Google's words (Merchant Center Help, "Local inventory data
specification"): `store_code`, `id`, `quantity`, `availability`, and where the merchant asks for them `price`,
`pickup_method` and `pickup_sla`. `store_code` is the site's id, which has to be the store code of the Business Profile;
`id` is the GTIN-14, which has to be the `id` of the product feed.

`quantity` is what the channel may sell, never a count. `availability` follows from it as Google's inventory feed
specification draws the line: three and more are in stock, one and two limited.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from gateway.availability import Policy
from gateway.http.ports import StockRow

PickupMethod = Literal["buy", "reserve", "ship to store", "not supported"]
PickupSla = Literal["same_day", "next_day", "2-day", "3-day", "4-day", "5-day", "6-day", "multi-week"]

IN_STOCK: Final = "in_stock"
LIMITED: Final = "limited_availability"
OUT_OF_STOCK: Final = "out_of_stock"
IN_STOCK_LEAST: Final = 3

_BREAKS: Final = str.maketrans("\t\r\n", "   ")


@dataclass(frozen=True, slots=True)
class Options:
    """Columns that the merchant asks for: prices in this currency (ISO 4217), and how a product is picked up."""

    currency: str = ""
    pickup_method: str = ""
    pickup_sla: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        asked = (("price", self.currency), ("pickup_method", self.pickup_method), ("pickup_sla", self.pickup_sla))
        return ("store_code", "id", "quantity", "availability", *(name for name, value in asked if value))


def availability_of(atp: int) -> str:
    """Return Google's word for a number of units."""
    return IN_STOCK if atp >= IN_STOCK_LEAST else LIMITED if atp else OUT_OF_STOCK


def head(options: Options) -> bytes:
    """Return the line of names."""
    return _line(options.columns)


def lines(site: str, rows: Iterable[StockRow], policy: Policy, options: Options) -> Iterator[bytes]:
    """Yield a line for each SKU of a site; a price is left empty where the catalogue has none."""
    for row in rows:
        atp = row.offer(policy).atp
        fields = [site, row.gtin, str(atp), availability_of(atp)]
        if options.currency:
            fields.append(f"{row.price} {options.currency}" if row.price else "")
        fields += [value for value in (options.pickup_method, options.pickup_sla) if value]
        yield _line(fields)


def _line(fields: Iterable[str]) -> bytes:
    return "\t".join(field.translate(_BREAKS) for field in fields).encode() + b"\n"
