"""Two tags on one piece: pairs of items of one SKU that always move together. Pure.

Two movements of one SKU between the same places within `TOGETHER_US`, and no third one, are a move side by side. A pair
is suspected when there were `TOGETHER_MOVES` of them, at `TOGETHER_VISITS` times that lie half an hour apart, over
`TOGETHER_PLACES` places, and neither ever moved without the other. Anything less happens to two pieces that hang side
by side; therefore a pair that never moves is never found. What is remembered begins with the process.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.clock import iso
from gateway.exceptions.alarm import Kind, NewAlarm, name_of
from gateway.exceptions.facts import ItemName, Move, Product
from gateway.exceptions.limits import (
    PAIRS_MAX,
    TOGETHER_MOVES,
    TOGETHER_PLACES,
    TOGETHER_US,
    TOGETHER_VISITS,
    VISIT_US,
)


class Pair(NamedTuple):
    """Two items of one SKU, in order."""

    gtin: str
    one: str
    other: str


@dataclass(slots=True)
class _Together:
    """What a pair did side by side."""

    moves: int = 0
    visits: int = 0
    newest_us: int = 0
    first_us: int = 0
    places: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Group:
    """Movements of one SKU between the same places, about the same time."""

    first_us: int
    serials: set[str]
    apart: bool = False


class Together:
    """Pairs of one site's items. `take` its movements in order, then ask for `alarms`."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._open: OrderedDict[tuple[str, str, str], _Group] = OrderedDict()
        self._pairs: OrderedDict[Pair, _Together] = OrderedDict()
        self._partner: dict[ItemName, str] = {}
        self._alone: OrderedDict[ItemName, None] = OrderedDict()
        self.forgotten = 0

    def take(self, moves: Iterable[Move]) -> None:
        """Take movements in order."""
        for move in moves:
            self.settle(move.at_us)
            key = (move.name.gtin, move.from_zone, move.to_zone)
            group = self._open.get(key)
            if group is not None and abs(move.at_us - group.first_us) > TOGETHER_US:
                self._close(key)
                group = None
            if group is None:
                self._open[key] = _Group(move.at_us, {move.name.serial})
            else:
                group.serials.add(move.name.serial)
        self._bound()

    def settle(self, now_us: int) -> None:
        """Judge groups to which nothing can be added any more, the oldest first."""
        while self._open:
            key, group = next(iter(self._open.items()))
            if group.first_us >= now_us - 2 * TOGETHER_US:
                break
            self._close(key)
        self._bound()

    def parted(self, pair: Pair) -> bool:
        """Whether one of a pair was seen to move without the other."""
        return any(ItemName(pair.gtin, serial) in self._alone for serial in (pair.one, pair.other))

    def alarms(self, products: Mapping[str, Product]) -> list[NewAlarm]:
        """Return the alarms of pairs that are suspected."""
        found = []
        for pair, what in sorted(self._pairs.items(), key=lambda entry: entry[0]):
            enough = what.moves >= TOGETHER_MOVES and what.visits >= TOGETHER_VISITS
            if not enough or len(what.places) < TOGETHER_PLACES:
                continue
            product = products.get(pair.gtin, Product(pair.gtin))
            found.append(
                NewAlarm(
                    site=self._site,
                    kind=Kind.DOUBLE_TAG,
                    dedup=pair_name(pair),
                    gtin=pair.gtin,
                    serial=pair.one,
                    text=f"{product}: serials {pair.one} and {pair.other} always move together: one piece, two tags?",
                    evidence={
                        "serials": [pair.one, pair.other],
                        "moves": what.moves,
                        "visits": what.visits,
                        "places": sorted(what.places),
                        "since": iso(what.first_us),
                    },
                )
            )
        return found

    def gtins(self) -> set[str]:
        """Return the SKUs of pairs that are remembered."""
        return {pair.gtin for pair, what in self._pairs.items() if what.moves >= TOGETHER_MOVES}

    def _close(self, key: tuple[str, str, str]) -> None:
        gtin, from_zone, to_zone = key
        group = self._open.pop(key)
        if len(group.serials) != 2:
            for serial in group.serials:
                self._part(ItemName(gtin, serial))
            return
        one, other = sorted(group.serials)
        pair = Pair(gtin, one, other)
        names = ItemName(gtin, one), ItemName(gtin, other)
        if any(self._partner.get(name, serial) != serial for name, serial in zip(names, (other, one), strict=True)):
            for name in names:  # it moved with a third one before
                self._part(name)
            return
        if any(name in self._alone for name in names):
            return
        self._partner |= {names[0]: other, names[1]: one}
        what = self._pairs.setdefault(pair, _Together(first_us=group.first_us))
        what.moves += 1
        what.visits += what.newest_us == 0 or group.first_us - what.newest_us >= VISIT_US
        what.newest_us = max(what.newest_us, group.first_us)
        what.places |= {from_zone, to_zone}
        self._pairs.move_to_end(pair)

    def _part(self, name: ItemName) -> None:
        """Remember that an item moves without another one."""
        self._alone[name] = None
        self._alone.move_to_end(name)
        partner = self._partner.pop(name, None)
        if partner is not None:
            self._partner.pop(ItemName(name.gtin, partner), None)
            one, other = sorted((name.serial, partner))
            self._pairs.pop(Pair(name.gtin, one, other), None)

    def _bound(self) -> None:
        while len(self._open) > PAIRS_MAX:
            self._close(next(iter(self._open)))
        while len(self._pairs) > PAIRS_MAX:
            pair, _ = self._pairs.popitem(last=False)
            self._partner.pop(ItemName(pair.gtin, pair.one), None)
            self._partner.pop(ItemName(pair.gtin, pair.other), None)
            self.forgotten += 1
        while len(self._alone) > PAIRS_MAX:
            self._alone.popitem(last=False)


def pair_name(pair: Pair) -> str:
    """Return the name of the alarm of a pair."""
    return name_of(Kind.DOUBLE_TAG, *pair)
