"""The true places of all pieces of the chain. Nobody in it sees this but shoppers and staff, where they stand."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.chain.demand import Sku, Week
from simulator.chain.watch import BACK, FIT, FLOOR_0, FLOOR_1, GONE, POS

IN_HAND = 6
"""The place of goods that staff took for an order: packed, or waiting behind the till."""

INSIDE = (BACK, FLOOR_0, FLOOR_1, FIT, POS)


@dataclass(slots=True, eq=False)
class Item:
    """A piece of stock in a store. `place`: where it truly is."""

    serial: str
    sku: int
    shop: int
    tagged: bool
    place: int


@dataclass(slots=True)
class Goods:
    """All pieces, by store, SKU and place. Order is that of arrival: the same run gives the same lists."""

    skus: tuple[Sku, ...]
    _there: dict[tuple[int, int, int], list[Item]] = field(default_factory=lambda: defaultdict(list))
    _made: int = 0

    def make(self, shop: int, sku: int, place: int, *, tagged: bool, serial: str = "") -> Item:
        """A piece comes to a store; `serial`: its own, else the next number."""
        if not serial:
            self._made += 1
            serial = f"{self._made}"
        item = Item(serial, sku, shop, tagged, place)
        self._there[shop, sku, place].append(item)
        return item

    def move(self, item: Item, place: int) -> None:
        """A piece goes to another place."""
        self._there[item.shop, item.sku, item.place].remove(item)
        item.place = place
        if place != GONE:
            self._there[item.shop, item.sku, place].append(item)

    def at(self, shop: int, sku: int, place: int) -> list[Item]:
        """Return what lies in a place; not to be changed."""
        return self._there.get((shop, sku, place), [])

    def inside(self, shop: int, sku: int) -> int:
        """Return the units in a store that nobody took for an order."""
        return sum(len(self.at(shop, sku, place)) for place in INSIDE)

    def home(self, sku: int) -> int:
        """Return the floor zone where a SKU belongs."""
        return FLOOR_0 if self.skus[sku].department == 0 else FLOOR_1

    def on_floor(self, shop: int) -> list[Item]:
        """Return all that hangs on the floor of a store, in order."""
        floors = [(sku, place) for one, sku, place in self._there if one == shop and place in (FLOOR_0, FLOOR_1)]
        return [item for sku, place in sorted(floors) for item in self._there[shop, sku, place]]

    def misplaced(self) -> Iterator[Item]:
        """Yield what lies in the wrong department, in order."""
        wrong = {FLOOR_0: FLOOR_1, FLOOR_1: FLOOR_0}
        for shop, sku, place in sorted(self._there):
            if place == wrong[self.home(sku)]:
                yield from list(self._there[shop, sku, place])


def opened(week: Week) -> tuple[Goods, list[Item]]:
    """Return the goods as they lie on Monday morning, and all pieces in order."""
    goods = Goods(week.skus)
    items = []
    for shop, opening in enumerate(week.openings):
        items += [goods.make(shop, piece.sku, BACK, tagged=piece.tagged) for piece in opening.back]
        items += [goods.make(shop, piece.sku, goods.home(piece.sku), tagged=piece.tagged) for piece in opening.floor]
    return goods, items
