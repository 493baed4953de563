"""How far a shipment is: expected, received, seen by readers, missing, unexpected. Pure.

A line with a serial expects (0 or 1) and receives (0 or 1) that item. A line without one expects some units of the SKU,
whichever they are, and receives units without tags; items of that SKU that no line names fill it, too.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from gateway.http.trade_rows import ShipmentLine
from gateway.trade.said import ItemName


class Line(NamedTuple):
    """A line of a shipment as it is stored; an empty serial: units, whichever they are."""

    gtin: str
    serial: str
    expected: int
    received: int


class Progress(NamedTuple):
    """How far a shipment is, by SKU; and by name what is missing, and what nobody expected."""

    lines: list[ShipmentLine]
    missing: list[ItemName]
    unexpected: list[ItemName]

    @property
    def done(self) -> bool:
        """Whether nothing is missing any more."""
        return not any(line.missing for line in self.lines)


def progress(lines: Iterable[Line], seen: Collection[ItemName] = frozenset()) -> Progress:
    """Return how far a shipment is; `seen` are items that are inside the site."""
    by_sku: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_sku[line.gtin].append(line)
    found = Progress([], [], [])
    for gtin, of_sku in sorted(by_sku.items()):
        _add(found, gtin, of_sku, seen)
    return found


def _add(found: Progress, gtin: str, lines: list[Line], seen: Collection[ItemName]) -> None:
    named = [line for line in lines if line.serial]
    loose_expected = sum(line.expected for line in lines if not line.serial)
    loose_received = sum(line.received for line in lines if not line.serial)
    missing = sorted(ItemName(gtin, line.serial) for line in named if line.expected > line.received)
    extra = sorted(ItemName(gtin, line.serial) for line in named if line.received > line.expected)
    filled = min(loose_expected, loose_received + len(extra))
    beyond = loose_received + len(extra) - filled
    found.missing.extend(missing)
    found.unexpected.extend(extra[max(0, len(extra) - beyond) :])
    found.lines.append(
        ShipmentLine(
            gtin=gtin,
            expected=sum(line.expected for line in lines),
            received=sum(line.received for line in lines),
            seen=sum(ItemName(gtin, line.serial) in seen for line in named),
            missing=len(missing) + loose_expected - filled,
            unexpected=beyond,
        )
    )
