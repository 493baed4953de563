"""Restricted numbers: codes that a shop or a country gives itself, often with a price or weight inside.

A GTIN-13 that begins with 02 or 20 to 29 (GTIN-12: 2) follows its country's rules, one with 04 (GTIN-12: 4)
and a GTIN-8 with 0 or 2 its company's (GS1 General Specifications, section 2.1.11). None of them is unique
in the world: they must not stand in an EPC (TDS sections 7.3.3 to 7.3.5). biip knows the rules
of nine countries; the key for the catalogue is the number with the measure put to zero.
"""

from decimal import Decimal
from typing import Final

import msgspec
from biip import EncodeError, ParseConfig, ParseError
from biip.gtin import Gtin
from biip.rcn import Rcn, RcnRegion

from wire.gs1.errors import BadCheckDigit
from wire.gs1.gtin import Gtin14

RESTRICTED_PREFIXES: Final = frozenset(("02", "04", *(str(prefix) for prefix in range(20, 30))))
"""First two of the 13 digits."""

REGIONS: Final = frozenset(region.value for region in RcnRegion)

CONFIGS: Final = {region: ParseConfig(rcn_region=region) for region in REGIONS}


class Restricted(msgspec.Struct, frozen=True, gc=False):
    """What is inside a restricted number: `key` for the catalogue, and the measure if the region's rules say where."""

    key: Gtin14
    price: Decimal | None = None
    weight_kg: Decimal | None = None
    count: int | None = None


def is_restricted(gtin: str) -> bool:
    """Whether a GTIN-14 is a restricted number, by its prefix alone."""
    if gtin[0] != "0":
        return False
    if gtin.startswith("000000"):
        return gtin[6] in "02"
    return gtin[1:3] in RESTRICTED_PREFIXES


def read_restricted(gtin: Gtin14, region: str = "") -> Restricted:
    """The parts of a restricted number under the rules of a region ("de"); without rules the key is the number itself.

    Raises:
        BadCheckDigit: the measure's own check digit is wrong.
    """
    config = CONFIGS.get(region.lower())
    if config is None:
        return Restricted(gtin)
    try:
        number = Gtin.parse(gtin, config=config)
    except ParseError as error:
        raise BadCheckDigit(
            "price-embedded GTIN", value=gtin, expected="the measure's check digit", found=str(error)
        ) from error
    if not isinstance(number, Rcn):
        return Restricted(gtin)
    try:
        key = Gtin14(number.without_variable_measure().as_gtin_14())
    except EncodeError:
        key = gtin
    return Restricted(key, number.price, number.weight, number.count)
