"""People in the stores: they look for a size, try it, buy it or hang it back, somewhere; and a few steal."""

from collections import Counter
from collections.abc import Callable

from bench.chain.agenda import Scene, nobody
from bench.chain.books import Books
from simulator.chain.demand import Theft, Want, exponential
from simulator.chain.goods import Item
from simulator.chain.watch import BACK, FIT, FLOOR_0, FLOOR_1, GONE, POS

_POS_MIN = 2.0
_BROWSE_MIN = 3.0

OnSold = Callable[[Item], None]


class Shoppers:
    """What shoppers do to the goods. Whoever holds a piece decides by her own dice, whichever rule runs the chain."""

    def __init__(self, scene: Scene, books: Books) -> None:
        self._chain, self._goods, self._agenda, self._books = scene.chain, scene.goods, scene.agenda, books
        self.counts: Counter[str] = Counter()
        self.on_sold: OnSold = nobody

    def come(self, want: Want) -> None:
        """Somebody looks for a size."""
        self.counts["wants"] += 1
        buys = want.dice[0] < self._chain.buys
        self.counts["would_buy"] += buys
        if self._serve(want, want.sku):
            return
        absent = self._goods.inside(want.shop, want.sku) == 0
        if want.other >= 0 and want.dice[3] < self._chain.substitutes and self._serve(want, want.other):
            self.counts["substituted"] += buys
            return
        if buys:
            self.counts["lost_absent" if absent else "lost_not_shown"] += 1

    def _serve(self, want: Want, sku: int) -> bool:
        """Whether she gets it into her hands, from the floor or, if she asks, from the back room."""
        floor = self._goods.at(want.shop, sku, self._goods.home(sku))
        if floor:
            self._take(want, floor[int(want.dice[4] * len(floor))])
            return True
        back = self._goods.at(want.shop, sku, BACK)
        if want.dice[2] < self._chain.asks and back and want.dice[5] < self._chain.finds:
            self.counts["fetched"] += 1
            item = back[0]
            self._go(item, self._goods.home(sku))
            self._take(want, item)
            return True
        return False

    def _take(self, want: Want, item: Item) -> None:
        """She takes a piece: to the fitting room, or in her hand over the floor."""
        buys = want.dice[0] < self._chain.buys
        if want.dice[1] < self._chain.tries:
            self._go(item, FIT)
            minutes = exponential(want.dice[6], self._chain.try_min)
        else:
            minutes = exponential(want.dice[6], _BROWSE_MIN)
        if buys:
            self._agenda.after(minutes, lambda: self._pay(item))
        elif item.place == FIT or want.dice[7] < self._chain.misplaced:
            self._agenda.after(minutes, lambda: self._hang_back(want, item))

    def _go(self, item: Item, place: int) -> None:
        if item.place != place:
            self._goods.move(item, place)
            self._books.moved(item)

    def _pay(self, item: Item) -> None:
        if item.place not in (FIT, FLOOR_0, FLOOR_1):
            self.counts["snatched"] += 1  # staff took it for an order while she thought about it
            return
        self._go(item, POS)
        self._agenda.after(_POS_MIN, lambda: self._sell(item))

    def _sell(self, item: Item) -> None:
        if item.place != POS:
            return
        self._goods.move(item, GONE)
        self._books.sold(item)
        self.counts["sold"] += 1
        self.on_sold(item)

    def _hang_back(self, want: Want, item: Item) -> None:
        if item.place not in (FIT, FLOOR_0, FLOOR_1):
            return
        home = self._goods.home(item.sku)
        wrong = FLOOR_1 if home == FLOOR_0 else FLOOR_0
        self._go(item, wrong if want.dice[7] < self._chain.misplaced else home)

    def steal(self, theft: Theft) -> None:
        """Somebody takes a piece from the floor and leaves with it."""
        shelf = self._goods.on_floor(theft.shop)
        if shelf:
            self._go(shelf[int(theft.dice * len(shelf))], GONE)
            self.counts["stolen"] += 1

    def tidy(self) -> None:
        """In the evening staff set right what they see in the wrong department."""
        for item in self._goods.misplaced():
            number = int(item.serial.strip("abp").replace("-", ""))
            if number * 7919 % 1_000 / 1_000 < self._chain.recovered:
                self._go(item, self._goods.home(item.sku))
